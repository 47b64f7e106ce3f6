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
/** A key that was deleted by then, and not touched since, is passed over: there may be very many. */
const FIND_PAGE = `
  SELECT ${STATE} FROM keys WHERE key >= ? AND key < ? AND (version > 0 OR revision > ?) ORDER BY key LIMIT ?`;
const FIND_PREVIOUS = "SELECT previous_revision FROM changes WHERE revision = ? AND key = ?";
const FIND_CHANGE = `SELECT ${STATE} FROM changes WHERE revision = ? AND key = ?`;
const READ_BODY = "SELECT body FROM entries WHERE idx = ?";
const READ_VALUE = "SELECT substr(body, ? + 1, ?) AS value FROM entries WHERE idx = ?";
const LAST_CHANGE = "SELECT coalesce(max(revision), 0) AS revision FROM changes";
const LAST_CHANGE_IN_RANGE =
  "SELECT coalesce(max(revision), 0) AS revision FROM keys WHERE key >= ? AND key < ?";
const CHANGED_KEY_IN_RANGE =
  "SELECT 1 AS found FROM keys WHERE key >= ? AND key < ? AND revision > ? LIMIT 1";
const CHANGE_IN_RANGE = "SELECT 1 AS found FROM changes WHERE key >= ? AND key < ? AND revision > ? LIMIT 1";
/** Up to so many revisions it is sooner to look through what changed than through all keys of a prefix. */
const FEW_REVISIONS = 1000;

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

  /**
   * The newest states of the first `limit` keys from `from` to before `end`, in order, of those that may have been
   * present at `revision`; deletions after it included.
   */
  findPage(from: Uint8Array, end: Uint8Array, revision: number, limit: number): KeyState[] {
    return this.#sql.exec<StateRow>(FIND_PAGE, from, end, revision, limit).toArray().map(toState);
  }

  /** The key's state as of `revision`, given a `later` revision that changed it; null when it had none. */
  findAt(keyBytes: Uint8Array, later: number, revision: number): KeyState | null {
    let at = later;
    while (at > revision) {
      at = this.#sql.exec<{ previous_revision: number }>(FIND_PREVIOUS, at, keyBytes).one().previous_revision;
    }
    if (at === 0) return null;
    return toState(this.#sql.exec<StateRow>(FIND_CHANGE, at, keyBytes).one());
  }

  /** The value that a state points at. */
  readValue({ revision, valueOffset, valueLength }: KeyState): Uint8Array {
    for (const row of this.#sql.exec<{ value: ArrayBuffer }>(
      READ_VALUE,
      valueOffset,
      valueLength,
      revision,
    )) {
      return checkedValue(row.value, revision, valueOffset, valueLength);
    }
    return checkedValue(null, revision, valueOffset, valueLength);
  }

  /** The values that states of one revision point at, each in memory of its own. */
  readValues(revision: number, states: readonly KeyState[]): Uint8Array[] {
    const [row] = this.#sql.exec<{ body: ArrayBuffer }>(READ_BODY, revision).toArray();
    return states.map(({ valueOffset, valueLength }) =>
      checkedValue(
        row?.body.slice(valueOffset, valueOffset + valueLength) ?? null,
        revision,
        valueOffset,
        valueLength,
      ),
    );
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

  /** Whether any of these keys has changed after `revision`; `last` is the newest revision in the tables. */
  hasChangedUnder(prefix: Uint8Array, revision: number, last: number): boolean {
    if (last <= revision) return false;
    const query = last - revision <= FEW_REVISIONS ? CHANGE_IN_RANGE : CHANGED_KEY_IN_RANGE;
    return this.#sql.exec(query, prefix, endOfPrefix(prefix), revision).toArray().length > 0;
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
  const value = checkedValue(row.value, state.revision, state.valueOffset, state.valueLength);
  return { ...state, value };
}

/** An entry that a key points at must outlive the key's next change, or reads would invent an absent key. */
function checkedValue(
  value: ArrayBuffer | null,
  revision: number,
  offset: number,
  length: number,
): Uint8Array {
  invariant(
    value !== null && value.byteLength === length,
    "a key's value is in its entry",
    () => `entry ${revision} does not hold ${length} bytes at ${offset}`,
  );
  return new Uint8Array(value);
}
