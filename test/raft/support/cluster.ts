import { Raft } from "../../../shared/raft/raft.ts";
import type {
  AppendEntries,
  Entry,
  Message,
  NodeId,
  OutgoingMessage,
  RaftEvent,
  StepResult,
  Work,
} from "../../../shared/raft/types.ts";
import { describeMessage, describePersist, describeTrace } from "./describe.ts";
import type { Image } from "./disk.ts";
import { Disk, emptyImage, restoredFrom, written } from "./disk.ts";
import type { History, Observed, Violation } from "./invariants.ts";
import { noHistory, observe, regressions, same, violations } from "./invariants.ts";
import type { SettingOverrides } from "./settings.ts";
import { settingsFor } from "./settings.ts";

/** A message under way. `held` until the write of that number is durable at its sender. */
export interface Letter {
  readonly id: number;
  readonly message: Message;
}

interface Held {
  readonly until: number;
  readonly message: Message;
}

interface Machine {
  readonly id: NodeId;
  overrides: SettingOverrides;
  core: Raft | null;
  boot: number;
  readonly disk: Disk;
  /** Whether writes complete as soon as they are handed out. */
  diskIsFast: boolean;
  /** Entries as the core knows them, durable or not: what a node loop reads messages from. */
  log: readonly Entry[];
  applied: number;
  held: Held[];
  lastPersist: number;
  durablePersist: number;
  deadline: number;
  /** How far this machine's clock is ahead of the cluster's. */
  aheadMs: number;
  /** A message of unknown size carries at most this many entries. */
  prefix: number;
}

/**
 * Cores, their disks and a network between them, all moved by hand: nothing happens that a test has not asked for,
 * and after every step the promises of Raft are checked from outside.
 */
export class Cluster {
  readonly machines = new Map<NodeId, Machine>();
  /** Under way, oldest first. */
  letters: Letter[] = [];
  now = 0;
  /** Links that lose everything, as `A>B`. */
  readonly cut = new Set<string>();
  history: History = noHistory;
  /** What happened since it was last read: one line each. */
  log: string[] = [];
  readonly reads: { node: NodeId; readId: number; readIndex: number | null }[] = [];
  readonly #quorum: number;
  #nextLetter = 1;
  #before: readonly Observed[] = [];

  /** `quorum`: how many disks must hold what is committed. */
  constructor(quorum: number) {
    this.#quorum = quorum;
  }

  add(id: NodeId, image: Image = emptyImage, overrides: SettingOverrides = {}, commitIndex = 0): void {
    this.machines.set(id, {
      id,
      overrides,
      core: null,
      boot: 0,
      disk: new Disk(image),
      diskIsFast: true,
      log: [],
      applied: 0,
      held: [],
      lastPersist: 0,
      durablePersist: 0,
      deadline: 0,
      aheadMs: 0,
      prefix: Number.POSITIVE_INFINITY,
    });
    this.#boot(this.machine(id), commitIndex);
  }

  machine(id: NodeId): Machine {
    const machine = this.machines.get(id);
    if (machine === undefined) throw new Error(`no machine ${id}`);
    return machine;
  }

  core(id: NodeId): Raft {
    const { core } = this.machine(id);
    if (core === null) throw new Error(`${id} is down`);
    return core;
  }

  /** Starts a machine from what its disk holds. */
  start(id: NodeId, commitIndex = 0, quiet = false): void {
    this.#boot(this.machine(id), commitIndex, quiet);
    this.#check();
  }

