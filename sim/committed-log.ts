import type { LogIndex, NodeId } from "../shared/raft/types.ts";
import type { LogEntry } from "../shared/storage/entry.ts";

/** A client's command that took effect. */
export interface CommittedCommand {
  readonly index: LogIndex;
  readonly schema: number;
  readonly bytes: Uint8Array;
  /** What the state machine returned. */
  readonly result: unknown;
}

/** One run of a node: what it had applied when it started, and when it applied the rest. */
interface Run {
  readonly since: LogIndex;
  readonly appliedMs: Map<LogIndex, number>;
}

/** What was committed and took effect, in the order of the log, and when each run of each node came to apply it. */
export class CommittedLog {
  readonly commands: CommittedCommand[] = [];
  readonly #runs = new Map<NodeId, Run[]>();

  started(id: NodeId, applied: LogIndex): void {
    const runs = this.#runs.get(id) ?? [];
    this.#runs.set(id, runs);
    runs.push({ since: applied, appliedMs: new Map() });
  }

  /** The number of a node's present run, or its last, from 1; 0 before the first. */
  runOf(id: NodeId): number {
    return this.#runs.get(id)?.length ?? 0;
  }

  applied(id: NodeId, { index, data }: LogEntry, result: unknown, nowMs: number): void {
    this.#runs.get(id)?.at(-1)?.appliedMs.set(index, nowMs);
    if (index <= (this.commands.at(-1)?.index ?? 0)) return;
    this.commands.push({ index, schema: data.schema, bytes: data.bytes, result });
  }

  /** Virtual time at which a run of a node applied a command; 0 when it started with it, Infinity when it never did. */
  appliedMs(id: NodeId, run: number, index: LogIndex): number {
    const known = this.#runs.get(id)?.[run - 1];
    if (known === undefined) return Number.POSITIVE_INFINITY;
    return index <= known.since ? 0 : (known.appliedMs.get(index) ?? Number.POSITIVE_INFINITY);
  }
}
