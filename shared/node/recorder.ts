import type { LogIndex, Work } from "../raft/types.ts";
import type { LogEntry } from "../storage/entry.ts";
import type { LogStore } from "../storage/log-store.ts";

/** What a node finds in its storage when it starts. Valid during the call that hands it over. */
export type Opening = Pick<
  LogStore,
  | "id"
  | "storeId"
  | "boot"
  | "hardState"
  | "lastIndex"
  | "runs"
  | "applied"
  | "configurations"
  | "clusterId"
  | "read"
>;

/**
 * Who keeps a record of what a node does, so that it can be judged afterwards. Called on the node's own path, in the
 * order in which things happen: an implementation is quick and never throws.
 */
export interface NodeRecorder {
  /** Once, before anything else: the start is counted and durable. */
  opened(opening: Opening): void;
  /**
   * What the core wants done after one turn, before any of it is done. `entries`: those of `work.persist` as they go to
   * the disk.
   */
  worked(work: Work, entries: readonly LogEntry[]): void;
  /** Every `persist` up to this number is durable. What waited for that has not left yet. */
  durable(number: number): void;
  /** The state machine has taken in everything up to `index`. */
  applied(index: LogIndex): void;
  /** So many linearizable reads are answered, the newest of them at `readIndex`. */
  served(readIndex: LogIndex, reads: number): void;
  /** A write takes longer than an election would. */
  stalled(): void;
  /** The node has stopped as it was told to. */
  stopped(): void;
  /** The node has given up. */
  failed(error: unknown): void;
}