  #boot(machine: Machine, commitIndex: number, quiet = false): void {
    const { id } = machine;
    machine.boot++;
    machine.log = machine.disk.image.log;
    machine.applied = commitIndex;
    machine.lastPersist = 0;
    machine.durablePersist = 0;
    machine.core = Raft.restore(
      settingsFor(id, machine.overrides),
      { ...restoredFrom(machine.disk.image, commitIndex), quiet },
      id.charCodeAt(0) * 7919 + machine.boot,
      this.clock(id),
    );
    this.#work(machine);
  }

  /** Power is lost; `kept` of the writes under way reached the disk. */
  crash(id: NodeId, kept = 0): void {
    const machine = this.machine(id);
    machine.disk.crash(kept);
    machine.core = null;
    machine.held = [];
    this.#check();
  }

  clock(id: NodeId): number {
    return this.now + this.machine(id).aheadMs;
  }

  step(id: NodeId, event: RaftEvent): StepResult {
    const result = this.core(id).step(event, this.clock(id));
    this.#work(this.machine(id));
    this.#check();
    return result;
  }

  /** Steps several events before any of their work is done, as a loop does that gathers what has arrived. */
  stepTogether(id: NodeId, events: readonly RaftEvent[]): void {
    for (const event of events) this.core(id).step(event, this.clock(id));
    this.#work(this.machine(id));
    this.#check();
  }

  /** Completes the oldest write of a machine. */
  persist(id: NodeId): void {
    const machine = this.machine(id);
    const number = machine.disk.complete();
    machine.durablePersist = number;
    const due = machine.held.filter(({ until }) => until <= number);
    machine.held = machine.held.filter(({ until }) => until > number);
    for (const { message } of due) this.#post(machine, message);
    this.step(id, { type: "persisted", number });
  }

  /** Hands a message over and forgets it, unless it is to arrive again. */
  deliver(letter: Letter, again = false): void {
    if (!again) this.letters = this.letters.filter((other) => other !== letter);
    const { message } = letter;
    if (this.machine(message.to).core !== null) this.step(message.to, { type: "message", message });
  }

  drop(letter: Letter): void {
    this.letters = this.letters.filter((other) => other !== letter);
  }

  /** Delivers everything, and everything that follows from it, at this very moment. */
  settle(): void {
    for (let i = 0; this.letters.length > 0; i++) {
      if (i > 10_000) throw new Error("messages never end");
      this.deliver(this.letters[0] as Letter);
    }
  }

  /** Lets time pass: messages arrive at once, deadlines are served when they are due. */
  run(ms: number): void {
    const end = this.now + ms;
    for (let i = 0; ; i++) {
      if (i > 10_000) throw new Error("deadlines never end");
      this.settle();
      const due = [...this.machines.values()]
        .filter(({ core, deadline, aheadMs }) => core !== null && deadline - aheadMs <= end)
        .sort((a, b) => a.deadline - a.aheadMs - (b.deadline - b.aheadMs))[0];
      if (due === undefined) break;
      this.now = Math.max(this.now, due.deadline - due.aheadMs);
      this.step(due.id, { type: "deadline" });
    }
    this.now = end;
  }

  #work(machine: Machine): void {
    const work = this.core(machine.id).takeWork();
    for (const event of work.trace) this.#say(machine.id, describeTrace(event));
    this.#checkCommit(machine, work);
    if (work.persist) {
      machine.lastPersist = work.persist.number;
      machine.log = written(machine.log, work.persist.entries);
      machine.disk.pending.push(work.persist);
      if (!machine.diskIsFast) this.#say(machine.id, describePersist(work.persist));
    }
    machine.deadline = work.deadline;
    machine.applied = work.commit?.last ?? machine.applied;
    for (const message of work.send) this.#post(machine, fill(machine, message));
    for (const message of work.sendAfter) {
      machine.held.push({ until: machine.lastPersist, message: fill(machine, message) });
    }
    this.#release(machine);
    for (const { readId, readIndex } of work.reads) {
      this.reads.push({ node: machine.id, readId, readIndex });
      this.#say(machine.id, `read ${readId} ${readIndex === null ? "refused" : `at ${readIndex}`}`);
    }
    if (machine.diskIsFast) while (machine.disk.pending.length > 0) this.persist(machine.id);
  }

  /** What needed no write that is still under way may leave. */
  #release(machine: Machine): void {
    const due = machine.held.filter(({ until }) => until <= machine.durablePersist);
    machine.held = machine.held.filter(({ until }) => until > machine.durablePersist);
    for (const { message } of due) this.#post(machine, message);
  }

  #post(machine: Machine, message: Message): void {
    this.#checkPromise(machine, message);
    const lost = this.cut.has(`${message.from}>${message.to}`) || !this.machines.has(message.to);
    this.log.push(`${describeMessage(message)}${lost ? " (lost)" : ""}`);
    if (!lost) this.letters.push({ id: this.#nextLetter++, message });
  }

  #say(id: NodeId, what: string): void {
    this.log.push(`${id}: ${what}`);
  }

  observed(): Observed[] {
    return [...this.machines.values()].map(({ id, boot, core, disk, log }) => {
      if (core === null) return { id, boot, running: null, image: disk.image };
      const { role, term, commitIndex } = core.view();
      return { id, boot, running: { role, term, commitIndex, log }, image: disk.image };
    });
  }

  #check(): void {
    const nodes = this.observed();
    this.history = observe(this.history, nodes);
    const found = violations(this.history, nodes, this.#quorum);
    if (this.#before.length === nodes.length) found.push(...regressions(this.#before, nodes));
    for (const { id, core, log } of this.machines.values()) {
      if (core !== null && core.view().lastIndex !== log.length)
        found.push({ rule: "memory agrees with the core", detail: id });
    }
    this.#before = nodes;
    refuse(found);
  }

  /** A reply that depends on the disk may not leave before the disk has it (paper Figure 2). */
  #checkPromise(machine: Machine, message: Message): void {
    const { hardState, log } = machine.disk.image;
    if (message.type === "RequestVoteResponse" && message.voteGranted && !message.preVote) {
      const kept =
        hardState.term > message.requestTerm ||
        (hardState.term === message.requestTerm && hardState.votedFor === message.to);
      if (!kept) refuse([{ rule: "granted is durable", detail: describeMessage(message) }]);
    }
    if (message.type === "AppendEntriesResponse" && message.success && hardState.term <= message.term) {
      const kept =
        hardState.term === message.term &&
        log.length >= message.matchIndex &&
        (message.matchIndex === 0 ||
          this.core(machine.id).view().term > message.term ||
          same(log[message.matchIndex - 1], machine.log[message.matchIndex - 1]));
      if (!kept) refuse([{ rule: "acknowledged is durable", detail: describeMessage(message) }]);
    }
  }

  #checkCommit(machine: Machine, { commit }: Work): void {
    if (commit === null || commit.first === machine.applied + 1) return;
    refuse([{ rule: "monotonic", detail: `${machine.id} applies ${commit.first} after ${machine.applied}` }]);
  }
}

/** Takes the entries into a message the moment it is handed out, as a node loop must. */
function fill(machine: Machine, message: OutgoingMessage): Message {
  if (message.type !== "AppendEntries") return message;
  const { range, upTo, ...rest } = message;
  const last = upTo ? Math.min(range.last, range.first + machine.prefix - 1) : range.last;
  const filled: AppendEntries = { ...rest, entries: machine.log.slice(range.first - 1, last) };
  if (filled.entries.length !== last - range.first + 1) throw new Error(`${machine.id} has no ${last}`);
  return filled;
}

function refuse(found: readonly Violation[]): void {
  const [first] = found;
  if (first) throw new Error(`${first.rule}: ${first.detail}`);
}
