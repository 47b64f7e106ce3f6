import type {
  AppendEntries,
  Configuration,
  Entry,
  NodeId,
  RequestVote,
  StepResult,
} from "../../../shared/raft/types.ts";
import type { Letter } from "./cluster.ts";
import { Cluster } from "./cluster.ts";
import { describeEntries, messageKind } from "./describe.ts";
import type { SettingOverrides } from "./settings.ts";
import { configurationEntry, configurationOf, entry, timings } from "./settings.ts";

/** The words of a command after its verb. */
type Words = readonly string[];

/** Carries out the commands of a script, one by one, and says what came of each. */
export class Stage {
  #cluster = new Cluster(1);
  #configuration: Configuration = configurationOf([]);
  #settings: SettingOverrides = {};
  #payloads = 0;

  /** What happened and has not been said yet. */
  get log(): readonly string[] {
    return this.#cluster.log;
  }

  perform(command: string): string[] {
    const [verb = "", ...words] = command.split(/\s+/);
    const action = this.#actions[verb];
    if (action === undefined) throw new Error(`unknown command ${verb}`);
    const lines = action(words);
    const happened = this.#cluster.log;
    this.#cluster.log = [];
    return [...happened, ...(lines ?? [])];
  }

  readonly #actions: Record<string, (words: Words) => string[] | undefined> = {
    // ---- who is there ----

    /** `settings heartbeatMs=50`: for the machines that are added from here on. */
    settings: (words) => {
      for (const word of words) {
        const [name = "", value = ""] = word.split("=");
        this.#settings = { ...this.#settings, [name]: /^\d/.test(value) ? Number(value) : value };
      }
    },
    /** `members A B _C`: the configuration of the cluster to come; `_` is an open slot. */
    members: (words) => {
      this.#configuration = slots(words);
      this.#cluster = new Cluster(Math.floor(words.length / 2) + 1);
    },
    /** `cluster A B C`: members that all hold the first entry, committed. */
    cluster: (words) => {
      this.perform(`members ${words.join(" ")}`);
      for (const id of words) this.perform(`machine ${id} log 1 term 1 commit 1`);
    },
    /** `machine A log 1 1 4 term 6 vote B commit 1`: the terms of its entries; the first one is the configuration. */
    machine: (words) => {
      const [id = ""] = words;
      const field = (name: string) => wordsAfter(words, name);
      const log = field("log").map((term, i) => this.#entry(i + 1, Number(term)));
      const term = Number(field("term")[0] ?? 0);
      const votedFor = field("vote")[0] ?? null;
      this.#cluster.add(
        id,
        { hardState: { term, votedFor }, log },
        this.#settings,
        Number(field("commit")[0] ?? 0),
      );
    },
    /** `empty A`: a directory that was just made. */
    empty: (words) => {
      for (const id of words) this.#cluster.add(id, undefined, this.#settings);
    },
    /** `discovered A: A B _C` */
    discovered: ([id = "", ...words]) => {
      const configuration = words.length === 0 ? null : slots(words, `cluster of ${id.replace(":", "")}`);
      this.#cluster.step(id.replace(":", ""), { type: "discovered", configuration });
    },

    // ---- time ----

