import { invariant } from "../errors.ts";
import { damaged, rowChecksum } from "../storage/entry-row.ts";
import type { SqlBinding, SqlStorage } from "../storage/port.ts";
import type { KeyState, KeyValue } from "./key-state.ts";
import { endOfPrefix } from "./keys.ts";

/**
 * `keys` holds one state of every key that ever was, deletions (version 0) included: the newest one, but for the keys
 * that were changed by segments after `keys_written.segment`; for those, one that is not newer than the newest. Who
 * knows both, knows the newest state of each. It holds no values: states point into `entries.body`, the row of the log,
 * by revision (= entries.idx), offset and length.
 *
 * Keys are BLOBs of UTF-8, so they sort by their bytes. There is no index of changes by key: a deleted key keeps its
 * row, which makes the last change of a key one look-up and that of a prefix one range, and costs nothing a put.
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
  CREATE TABLE IF NOT EXISTS keys_written (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    segment INTEGER NOT NULL,
    checksum INTEGER NOT NULL
  );
`;

const STATE = "key, revision, value_offset, value_length, create_revision, version, flags";
const VALUE = `(
  SELECT substr(entries.body, keys.value_offset + 1, keys.value_length) FROM entries WHERE entries.idx = keys.revision
) AS value`;
const FIND = `SELECT ${STATE} FROM keys WHERE key = ?`;
const READ = `SELECT ${STATE}, ${VALUE} FROM keys WHERE key = ? AND version > 0`;
const FIND_RANGE = `SELECT ${STATE} FROM keys WHERE key >= ? AND key < ? AND version > 0 ORDER BY key`;
/** A key that was deleted by then, and not touched since, is passed over: there may be very many. */
const FIND_PAGE = `
  SELECT ${STATE} FROM keys WHERE key >= ? AND key < ? AND (version > 0 OR revision > ?) ORDER BY key LIMIT ?`;
const READ_BODY = "SELECT body FROM entries WHERE idx = ?";
const READ_VALUE = "SELECT substr(body, ? + 1, ?) AS value FROM entries WHERE idx = ?";
const LAST_CHANGE_IN_RANGE =
  "SELECT coalesce(max(revision), 0) AS revision FROM keys WHERE key >= ? AND key < ?";
const CHANGED_KEY_IN_RANGE =
  "SELECT 1 AS found FROM keys WHERE key >= ? AND key < ? AND revision > ? LIMIT 1";
const WRITTEN = "SELECT segment, checksum FROM keys_written";
const SET_WRITTEN = "INSERT OR REPLACE INTO keys_written (id, segment, checksum) VALUES (1, ?, ?)";

const COLUMNS = 7;
/** The platform allows 100 bindings in a statement. */
const KEYS_PER_INSERT = Math.floor(100 / COLUMNS);
const KEY_ROW = `(${Array(COLUMNS).fill("?").join(",")})`;
/** By number of rows: constant texts, so that the storage can keep them prepared. */
const PUT_KEYS = Array.from(
  { length: KEYS_PER_INSERT + 1 },
  (_, rows) => `INSERT OR REPLACE INTO keys (${STATE}) VALUES ${Array(rows).fill(KEY_ROW).join(",")}`,
);

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

export type StateRow = {
  key: ArrayBuffer;
  revision: number;
  value_offset: number;
  value_length: number;
  create_revision: number;
  version: number;
  flags: number;
};
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
  find(keyBytes: Uint8Array): KeyState | null {
    for (const row of this.#sql.exec<StateRow>(FIND, keyBytes)) return toState(row);
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

  /** The last change among keys that begin with `prefix`, deleted ones included; 0 when there is none. */
  lastChangeUnder(prefix: Uint8Array): number {
    return this.#sql.exec<{ revision: number }>(LAST_CHANGE_IN_RANGE, prefix, endOfPrefix(prefix)).one()
      .revision;
  }

  /** Whether any of these keys has a state newer than `revision` here. */
  hasChangedUnder(prefix: Uint8Array, revision: number): boolean {
    return this.#sql.exec(CHANGED_KEY_IN_RANGE, prefix, endOfPrefix(prefix), revision).toArray().length > 0;
  }

  /**
   * The newest segment of changes whose every key has been written here since; 0 at first. Throws `storage-damaged` when
   * the row is not what was written, or is past `lastSegment`, the newest there is: changes would be passed over.
   */
  writtenSegment(lastSegment: number): number {
    const [row] = this.#sql.exec<{ segment: number; checksum: number }>(WRITTEN).toArray();
    if (row === undefined) return 0;
    const { segment, checksum } = row;
    const refuse = (problem: string) => damaged("keys_written", "id=1", problem);
    if (rowChecksum(segment) !== checksum) throw refuse("its segment does not match its checksum");
    if (segment > lastSegment) throw refuse(`${segment} is past the last segment, ${lastSegment}`);
    return segment;
  }

  setWrittenSegment(segment: number): void {
    this.#sql.exec(SET_WRITTEN, segment, rowChecksum(segment));
  }

  /** Writes states over what is there, in the caller's transaction. */
  write(states: readonly KeyState[], from: number, end: number): void {
    for (let first = from; first < end; first += KEYS_PER_INSERT) {
      const bindings: SqlBinding[] = [];
      const behind = Math.min(first + KEYS_PER_INSERT, end);
      for (let at = first; at < behind; at++) {
        const state = states[at]!;
        bindings.push(
          state.keyBytes,
          state.revision,
          state.valueOffset,
          state.valueLength,
          state.createRevision,
          state.version,
          state.flags,
        );
      }
      this.#sql.exec(PUT_KEYS[behind - first]!, ...bindings);
    }
  }
}

export function toState(row: StateRow): KeyState {
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
