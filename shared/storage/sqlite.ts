import type { DurableStorage, SqlBinding, SqlCursor, SqlStorage, SqlValue } from "./port.ts";

/**
 * The storage port over a synchronous SQLite library. The library is known by shape alone (`DatabaseSync` of
 * node:sqlite has it), so that the Node host and the simulator run the same code and this room needs no host.
 */
export interface SqliteDatabase {
  prepare(query: string): SqliteStatement;
  exec(query: string): void;
}

/** What SQLite itself takes: every blob as a view of its bytes. */
export type SqliteBinding = null | number | string | Uint8Array;

export interface SqliteStatement {
  all(...bindings: SqliteBinding[]): Record<string, unknown>[];
}

/** The platform's limit, held everywhere so that no statement works on one host only. */
const MAX_BINDINGS = 100;
/** Statements kept prepared; the texts in use are far fewer, so this only bounds texts made on the fly. */
const MAX_PREPARED = 500;

/** Statements that would take transactions, locks or files out of the adapter's hands; the platform refuses most. */
const RESERVED = /^(BEGIN|COMMIT|END|ROLLBACK|SAVEPOINT|RELEASE|ATTACH|DETACH|VACUUM|PRAGMA)\b/i;
const READS = /^(SELECT|VALUES|EXPLAIN)\b/i;
const LEADING_BLANKS = /^(?:\s+|--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/)+/;
/** Quoted strings and names, comments, and everything else character by character. */
const TOKENS = /'[^']*'|"[^"]*"|`[^`]*`|\[[^\]]*\]|--[^\n]*|\/\*[\s\S]*?\*\/|[\s\S]/g;

interface Prepared {
  /** null: several statements, which SQLite runs but does not prepare. */
  readonly statement: SqliteStatement | null;
  readonly writes: boolean;
}

/** One alarm, as a row: it must outlive the process, and whoever hosts the node keeps the timer. */
const ALARM_TABLE =
  "CREATE TABLE IF NOT EXISTS host_alarm (id INTEGER PRIMARY KEY CHECK (id = 1), at INTEGER NOT NULL)";

/**
 * What all adapters over SQLite share: values, cursors, transactions, the alarm. An adapter says what happens around
 * writes and what makes them durable.
 *
 * A result is read as a whole before `exec` returns: an open statement would keep the write-ahead log from being
 * checkpointed. Ask for large tables in parts.
 */
export abstract class SqliteStorage implements DurableStorage {
  readonly sql: SqlStorage;
  readonly #database: SqliteDatabase;
  readonly #prepared = new Map<string, Prepared>();
  #inTransaction = false;

