import type { SqlStorage } from "../storage/port.ts";
import { ChangeLog } from "./change-log.ts";
import type { KeySpaceLimits } from "./key-cache.ts";
import { KeyCache } from "./key-cache.ts";
import type { KeyPlaces } from "./key-places.ts";
import type { SavedRecord } from "./key-record.ts";
import { KeyRecord } from "./key-record.ts";
import type { KeyState, KeyValue } from "./key-state.ts";
import { isDeleted, overlay } from "./key-state.ts";
import { KeyTables } from "./key-tables.ts";
import { encodeKey } from "./keys.ts";
import { PageValues } from "./page-values.ts";
import { scan } from "./scan.ts";
import { Subscriptions } from "./subscriptions.ts";

/** Up to so many segments of changes it is sooner to look through them than through all keys of a prefix. */
const FEW_SEGMENTS = 16;

const NO_VALUE = new Uint8Array(0);

/**
 * All keys. The newest state of a key is in memory (key-cache.ts) as long as the table of keys has an older one. A
 * flush writes all that has changed to the log of changes, which makes it durable, and a part of what the table of keys
 * has yet to hear of: that is written seldom, so that a key that changes often is written once, and in the order of
 * keys.
 *
 * Methods that take a key or prefix throw as `encodeKey` does.
 */
export class KeySpace {
  /** Hear of every change once all of its entry are the newest state. */
  readonly subscriptions = new Subscriptions();
  readonly #tables: KeyTables;
  readonly #log: ChangeLog;
  readonly #cache: KeyCache;
  #lastChange: number;
  /** What the entry that is being applied has changed, each key once. */
  #staged: KeyRecord[] = [];
  /** What that was before, while it may have to be taken back. */
  #saved: SavedRecord[] | null = null;
  /** Every change since the last flush, one for a key and an entry, in the order of revisions. */
  #unflushed: KeyRecord[] = [];
  /** The revision of each. */
  #unflushedRevisions: number[] = [];

  constructor(sql: SqlStorage, limits?: KeySpaceLimits) {
    this.#log = new ChangeLog(sql);
    this.#tables = new KeyTables(sql);
    this.#cache = new KeyCache(this.#tables, this.#log, limits);
    this.#lastChange = this.#log.lastWritten;
  }

  /** Revision of the newest change, deletions included; 0 when there was none. */
  get lastChange(): number {
    return this.#lastChange;
  }