    /** `timeout A`: A's clock jumps to its deadline, which is served in time. */
    timeout: (words) => {
      for (const id of words) {
        const machine = this.#cluster.machine(id);
        machine.aheadMs = Math.max(machine.aheadMs, machine.deadline - this.#cluster.now);
        this.#cluster.step(id, { type: "deadline" });
      }
    },
    /** `elect A`: its patience ends and everything that follows arrives. */
    elect: ([id = ""]) => [...this.perform(`timeout ${id}`), ...this.perform("settle")],
    /** `sleep A 700`: A's clock goes on, A does nothing. */
    sleep: ([id = "", ms]) => {
      this.#cluster.machine(id).aheadMs += Number(ms);
    },
    /** `wake A`: its deadline is served now, however late. */
    wake: ([id = ""]) => {
      this.#cluster.step(id, { type: "deadline" });
    },
    /** `run 300`: time passes, messages arrive at once, deadlines are served. */
    run: ([ms]) => this.#cluster.run(Number(ms)) as undefined,
    /** `deadline A`: how long until its deadline. */
    deadline: ([id = ""]) => [
      `${Math.round(this.#cluster.machine(id).deadline - this.#cluster.clock(id))} ms`,
    ],

    // ---- the network ----

    /** `deliver A>B append`: what is under way from A to B now, oldest first; each part may be left out. */
    deliver: (words) => {
      for (const letter of this.#pick(words)) this.#cluster.deliver(letter);
    },
    /** `duplicate A>B vote`: delivers, and keeps a copy under way. */
    duplicate: (words) => {
      for (const letter of this.#pick(words)) this.#cluster.deliver(letter, true);
    },
    /** `newest A>B append`: the newest overtakes the others. */
    newest: (words) => {
      const letter = this.#pick(words).at(-1);
      if (letter) this.#cluster.deliver(letter);
    },
    /** `append A>F term 2 prev 1@1 entries 2@2 3@2 commit 1`: a leader that is not on the stage speaks. */
    append: ([link = "", ...words]) => {
      const [from = "", to = ""] = link.split(">");
      const [prevLogIndex = 0, prevLogTerm = 0] = place(wordsAfter(words, "prev")[0]);
      const message: AppendEntries = {
        type: "AppendEntries",
        from,
        to,
        leaderId: from,
        term: Number(wordsAfter(words, "term")[0]),
        prevLogIndex,
        prevLogTerm,
        leaderCommit: Number(wordsAfter(words, "commit")[0] ?? 0),
        heartbeatMs: Number(wordsAfter(words, "heartbeat")[0] ?? timings.heartbeatMs),
        round: 1,
        entries: wordsAfter(words, "entries").map((word) => this.#entry(...place(word))),
      };
      this.#cluster.step(to, { type: "message", message });
    },
    /** `forge A>B vote term 9`: a request for a vote that somebody makes by hand, in the name of A. */
    forge: ([link = "", kind, ...words]) => {
      const [from = "", to = ""] = link.split(">");
      const { log } = this.#cluster.machine(to);
      const message: RequestVote = {
        type: "RequestVote",
        from,
        to,
        term: Number(wordsAfter(words, "term")[0]),
        candidateId: from,
        lastLogIndex: log.length,
        lastLogTerm: log.at(-1)?.term ?? 0,
        preVote: kind === "pre-vote",
        leadershipTransfer: false,
      };
      this.#cluster.step(to, { type: "message", message });
    },
    drop: (words) => {
      for (const letter of this.#pick(words)) this.#cluster.drop(letter);
    },
    /** `settle`: all messages, and all that follow from them. */
    settle: () => this.#cluster.settle() as undefined,
    /** `cut A>B B>A` one way each; `cut A` from and to everybody. */
    cut: (words) => {
      for (const link of words.flatMap((word) => this.#links(word))) this.#cluster.cut.add(link);
    },
    heal: (words) => {
      if (words.length === 0) this.#cluster.cut.clear();
      for (const link of words.flatMap((word) => this.#links(word))) this.#cluster.cut.delete(link);
    },

    // ---- the host's events ----

    /** `propose A 3`: that many commands in one step. */
    propose: ([id = "", count = "1"]) => {
      const proposals = Array.from({ length: Number(count) }, () => ({
        size: 100,
        data: `command ${++this.#payloads}`,
      }));
      return refusal(this.#cluster.step(id, { type: "propose", proposals }));
    },
    read: ([id = "", readId]) => {
      this.#cluster.step(id, { type: "read", readId: Number(readId) });
    },
    /** `reads A 1 2`: within one turn. */
    reads: ([id = "", ...readIds]) =>
      this.#cluster.stepTogether(
        id,
        readIds.map((readId) => ({ type: "read", readId: Number(readId) })),
      ) as undefined,
    transfer: ([id = "", to]) => {
      this.#cluster.step(id, to === undefined ? { type: "transfer" } : { type: "transfer", to });
    },
    /** `call A`: somebody counts on A's cluster. */
    call: ([id = ""]) => {
      this.#cluster.step(id, { type: "wake" });
    },
    claim: ([id = "", name = ""]) => {
      const member = { id: name, storeId: `store-${name}`, address: `http://${name}` };
      return refusal(this.#cluster.step(id, { type: "claim", member }));
    },
    lost: ([id = "", peer = ""]) => {
      this.#cluster.step(id, { type: "peer-lost", peer });
    },
    unreachable: ([id = "", peer = ""]) => {
      this.#cluster.step(id, { type: "unreachable", peer });
    },

    // ---- disks and power ----

    /** `slow A`: from here on its writes wait for `persist`. */
    slow: (words) => {
      for (const id of words) this.#cluster.machine(id).diskIsFast = false;
    },
    fast: (words) => {
      for (const id of words) {
        this.#cluster.machine(id).diskIsFast = true;
        while (this.#cluster.machine(id).disk.pending.length > 0) this.#cluster.persist(id);
      }
    },
    persist: ([id = ""]) => this.#cluster.persist(id) as undefined,
    stalled: ([id = ""]) => {
      this.#cluster.step(id, { type: "storage-stalled" });
    },
    /** `crash A kept 1`: of the writes under way the first one reached the disk. */
    crash: ([id = "", , kept = "0"]) => this.#cluster.crash(id, Number(kept)) as undefined,
    /** `start A B`; `start A quiet`: as it was when it had fallen silent. */
    start: (words) => {
      const quiet = words.at(-1) === "quiet";
      for (const id of quiet ? words.slice(0, -1) : words) this.#cluster.start(id, 0, quiet);
    },
    /** `prefix A 2`: messages of entries whose size A does not know carry at most two. */
    prefix: ([id = "", count]) => {
      this.#cluster.machine(id).prefix = Number(count);
    },

    // ---- looking ----

    show: (words) =>
      (words.length > 0 ? words : [...this.#cluster.machines.keys()]).map((id) => this.#show(id)),
    peers: ([id = ""]) =>
      this.#cluster
        .core(id)
        .view()
        .peers.map((peer) => `${peer.id} ${peer.state} match ${peer.matchIndex} next ${peer.nextIndex}`),
  };

  #show(id: NodeId): string {
    const { core, log, disk } = this.#cluster.machine(id);
    if (core === null) return `${id} is down, on its disk ${describeEntries(disk.image.log)}`;
    const { role, term, leader, quiet, commitIndex, durableIndex, lastIndex } = core.view();
    const durable = durableIndex === lastIndex ? "" : ` durable ${durableIndex}`;
    const of = role === "Follower" ? ` of ${leader ?? "nobody"}` : "";
    return `${id} ${role}${of} term ${term} log ${describeEntries(log)} commit ${commitIndex}${durable}${quiet ? " quiet" : ""}`;
  }

  #entry(index: number, term: number): Entry {
    return index === 1 ? configurationEntry(1, term, this.#configuration) : entry(index, term);
  }

  #pick(words: Words): Letter[] {
    const link = words.find((word) => word.includes(">"));
    const kind = words.find((word) => !word.includes(">"));
    return this.#cluster.letters.filter(
      ({ message }) =>
        (link === undefined || this.#links(link).includes(`${message.from}>${message.to}`)) &&
        (kind === undefined || kind === messageKind(message)),
    );
  }

  #links(word: string): string[] {
    if (/^\w+>\w+$/.test(word)) return [word];
    const id = word.replace(">", "");
    const others = [...this.#cluster.machines.keys()].filter((other) => other !== id);
    if (word.endsWith(">")) return others.map((other) => `${id}>${other}`);
    if (word.startsWith(">")) return others.map((other) => `${other}>${id}`);
    return others.flatMap((other) => [`${id}>${other}`, `${other}>${id}`]);
  }
}

function slots(words: Words, clusterId?: string): Configuration {
  const named = words.filter((word) => !word.startsWith("_"));
  const open = words.filter((word) => word.startsWith("_")).map((word) => word.slice(1));
  return configurationOf(named, open, clusterId);
}

function place(word = "0"): [index: number, term: number] {
  const [index, term] = word.split("@");
  return [Number(index), Number(term ?? 0)];
}

const fields = ["log", "term", "vote", "commit", "prev", "entries", "heartbeat"];

function wordsAfter(words: Words, field: string): Words {
  const rest = words.slice(words.indexOf(field) + 1);
  if (!words.includes(field)) return [];
  const end = rest.findIndex((word) => fields.includes(word));
  return end === -1 ? rest : rest.slice(0, end);
}

function refusal(result: StepResult): string[] {
  return result.accepted ? [] : [`refused: ${result.reason}`];
}
