import type { RaftTrace, Term } from "../raft/types.ts";
import type { LogEntry } from "../storage/entry.ts";
import type { EntryCounter, EntryStep, NodeEventSink, NodeTrace } from "./events.ts";
import type { Clock } from "./ports.ts";
import type { StateMachine } from "./state-machine.ts";

/** Tells whoever listens what happens at the node, and counts it. Costs next to nothing while nobody does. */
export class NodeReporter {
  readonly counters = { elections: 0, commands: 0, reads: 0, messages: 0, truncations: 0 };
  readonly #sink: NodeEventSink | undefined;
  readonly #counter: EntryCounter | undefined;
  readonly #clock: Clock;
  readonly #stateMachine: StateMachine;
  #turnAt: number | null = null;

  constructor(
    to: { readonly onEvent: NodeEventSink | undefined; readonly countEntries: EntryCounter | undefined },
    clock: Clock,
    stateMachine: StateMachine,
  ) {
    this.#sink = to.onEvent;
    this.#counter = to.countEntries;
    this.#clock = clock;
    this.#stateMachine = stateMachine;
  }

  /** What is reported until `turnEnds` happened at `now`: a turn that applies thousands of entries asks once. */
  turnBegins(now: number): void {
    this.#turnAt = now;
  }

  turnEnds(): void {
    this.#turnAt = null;
  }

  report(trace: NodeTrace | RaftTrace): void {
    if (trace.type === "candidate") this.counters.elections++;
    if (trace.type === "truncated") this.counters.truncations++;
    this.#sink?.({ now: this.#now(), trace });
  }

  #now(): number {
    return this.#turnAt ?? this.#clock.now();
  }

  /** Whether nobody wants to hear of these one by one. */
  #counts(step: EntryStep, count: number, ordinal: number, leader: boolean): boolean {
    if (count === 0) return true;
    const isCounted = this.#counter?.(step, count, ordinal, leader, this.#now()) ?? false;
    return isCounted || !this.#sink;
  }

  /**
   * Commands that a turn leaves in the log; those that came and went within it are told by the core's own events.
   * `leaderTerm`: the term this node leads; null when it does not.
   */
  appended(entries: readonly LogEntry[], leaderTerm: number | null): void {
    let count = 0;
    let last: LogEntry | undefined;
    for (const entry of entries) {
      if (entry.kind !== "command") continue;
      count++;
      last = entry;
    }
    if (last === undefined) return;
    if (this.#counts("appended", count, last.ordinal, last.term === leaderTerm)) return;
    for (const entry of entries) {
      if (entry.kind !== "command") continue;
      this.report(new EntryAppended(entry, this.#stateMachine, entry.term === leaderTerm));
    }
  }

  /** `count` commands, up to `ordinal`, which are among the entries. */
  committed(
    { count, ordinal }: { readonly count: number; readonly ordinal: number },
    leader: boolean,
    entries: () => Iterable<LogEntry>,
  ): void {
    if (this.#counts("committed", count, ordinal, leader)) return;
    for (const { kind, ordinal, index } of entries()) {
      if (kind === "command") this.report({ type: "entry-committed", leader, ordinal, index });
    }
  }

  applied(entry: LogEntry): void {
    if (this.#counts("applied", 1, entry.ordinal, false)) return;
    this.report(new EntryApplied(entry, this.#stateMachine));
  }

  describe({ data }: LogEntry): string {
    return this.#stateMachine.describe(data.schema, data.bytes);
  }
}

/** The command's text is made when it is read: of a hundred thousand a second hardly any is. */
abstract class EntryEvent {
  readonly ordinal: number;
  readonly #entry: LogEntry;
  readonly #stateMachine: StateMachine;

  constructor(entry: LogEntry, stateMachine: StateMachine) {
    this.ordinal = entry.ordinal;
    this.#entry = entry;
    this.#stateMachine = stateMachine;
  }

  get cmd(): string {
    const { schema, bytes } = this.#entry.data;
    return this.#stateMachine.describe(schema, bytes);
  }
}

class EntryAppended extends EntryEvent {
  readonly type = "entry-appended";
  readonly leader: boolean;
  readonly term: Term;

  constructor(entry: LogEntry, stateMachine: StateMachine, leader: boolean) {
    super(entry, stateMachine);
    this.leader = leader;
    this.term = entry.term;
  }
}

class EntryApplied extends EntryEvent {
  readonly type = "entry-applied";
}
