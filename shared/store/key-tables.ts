import { invariant } from "../errors.ts";
import type { SqlBinding, SqlStorage } from "../storage/port.ts";
import type { Change, KeyHead, KeyState, KeyValue } from "./key-state.ts";
import { endOfPrefix } from "./keys.ts";

/**
 * `keys` holds the newest state of every key that ever was, deletions (version 0) included; `changes` holds every
 * state, one row for a key and an entry, chained by `previous_revision`. Neither holds a value: both point into
 * `entries.body`, the row of the log, by revision (= entries.idx), offset and length.
 *
 * Keys are BLOBs of UTF-8, so they sort by their bytes. `changes` is clustered by revision: writing to it appends,
 * and what happened after a revision is one range. There is no index by key on it: a deleted key keeps its row in
 * `keys`, which makes the last change of a key one look-up and that of a prefix one range, and costs nothing a put.
 */
const TABLES = `
  CREATE TABLE IF NOT EXISTS keys (
    key BLOB PRIMARY KEY,
    revision INTEGER NOT NULL,
    value_offset INTEGER NOT NULL,
    value_length INTEGER NOT NULL,
    create_revision INTEGER NOT NULL,
    version INTEGER NOT NULL,
    flags INTEGER NOT NULL
  ) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS changes (
    revision INTEGER NOT NULL,
    key BLOB NOT NULL,
    previous_revision INTEGER NOT NULL,
    value_offset INTEGER NOT NULL,
    value_length INTEGER NOT NULL,
    create_revision INTEGER NOT NULL,
    version INTEGER NOT NULL,
    flags INTEGER NOT NULL,
    PRIMARY KEY (revision, key)
  ) WITHOUT ROWID;
`;

const STATE = "key, revision, value_offset, value_length, create_revision, version, flags";
const VALUE = `(
  SELECT substr(entries.body, keys.value_offset + 1, keys.value_length) FROM entries WHERE entries.idx = keys.revision
) AS value`;
const FIND = "SELECT revision, create_revision, version FROM keys WHERE key = ?";
const READ = `SELECT ${STATE}, ${VALUE} FROM keys WHERE key = ? AND version > 0`;
const FIND_RANGE = `SELECT ${STATE} FROM keys WHERE key >= ? AND key < ? AND version > 0 ORDER BY key`;
const READ_RANGE = `SELECT ${STATE}, ${VALUE} FROM keys WHERE key >= ? AND key < ? AND version > 0 ORDER BY key`;
const LAST_CHANGE = "SELECT coalesce(max(revision), 0) AS revision FROM changes";
const LAST_CHANGE_IN_RANGE =
  "SELECT coalesce(max(revision), 0) AS revision FROM keys WHERE key >= ? AND key < ?";

/** `keys` follows from the new rows of `changes`: max() picks, of each key's rows, the one the other columns come from. */
const UPDATE_KEYS = `
  INSERT OR REPLACE INTO keys
  SELECT key, max(revision), value_offset, value_length, create_revision, version, flags
  FROM changes WHERE revision >= ? GROUP BY key`;

const CHANGE_COLUMNS = 8;
/** The platform allows 100 bindings in a statement. */
const CHANGES_PER_INSERT = Math.floor(100 / CHANGE_COLUMNS);
const CHANGE_ROW = `(${Array(CHANGE_COLUMNS).fill("?").join(",")})`;
/** By number of rows: constant texts, so that the storage can keep them prepared. */
const INSERT_CHANGES = Array.from(
  { length: CHANGES_PER_INSERT + 1 },
  (_, rows) => `INSERT INTO changes VALUES ${Array(rows).fill(CHANGE_ROW).join(",")}`,
);

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

// Types, not interfaces: rows must have the index signature of the port.
type HeadRow = { revision: number; create_revision: number; version: number };
type StateRow = HeadRow & { key: ArrayBuffer; value_offset: number; value_length: number; flags: number };
type ValueRow = StateRow & { value: ArrayBuffer | null };

/** The store's tables, by the statements it needs. Needs the log's table `entries (idx, body, …)` to read values. */
export class KeyTables {
  readonly #sql: SqlStorage;

  /** Creates the tables when they are missing. */
  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(TABLES);
  }

  /** The newest state, a deletion included; null when the key never was. */
  find(keyBytes: Uint8Array): KeyHead | null {
    for (const row of this.#sql.exec<HeadRow>(FIND, keyBytes)) {
      return { revision: row.revision, createRevision: row.create_revision, version: row.version };
    }
    return null;
  }

  /** The newest state and its value; null when the key is absent. */
  read(keyBytes: Uint8Array): KeyValue | null {
    for (const row of this.#sql.exec<ValueRow>(READ, keyBytes)) return toKeyValue(row);
    return null;
  }

  /** The states of the keys that are present and begin with `prefix`, in order. */
  findUnder(prefix: Uint8Array): KeyState[] {
    return this.#sql.exec<StateRow>(FIND_RANGE, prefix, endOfPrefix(prefix)).toArray().map(toState);
  }

  /** The same with their values. */
  readUnder(prefix: Uint8Array): KeyValue[] {
    return this.#sql.exec<ValueRow>(READ_RANGE, prefix, endOfPrefix(prefix)).toArray().map(toKeyValue);
  }

  /** Revision of the newest change; 0 when there was none. */
  lastChange(): number {
    return this.#sql.exec<{ revision: number }>(LAST_CHANGE).one().revision;
  }

  /** The same among keys that begin with `prefix`, deleted ones included. */
  lastChangeUnder(prefix: Uint8Array): number {
    return this.#sql.exec<{ revision: number }>(LAST_CHANGE_IN_RANGE, prefix, endOfPrefix(prefix)).one()
      .revision;
  }

  /** Writes changes, of revisions that are all newer than what is there, in the caller's transaction. */
  write(changes: readonly Change[]): void {
    const first = changes[0];
    if (first === undefined) return;
    for (let from = 0; from < changes.length; from += CHANGES_PER_INSERT) {
      const bindings: SqlBinding[] = [];
      const end = Math.min(from + CHANGES_PER_INSERT, changes.length);
      for (let at = from; at < end; at++) {
        const change = changes[at]!;
        bindings.push(
          change.revision,
          change.keyBytes,
          change.previousRevision,
          change.valueOffset,
          change.valueLength,
          change.createRevision,
          change.version,
          change.flags,
        );
      }
      this.#sql.exec(INSERT_CHANGES[end - from]!, ...bindings);
    }
    this.#sql.exec(UPDATE_KEYS, first.revision);
  }
}

function toState(row: StateRow): KeyState {
  const keyBytes = new Uint8Array(row.key);
  return {
    key: decoder.decode(keyBytes),
    keyBytes,
    revision: row.revision,
    valueOffset: row.value_offset,
    valueLength: row.value_length,
    createRevision: row.create_revision,
    version: row.version,
    flags: row.flags,
  };
}

function toKeyValue(row: ValueRow): KeyValue {
  const state = toState(row);
  const value = row.value;
  // An entry that a key points at must outlive the key's next change, or reads would invent an absent key.
  invariant(
    value !== null && value.byteLength === state.valueLength,
    "a key's value is in its entry",
    () => `entry ${state.revision} does not hold ${state.valueLength} bytes at ${state.valueOffset}`,
  );
  return { ...state, value: new Uint8Array(value) };
}
