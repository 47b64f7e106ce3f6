import { Raft } from "../../../shared/raft/raft.ts";
import type {
  AppendEntriesRange,
  Entry,
  Message,
  NodeId,
  OutgoingMessage,
  RaftEvent,
  StepResult,
  Work,
} from "../../../shared/raft/types.ts";
import { restoredFrom } from "./disk.ts";
import { ack, preVoteReply, self, voteReply } from "./messages.ts";
import type { SettingOverrides } from "./settings.ts";
import { configurationEntry, configurationOf, entriesOf, settingsFor } from "./settings.ts";

export interface SoloOptions {
  /** The other members. */
  readonly peers?: readonly NodeId[];
  /** Terms of the log, from index 1; the first entry is the configuration. */
  readonly log?: readonly number[];
  readonly term?: number;
  readonly votedFor?: NodeId;
  readonly commit?: number;
  readonly settings?: SettingOverrides;
  readonly seed?: number;
  /** It had fallen silent before it was started. */
  readonly quiet?: boolean;
}

/** One core with a test in place of the world around it. */
export class Solo {
  readonly core: Raft;
  now = 0;
  /** Of the latest step. */
  work: Work;
  result: StepResult = { accepted: true, first: 0, term: 0 };
  #issued = 0;

  constructor(options: SoloOptions = {}) {
    const { peers = ["A", "B"], log = [1], term = log.at(-1) ?? 0, votedFor = null, commit = 0 } = options;
    const configuration = configurationOf([self, ...peers]);
    const entries: Entry[] = entriesOf(log).map((entry) =>
      entry.index === 1 ? configurationEntry(1, entry.term, configuration) : entry,
    );
    this.core = Raft.restore(
      settingsFor(self, options.settings),
      {
        ...restoredFrom({ hardState: { term, votedFor }, log: entries }, commit),
        quiet: options.quiet ?? false,
      },
      options.seed ?? 1,
      0,
    );
    this.work = this.core.takeWork();
  }

  step(...events: readonly RaftEvent[]): Work {
    for (const event of events) this.result = this.core.step(event, this.now);
    this.work = this.core.takeWork();
    this.#issued = this.work.persist?.number ?? this.#issued;
    return this.work;
  }

  receive(...messages: readonly Message[]): Work {
    return this.step(...messages.map((message) => ({ type: "message", message }) as const));
  }

  propose(count = 1): Work {
    return this.step({
      type: "propose",
      proposals: Array.from({ length: count }, () => ({ size: 36, data: "x" })),
    });
  }

  /** Everything that was to be written is durable. */
  persist(): Work {
    return this.step({ type: "persisted", number: this.#issued });
  }

  /** Waits for its deadline and serves it in time. */
  timeout(): Work {
    this.now = this.work.deadline;
    return this.step({ type: "deadline" });
  }

  sleep(ms: number): void {
    this.now += ms;
  }

  get view() {
    return this.core.view();
  }
}

/** A candidate that has its own vote and nobody else's. */
export function candidate(options: SoloOptions = {}): Solo {
  const solo = new Solo(options);
  solo.timeout();
  const next = solo.view.term + 1;
  for (const id of options.peers ?? ["A", "B"]) {
    if (solo.view.role === "Candidate") break;
    solo.receive(preVoteReply(id, next, true));
  }
  solo.persist();
  return solo;
}

/** A leader whose first entry is durable with it and, if `settled`, with everybody. */
export function leader(options: SoloOptions = {}, settled = true): Solo {
  const peers = options.peers ?? ["A", "B"];
  const solo = candidate(options);
  for (const id of peers) {
    if (solo.view.role === "Leader") break;
    solo.receive(voteReply(id, solo.view.term, true));
  }
  solo.persist();
  if (settled) for (const id of peers) solo.receive(ack(id, solo.view.term, solo.view.lastIndex));
  return solo;
}

export function sent<Type extends OutgoingMessage["type"]>(
  work: Work,
  type: Type,
  to?: NodeId,
): Extract<OutgoingMessage, { type: Type }>[] {
  return of(work.send, type, to);
}

/** What waits for the disk. */
export function held<Type extends OutgoingMessage["type"]>(
  work: Work,
  type: Type,
  to?: NodeId,
): Extract<OutgoingMessage, { type: Type }>[] {
  return of(work.sendAfter, type, to);
}

function of<Type extends OutgoingMessage["type"]>(
  messages: readonly OutgoingMessage[],
  type: Type,
  to?: NodeId,
): Extract<OutgoingMessage, { type: Type }>[] {
  return messages.filter(
    (message): message is Extract<OutgoingMessage, { type: Type }> =>
      message.type === type && (to === undefined || message.to === to),
  );
}

/** How an append reads: what is before it and which entries it names. */
export function spans(messages: readonly AppendEntriesRange[]): string[] {
  return messages.map(({ prevLogIndex, range }) =>
    range.last < range.first ? `${prevLogIndex}` : `${prevLogIndex}: ${range.first}..${range.last}`,
  );
}
