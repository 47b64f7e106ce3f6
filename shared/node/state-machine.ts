import type { LogEntry } from "../storage/entry.ts";
import type { DurableStorage } from "../storage/port.ts";

/**
 * What the log is applied to. Deterministic: its results and its state follow from the entries alone; time is the
 * entry's. All calls come from one node, one at a time, in the order of the log.
 */
export interface StateMachine {
  /**
   * Called once, before anything else. Creates its tables when they are missing. `applied` is the index up to which
   * its durable state stands; entries after it are applied again.
   */
  open(storage: DurableStorage, applied: number): void;
  /**
   * Applies one command (`entry.kind` is `command`) to memory and returns its result. Durable only with a later
   * `flush`. Must not throw for any bytes a client could have sent: a refusal is a result.
   */
  apply(entry: LogEntry): unknown;
  /**
   * Writes what was applied since the last flush. Runs inside the node's transaction, together with the applied
   * index: after a crash both are there or neither is.
   */
  flush(): void;
  /** One line for people: what this command is. Control characters may stay in; whoever prints escapes them. */
  describe(schema: number, bytes: Uint8Array): string;
}
