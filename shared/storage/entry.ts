import type { Entry } from "../raft/types.ts";

/**
 * Who first accepted a command: the node, the number of its start (`boot`, persistent, rising) and a sequence within
 * it. A command keeps its origin however often it is forwarded, so that it is applied once. Everything the origin
 * accepted below `floor` is finished: it will never be sent again, and state machines may forget it.
 */
export interface Origin {
  readonly node: string;
  readonly boot: number;
  readonly sequence: number;
  readonly floor: number;
}

/** What an entry carries beside the core's own header. */
export interface Payload {
  /** Milliseconds since the epoch at the leader that appended it; never falls along the log. */
  readonly time: number;
  /** null for entries of Raft's own making. */
  readonly origin: Origin | null;
  /** How the state machine reads `bytes`: 1 = a command as text (UTF-8); further numbers are the state machine's. */
  readonly schema: number;
  readonly bytes: Uint8Array;
}

/** An entry as the node loop and the storage know it. */
export interface LogEntry extends Entry {
  readonly data: Payload;
  /**
   * How many clients' commands the log holds before this entry: for a command its own zero-based ordinal, the index
   * that users see. Derived from the log alone, kept with the entry.
   */
  readonly ordinal: number;
}

/** An entry before storage has counted it. */
export type UncountedEntry = Omit<LogEntry, "ordinal">;

/** Schema number of a command sent as text, shared by every state machine. */
export const TEXT_SCHEMA = 1;