  constructor(database: SqliteDatabase) {
    this.#database = database;
    const storage = this;
    this.sql = {
      exec<Row extends Record<string, SqlValue>>(query: string, ...bindings: SqlBinding[]): SqlCursor<Row> {
        return new RowCursor<Row>(storage.#exec(query, bindings) as Row[]);
      },
      get databaseSize(): number {
        const pages = storage.#guard(
          () => database.prepare("PRAGMA page_count").all()[0]?.page_count as number,
        );
        const pageSize = storage.#guard(
          () => database.prepare("PRAGMA page_size").all()[0]?.page_size as number,
        );
        return pages * pageSize;
      },
    };
  }

  abstract sync(): Promise<void>;

  /** Called before every statement. Throws when the storage can no longer be used. */
  protected abstract beforeUse(): void;
  /** Called before a transaction, or a statement outside one, that may write. Throws when the write is to fail. */
  protected abstract beforeWrite(): void;
  /** A statement that may write has run. `bindings` are the caller's memory: copy what is to be kept. */
  protected abstract afterStatement(query: string, bindings: readonly SqliteBinding[]): void;
  /** A transaction, or a statement outside one, has been written: the next `sync` must cover it. */
  protected abstract afterCommit(): void;
  /** What was written since the last commit has been taken back. */
  protected abstract afterRollback(): void;
  /** Turns an error of the library into the one to throw, and remembers it if it is final. */
  protected abstract explain(error: unknown): unknown;

  transactionSync<Result>(work: () => Result): Result {
    if (this.#inTransaction) throw new Error("transactionSync must not be nested");
    this.beforeUse();
    this.beforeWrite();
    this.#control("BEGIN IMMEDIATE");
    this.#inTransaction = true;
    let result: Result;
    try {
      result = work();
      this.#control("COMMIT");
    } catch (error) {
      this.#rollback();
      throw error;
    } finally {
      this.#inTransaction = false;
    }
    this.afterCommit();
    return result;
  }

  async setAlarm(scheduledTime: number): Promise<void> {
    this.transactionSync(() => {
      this.#exec(ALARM_TABLE, []);
      this.#exec("INSERT OR REPLACE INTO host_alarm (id, at) VALUES (1, ?)", [Math.floor(scheduledTime)]);
    });
    await this.sync();
  }

  async getAlarm(): Promise<number | null> {
    if (!this.#hasAlarmTable()) return null;
    const row = this.#exec("SELECT at FROM host_alarm", [])[0];
    return row === undefined ? null : (row.at as number);
  }

  async deleteAlarm(): Promise<void> {
    if (!this.#hasAlarmTable()) return;
    this.#exec("DELETE FROM host_alarm", []);
    await this.sync();
  }

  #hasAlarmTable(): boolean {
    return this.#exec("SELECT 1 AS found FROM sqlite_schema WHERE name = 'host_alarm'", []).length > 0;
  }

  #exec(query: string, given: SqlBinding[]): Record<string, SqlValue>[] {
    this.beforeUse();
    if (given.length > MAX_BINDINGS) throw new Error(`${given.length} bindings, the most is ${MAX_BINDINGS}`);
    for (let at = 0; at < given.length; at++) given[at] = toSqlite(given[at]!);
    const bindings = given as SqliteBinding[];
    const { statement, writes } = this.#prepare(query);
    if (statement === null && bindings.length > 0) throw new Error("several statements at once bind nothing");
    const alone = writes && !this.#inTransaction;
    // SQLite would make a transaction of each, and an error in a later one would leave the earlier ones written.
    if (alone && statement === null) return this.transactionSync(() => this.#exec(query, given));
    if (alone) this.beforeWrite();
    const rows = this.#guard(() => {
      if (statement !== null) return statement.all(...bindings);
      this.#database.exec(query);
      return [];
    });
    if (writes) {
      this.afterStatement(query, bindings);
      if (alone) this.afterCommit();
    }
    for (const row of rows) toPort(row);
    return rows as Record<string, SqlValue>[];
  }

  #prepare(query: string): Prepared {
    const known = this.#prepared.get(query);
    if (known !== undefined) return known;
    const text = query.replace(LEADING_BLANKS, "");
    if (RESERVED.test(text)) throw new Error(`not to be run through this port: ${text.slice(0, 40)}`);
    const several = isSeveral(text);
    const prepared: Prepared = {
      statement: several ? null : this.#guard(() => this.#database.prepare(query)),
      writes: several || !READS.test(text),
    };
    if (this.#prepared.size >= MAX_PREPARED) this.#prepared.clear();
    this.#prepared.set(query, prepared);
    return prepared;
  }

  #control(query: "BEGIN IMMEDIATE" | "COMMIT" | "ROLLBACK"): void {
    let prepared = this.#prepared.get(query);
    if (prepared === undefined) {
      prepared = { statement: this.#guard(() => this.#database.prepare(query)), writes: true };
      this.#prepared.set(query, prepared);
    }
    const { statement } = prepared;
    this.#guard(() => statement?.all());
  }

  #rollback(): void {
    try {
      this.#database.exec("ROLLBACK");
    } catch {
      // SQLite has rolled back by itself, as it does when the disk is full or broken.
    }
    this.afterRollback();
  }

  #guard<Result>(call: () => Result): Result {
    try {
      return call();
    } catch (error) {
      throw this.explain(error);
    }
  }
}

/** Whether anything but blanks follows the first `;`. SQLite's own `prepare` would silently leave it out. */
function isSeveral(text: string): boolean {
  for (const token of text.matchAll(TOKENS)) {
    if (token[0] === ";") return text.slice(token.index + 1).replace(LEADING_BLANKS, "") !== "";
  }
  return false;
}

function toSqlite(value: SqlBinding): SqliteBinding {
  if (typeof value === "number" || typeof value === "string" || value === null) return value;
  if (value instanceof Uint8Array) return value;
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  throw new TypeError(`a ${typeof value} cannot be bound`);
}

/** Blobs cross the port as ArrayBuffers that hold just their bytes. */
function toPort(row: Record<string, unknown>): void {
  for (const column in row) {
    const value = row[column];
    if (!(value instanceof Uint8Array)) continue;
    const { buffer, byteOffset, byteLength } = value;
    row[column] =
      byteLength === buffer.byteLength ? buffer : buffer.slice(byteOffset, byteOffset + byteLength);
  }
}

/** Rows that have been read already; like the platform's cursor it hands each row out once. */
class RowCursor<Row extends Record<string, SqlValue>> implements SqlCursor<Row> {
  readonly #rows: Row[];
  #next = 0;

  constructor(rows: Row[]) {
    this.#rows = rows;
  }

  toArray(): Row[] {
    const rest = this.#next === 0 ? this.#rows : this.#rows.slice(this.#next);
    this.#next = this.#rows.length;
    return rest;
  }

  one(): Row {
    const rest = this.toArray();
    if (rest.length !== 1) throw new Error(`expected exactly one row, got ${rest.length}`);
    return rest[0]!;
  }

  *[Symbol.iterator](): Iterator<Row> {
    while (this.#next < this.#rows.length) yield this.#rows[this.#next++]!;
  }
}
