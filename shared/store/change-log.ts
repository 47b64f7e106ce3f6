import { crc32c } from "../storage/crc32c.ts";
import { damaged, rowChecksum } from "../storage/entry-row.ts";
import type { SqlStorage } from "../storage/port.ts";
import type { Segment } from "./change-segment.ts";
import { SegmentReader, SegmentWriter } from "./change-segment.ts";
import type { Change } from "./key-state.ts";
import type { KeyPlace } from "./keys.ts";

/**
 * Every state of every key, chained by `previousRevision`, in segments of a few kilobytes: a row for each change would
 * cost ten times as much. Rows are only ever added. A large entry's changes may lie in several.
 */
const TABLE = `
  CREATE TABLE IF NOT EXISTS change_segments (
    id INTEGER PRIMARY KEY,
    first_revision INTEGER NOT NULL,
    last_revision INTEGER NOT NULL,
    checksum INTEGER NOT NULL,
    changes BLOB NOT NULL
  );
  CREATE INDEX IF NOT EXISTS change_segments_by_revision ON change_segments (last_revision);
`;
const INSERT = `
  INSERT INTO change_segments (id, first_revision, last_revision, checksum, changes) VALUES (?, ?, ?, ?, ?)`;
const ENDS =
  "SELECT coalesce(max(id), 0) AS id, coalesce(max(last_revision), 0) AS revision FROM change_segments";
const FIRST_FROM =
  "SELECT id FROM change_segments WHERE last_revision >= ? ORDER BY last_revision, id LIMIT 1";
const READ = `
  SELECT id, first_revision, last_revision, checksum, changes FROM change_segments WHERE id = ?`;

/** The log of changes: those of the tables, and those that have yet to be written. */
export class ChangeLog {
  readonly #sql: SqlStorage;
  readonly #writer = new SegmentWriter();
  #full: Segment[] = [];
  #lastId: number;
  #lastWritten: number;

  /** Creates the table when it is missing. */
  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(TABLE);
    const { id, revision } = sql.exec<{ id: number; revision: number }>(ENDS).one();
    this.#lastId = id;
    this.#lastWritten = revision;
  }

  /** The newest segment's id; 0 when there is none. */
  get lastId(): number {
    return this.#lastId;
  }

  /** Revision of the newest change in the tables; 0 when there is none. */
  get lastWritten(): number {
    return this.#lastWritten;
  }

  /** Takes in the next change, for `write`. */
  add(change: Change, place?: KeyPlace): void {
    this.#writer.add(change, place);
    if (this.#writer.isFull) this.#full.push(this.#writer.finish());
  }

  /** Writes what was added, in the caller's transaction. */
  write(): void {
    if (!this.#writer.isEmpty) this.#full.push(this.#writer.finish());
    for (const { first, last, bytes } of this.#full) {
      const id = ++this.#lastId;
      this.#sql.exec(INSERT, id, first, last, checksumOf(id, first, last, bytes), bytes);
      this.#lastWritten = last;
    }
    this.#full = [];
  }

  /** Whether a key that begins with `prefix` was changed after `revision`, as far as the tables know. */
  hasChangedUnder(prefix: Uint8Array, revision: number): boolean {
    for (let id = this.firstFrom(revision + 1); id <= this.#lastId; id++) {
      const reader = this.read(id);
      while (reader.next()) if (reader.revision > revision && reader.isUnder(prefix)) return true;
    }
    return false;
  }

  /** The changes in the tables, from the first one of a segment on. */
  *from(segment: number): Generator<Change, void> {
    for (let id = segment; id <= this.#lastId; id++) {
      const reader = this.read(id);
      while (reader.next()) yield reader.change();
    }
  }

  /** The first segment that reaches `revision`; the one after the last when none does. */
  firstFrom(revision: number): number {
    const [row] = this.#sql.exec<{ id: number }>(FIRST_FROM, revision).toArray();
    return row?.id ?? this.#lastId + 1;
  }

  /** One segment. Throws `storage-damaged` when the row is not what was written. */
  read(id: number): SegmentReader {
    const [row] = this.#sql.exec<SegmentRow>(READ, id).toArray();
    if (row === undefined) throw damaged("change_segments", `id=${id}`, "the row is missing");
    const { first_revision: first, last_revision: last, checksum, changes } = row;
    const bytes = new Uint8Array(changes);
    const actual = checksumOf(id, first, last, bytes);
    if (actual === checksum) return new SegmentReader(bytes);
    const problem = `the checksum of its columns is ${actual}, the stored one ${checksum}`;
    throw damaged("change_segments", `id=${id}`, problem);
  }
}

type SegmentRow = { first_revision: number; last_revision: number; checksum: number; changes: ArrayBuffer };

function checksumOf(id: number, first: number, last: number, bytes: Uint8Array): number {
  return crc32c(bytes, rowChecksum(id, first, last));
}
