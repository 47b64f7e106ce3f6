import type { LogEntry } from "../storage/entry.ts";
import type { DurableStorage } from "../storage/port.ts";

/**
 * What the log is applied to. Deterministic: its results and its state follow from the entries alone; time is the
 * entry's. All calls come from one node, one at a time, in the order of the log.
 */
export interface StateMachine {
  /**
   * true: its state is in memory alone and gone with the process. At every start the whole log is applied to it again,
   * from the first entry, before the node serves anything; `flush` has nothing to write. Left out: `open` finds what
   * `flush` wrote.
   */
  readonly volatile?: boolean;
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
  /**
   * Takes a command in from outside as text: gives the bytes to append, with schema 1. Throws a RaftLiteError with
   * status 400 for a text that `apply` would refuse. Left out: POST /command is not served, and texts from the program
   * itself are taken as they are.
   */
  acceptText?(text: string): Uint8Array;
  /** One line for people: what this command is. Control characters may stay in; whoever prints escapes them. */
  describe(schema: number, bytes: Uint8Array): string;
}
