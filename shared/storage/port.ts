/**
 * Storage as a Durable Object gives it: the part of `DurableObjectStorage` that Raft Lite uses. A Worker passes
 * `ctx.storage` itself; the Node host brings the same over `node:sqlite`; the simulator one that crashes.
 * Numbers that cross this port are safe integers: the platform has no 64-bit ones.
 */
export type SqlValue = ArrayBuffer | string | number | null;
/** What may be bound; a view binds just its own bytes. */
export type SqlBinding = SqlValue | ArrayBufferView;

/** Rows of one statement. Valid until the next statement runs; read it to the end or drop it. */
export interface SqlCursor<Row extends Record<string, SqlValue>> extends Iterable<Row> {
  toArray(): Row[];
  /** The only row. Throws when there is none or more than one. */
  one(): Row;
}

export interface SqlStorage {
  /** Runs a statement (several, when it binds nothing). At most 100 bindings. Throws on an SQL error. */
  exec<Row extends Record<string, SqlValue>>(query: string, ...bindings: SqlBinding[]): SqlCursor<Row>;
  /** Bytes the database takes. */
  readonly databaseSize: number;
}

export interface DurableStorage {
  readonly sql: SqlStorage;
  /**
   * Runs `work` as one transaction: all of it becomes visible, or, when it throws, nothing. What it wrote is durable
   * only after a later `sync()` has resolved. Not to be nested.
   */
  transactionSync<Result>(work: () => Result): Result;
  /**
   * Resolves when everything written before the call is durable. Never blocks the event loop. A rejection is final:
   * what reached the disk is unknown, and the node must stop.
   */
  sync(): Promise<void>;
  /** One alarm, in milliseconds since the epoch; it outlives the process. */
  setAlarm(scheduledTime: number): Promise<void>;
  getAlarm(): Promise<number | null>;
  deleteAlarm(): Promise<void>;
}