  /** The same among keys that begin with `prefix`; takes time in proportion to their number. */
  lastChangeUnder(prefix: string): number {
    let last = this.#tables.lastChangeUnder(encodeKey(prefix, true));
    for (const record of this.#cache.dirtyUnder(prefix)) last = Math.max(last, record.revision);
    return last;
  }

  /** The key as it is now. */
  find(key: string): KeyRecord {
    return this.#cache.find(key);
  }

  /** The keys that lie at `places` in a body: those that are in memory, and the texts of others; as `KeyCache` does. */
  locate(body: Uint8Array, places: KeyPlaces): (KeyRecord | string)[] {
    return this.#cache.locate(body, places);
  }

  /** The keys that are present and begin with `prefix`, in the order of their bytes. */
  findUnder(prefix: string): KeyRecord[] {
    const written = this.#tables.findUnder(encodeKey(prefix, true));
    const present = overlay<KeyState>(written, this.#cache.dirtyUnder(prefix));
    return present.map((state) => (state instanceof KeyRecord ? state : this.#cache.recordOf(state)));
  }

  /** The key with its value; null when absent. */
  read(key: string): KeyValue | null {
    const record = this.#cache.held(key);
    if (record === undefined) return this.#tables.read(encodeKey(key));
    if (isDeleted(record)) return null;
    const state = record.snapshot();
    return "value" in state ? state : { ...state, value: this.#tables.readValue(state) };
  }

  /** The keys under a prefix as they are now, in pages read as they are asked for; `scan` says how that can be. */
  scan(prefix: string): Generator<KeyState[], void> {
    const newest = this.#cache.dirtyUnder(prefix).map((record) => record.snapshot());
    return scan(this.#tables, this.#log, newest, prefix, this.#lastChange);
  }

  /** The values of a page that `scan` gave. */
  valuesOf(page: readonly KeyState[]): PageValues {
    return new PageValues(this.#tables, page);
  }

  /** Whether any key under the prefix has changed after `revision`. */
  hasChangedUnder(prefix: string, revision: number): boolean {
    const prefixBytes = encodeKey(prefix, true);
    if (this.#lastChange <= revision) return false;
    for (let at = this.#unflushed.length - 1; at >= 0; at--) {
      if (this.#unflushedRevisions[at]! <= revision) return false;
      if (this.#unflushed[at]!.key.startsWith(prefix)) return true;
    }
    const { lastWritten, lastId } = this.#log;
    if (lastWritten <= revision) return false;
    if (lastId - this.#log.firstFrom(revision + 1) < FEW_SEGMENTS)
      return this.#log.hasChangedUnder(prefixBytes, revision);
    if (this.#cache.dirtyUnder(prefix).some((record) => record.revision > revision)) return true;
    return this.#tables.hasChangedUnder(prefixBytes, revision);
  }

  /** Whatever is changed from now on can be taken back, until it is committed. */
  keepForRollback(): void {
    this.#saved = [];
  }

  /** Stages a value of `length` bytes that lies at `offset` in `body`, that of entry `revision`. */
  put(
    revision: number,
    record: KeyRecord,
    body: Uint8Array,
    offset: number,
    length: number,
    flags: number,
  ): void {
    this.#stage(revision, record);
    if (record.version === 0) record.createRevision = revision;
    record.version++;
    record.valueOffset = offset;
    record.valueLength = length;
    record.flags = flags;
    record.body = body;
  }

  /** Stages a deletion. */
  delete(revision: number, record: KeyRecord): void {
    this.#stage(revision, record);
    record.createRevision = 0;
    record.version = 0;
    record.valueOffset = 0;
    record.valueLength = 0;
    record.flags = 0;
    record.body = NO_VALUE;
  }

  /** Makes what is staged, all of one revision, the newest state. */
  commit(revision: number): void {
    this.#saved = null;
    const changed = this.#staged;
    if (changed.length === 0) return;
    this.#staged = [];
    for (const record of changed) {
      this.#log.add(record, record);
      this.#unflushed.push(record);
      this.#unflushedRevisions.push(revision);
    }
    this.#lastChange = revision;
    if (this.subscriptions.isEmpty) return;
    for (const { key } of changed) this.subscriptions.notify(key);
  }

  /** Makes everything as it was at `keepForRollback`. */
  rollback(): void {
    this.#cache.takeBack(this.#saved ?? []);
    this.#saved = null;
    this.#staged = [];
  }

  /** Writes what was committed to the tables, in the caller's transaction, and lets go of values. */
  flush(): void {
    this.#log.write();
    // From now on they are read from the log's own table.
    for (const record of this.#unflushed) record.body = null;
    this.#cache.writeSome(this.#unflushed.length);
    this.#unflushed = [];
    this.#unflushedRevisions = [];
  }

  /** An entry that changes a key twice leaves one change, which goes on from the state before the entry. */
  #stage(revision: number, record: KeyRecord): void {
    if (record.revision === revision) return;
    this.#saved?.push(record.save());
    record.previousRevision = record.revision;
    record.revision = revision;
    this.#staged.push(record);
    this.#cache.addDirty(record);
  }
}

export function isPresent(record: KeyRecord): boolean {
  return record.version > 0;
}

/** What `cas` is compared with: 0 for an absent key. */
export function modifyIndex(record: KeyRecord): number {
  return record.version > 0 ? record.revision : 0;
}
