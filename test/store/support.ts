import type { SQLInputValue, StatementSync } from "node:sqlite";
import { DatabaseSync } from "node:sqlite";
import type { LogEntry } from "../../shared/storage/entry.ts";
import { TEXT_SCHEMA } from "../../shared/storage/entry.ts";
import type {
  DurableStorage,
  SqlBinding,
  SqlCursor,
  SqlStorage,
  SqlValue,
} from "../../shared/storage/port.ts";
import { ChangeLog } from "../../shared/store/change-log.ts";
import type { KeySpaceLimits } from "../../shared/store/key-cache.ts";
import type { Change } from "../../shared/store/key-state.ts";
import type { ApplyResult } from "../../shared/store/key-value-store.ts";
import { KeyValueStore } from "../../shared/store/key-value-store.ts";
import type { Operation } from "../../shared/store/operations.ts";
import { encodeOperations, OPERATIONS_SCHEMA } from "../../shared/store/operations.ts";
import { utf8 } from "./text.ts";

export { text, utf8 } from "./text.ts";

const ENTRIES = `CREATE TABLE entries (
  idx INTEGER PRIMARY KEY, term INTEGER NOT NULL, kind INTEGER NOT NULL, schema INTEGER NOT NULL, time INTEGER NOT NULL,
  ordinal INTEGER NOT NULL, origin_node TEXT, origin_boot INTEGER, origin_sequence INTEGER, origin_floor INTEGER,
  checksum INTEGER NOT NULL, body BLOB NOT NULL)`;

/** As much of the storage port as a store needs, over a database of its own. */
export class TestStorage implements DurableStorage {
  readonly database: DatabaseSync;
  readonly sql: SqlStorage;
  readonly #statements = new Map<string, StatementSync>();

  constructor(path = ":memory:") {
    this.database = new DatabaseSync(path);
    this.database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF");
    this.database.exec(ENTRIES);
    this.sql = {
      exec: <Row extends Record<string, SqlValue>>(query: string, ...bindings: SqlBinding[]) =>
        this.#exec<Row>(query, bindings),
      databaseSize: 0,
    };
  }

  transactionSync<Result>(work: () => Result): Result {
    this.database.exec("BEGIN");
    try {
      const result = work();
      this.database.exec("COMMIT");
      return result;
    } catch (error) {
      this.database.exec("ROLLBACK");
      throw error;
    }
  }

  sync(): Promise<void> {
    return Promise.resolve();
  }

  setAlarm(): Promise<void> {
    return Promise.resolve();
  }

  getAlarm(): Promise<number | null> {
    return Promise.resolve(null);
  }

  deleteAlarm(): Promise<void> {
    return Promise.resolve();
  }

  #exec<Row extends Record<string, SqlValue>>(query: string, bindings: SqlBinding[]): SqlCursor<Row> {
    if (bindings.length > 100) throw new Error("more than 100 bindings");
    if (bindings.length === 0 && query.includes(";")) {
      this.database.exec(query);
      return cursor([]);
    }
    let statement = this.#statements.get(query);
    if (statement === undefined) {
      statement = this.database.prepare(query);
      this.#statements.set(query, statement);
    }
    const rows = statement.all(...(bindings as SQLInputValue[]));
    for (const row of rows) {
      for (const [name, value] of Object.entries(row)) {
        if (value instanceof Uint8Array) row[name] = value.slice().buffer as never;
      }
    }
    return cursor(rows as Row[]);
  }
}

function cursor<Row extends Record<string, SqlValue>>(rows: Row[]): SqlCursor<Row> {
  return {
    toArray: () => rows,
    one: () => {
      if (rows.length !== 1) throw new Error(`${rows.length} rows where one was expected`);
      return rows[0]!;
    },
    [Symbol.iterator]: () => rows[Symbol.iterator](),
  };
}

export function commandEntry(index: number, schema: number, bytes: Uint8Array): LogEntry {
  return {
    index,
    term: 1,
    kind: "command",
    size: bytes.length,
    ordinal: index - 1,
    data: { time: 0, origin: null, schema, bytes },
  };
}

/** A log and the store that it is applied to, the way a node drives them: rows of the log are there before. */
export class Bench {
  readonly storage: TestStorage;
  store: KeyValueStore;
  /** Index of the last entry in the log. */
  last = 0;
  /** The applied index that was flushed. */
  durable = 0;
  readonly #log: LogEntry[] = [];
  readonly #limits: KeySpaceLimits;

  /** `limits`: unless they are given, every flush brings the table of keys up to date. */
  constructor(limits: KeySpaceLimits = { dirtyKeys: 1, dirtyChanges: 1, keysPerFlush: 1e6 }) {
    this.storage = new TestStorage();
    this.#limits = limits;
    this.store = new KeyValueStore(limits);
    this.store.open(this.storage, 0);
  }

  append(schema: number, bytes: Uint8Array): LogEntry {
    const entry = commandEntry(++this.last, schema, bytes);
    this.#log.push(entry);
    this.storage.sql.exec(
      "INSERT INTO entries VALUES (?,1,1,?,0,?,NULL,NULL,NULL,NULL,0,?)",
      entry.index,
      schema,
      entry.ordinal,
      bytes,
    );
    return entry;
  }

  /** Appends and applies a text command as it stands. */
  command(command: string): ApplyResult {
    return this.store.apply(this.append(TEXT_SCHEMA, utf8(command)));
  }

  /** Appends and applies operations as one entry. */
  operations(operations: readonly Operation[], atomic = false): ApplyResult {
    return this.store.apply(this.append(OPERATIONS_SCHEMA, encodeOperations({ atomic, operations })));
  }

  flush(): void {
    this.storage.transactionSync(() => this.store.flush());
    this.durable = this.last;
  }

  /** Loses the store's memory, opens it again and applies what the log has beyond the flush. Returns the results. */
  crash(): ApplyResult[] {
    this.store = new KeyValueStore(this.#limits);
    this.store.open(this.storage, this.durable);
    return this.#log.slice(this.durable).map((entry) => this.store.apply(entry));
  }

  /** The changes that are in the tables, in their order. */
  changes(): Change[] {
    return [...new ChangeLog(this.storage.sql).from(1)];
  }

  /** A table's rows, fit for comparison; of all columns when none are named. */
  rows(
    table: "keys" | "keys_written" | "change_segments",
    columns = "*",
  ): Record<string, SqlValue | string>[] {
    return this.storage.database
      .prepare(`SELECT ${columns} FROM ${table}`)
      .all()
      .map((row) =>
        Object.fromEntries(
          Object.entries(row).map(([name, value]) => [
            name,
            value instanceof Uint8Array ? Buffer.from(value).toString("hex") : (value as SqlValue),
          ]),
        ),
      );
  }
}

export const put = (
  key: string,
  value: string | Uint8Array,
  options: { flags?: number; cas?: number } = {},
): Operation => ({
  type: "put",
  key,
  value: typeof value === "string" ? utf8(value) : value,
  flags: options.flags ?? 0,
  cas: options.cas ?? null,
});

export const del = (key: string, options: { cas?: number; recurse?: boolean } = {}): Operation => ({
  type: "delete",
  key,
  recurse: options.recurse ?? false,
  cas: options.cas ?? null,
});
