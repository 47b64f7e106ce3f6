import type { RaftTrace } from "../raft/types.ts";
import type { LogEntry } from "../storage/entry.ts";
import type { NodeEventSink, NodeTrace } from "./events.ts";
import type { Clock } from "./ports.ts";
import type { StateMachine } from "./state-machine.ts";

/** Tells whoever listens what happens at the node, and counts it. Costs next to nothing while nobody does. */
export class NodeReporter {
  readonly counters = { elections: 0, commands: 0, reads: 0, messages: 0, truncations: 0 };
  readonly #sink: NodeEventSink | undefined;
  readonly #clock: Clock;
  readonly #stateMachine: StateMachine;

  constructor(sink: NodeEventSink | undefined, clock: Clock, stateMachine: StateMachine) {
    this.#sink = sink;
    this.#clock = clock;
    this.#stateMachine = stateMachine;
  }

  report(trace: NodeTrace | RaftTrace): void {
    if (trace.type === "candidate") this.counters.elections++;
    if (trace.type === "truncated") this.counters.truncations++;
    this.#sink?.({ now: this.#clock.now(), trace });
  }

  /**
   * Commands that a turn leaves in the log; those that came and went within it are told by the core's own events.
   * `leaderTerm`: the term this node leads; null when it does not.
   */
  appended(entries: readonly LogEntry[], leaderTerm: number | null): void {
    if (!this.#sink) return;
    for (const entry of entries) {
      if (entry.kind !== "command") continue;
      const { ordinal, term } = entry;
      this.report(
        this.#withCommand(entry, { type: "entry-appended", leader: term === leaderTerm, term, ordinal }),
      );
    }
  }

  committed(entries: Iterable<LogEntry>, leader: boolean): void {
    if (!this.#sink) return;
    for (const { kind, ordinal, index } of entries) {
      if (kind === "command") this.report({ type: "entry-committed", leader, ordinal, index });
    }
  }

  applied(entry: LogEntry): void {
    if (!this.#sink) return;
    this.report(this.#withCommand(entry, { type: "entry-applied", ordinal: entry.ordinal }));
  }

  describe({ data }: LogEntry): string {
    return this.#stateMachine.describe(data.schema, data.bytes);
  }

  /** The command's text is made when it is read: of a hundred thousand a second hardly any is. */
  #withCommand(entry: LogEntry, trace: AppendedTrace | AppliedTrace): NodeTrace {
    return Object.defineProperty(trace, "cmd", {
      get: () => this.describe(entry),
      enumerable: true,
    }) as NodeTrace;
  }
}

type AppendedTrace = Omit<Extract<NodeTrace, { type: "entry-appended" }>, "cmd">;
type AppliedTrace = Omit<Extract<NodeTrace, { type: "entry-applied" }>, "cmd">;
