import type { SqlStorage } from "../storage/port.ts";
import type { Change, KeyHead, KeyState, KeyValue } from "./key-state.ts";
import { isDeleted, overlay } from "./key-state.ts";
import { KeyTables } from "./key-tables.ts";
import { compareBytes, encodeKey } from "./keys.ts";
import { PageValues } from "./page-values.ts";
import { scan } from "./scan.ts";
import { Subscriptions } from "./subscriptions.ts";

/** A key, and where it stands before its next change. */
export interface KeySlot {
  readonly key: string;
  readonly keyBytes: Uint8Array;
  /** null when the key is absent and always was. */
  readonly head: KeyHead | null;
}

/** Neither value nor entry: a few hundred bytes each. */
type RecentKey = Pick<KeySlot, "keyBytes" | "head">;
const MOST_RECENT = 16_384;

const NO_VALUE = new Uint8Array(0);

/**
 * All keys, in three layers that reads look through from the top: what the entry being applied has staged, what was
 * committed since the last flush, and the tables. Methods that take a key or prefix throw as `encodeKey` does.
 */
export class KeySpace {
  /** Hear of every change once all of its entry are the newest state. */
  readonly subscriptions = new Subscriptions();
  readonly #tables: KeyTables;
  #lastChange: number;
  /** The same of what is in the tables. */
  #lastFlushed: number;
  readonly #staged = new Map<string, Change>();
  /** The newest state of every key changed since the last flush. */
  readonly #memtable = new Map<string, Change>();
  /** Every change since the last flush, one for a key and an entry, in the order of revisions. */
  readonly #unflushed: Change[] = [];
  /** Where keys stand that were flushed not long ago, the latest last: the next change of one need not ask for it. */
  readonly #recent = new Map<string, RecentKey>();

  constructor(sql: SqlStorage) {
    this.#tables = new KeyTables(sql);
    this.#lastChange = this.#tables.lastChange();
    this.#lastFlushed = this.#lastChange;
  }

  /** Revision of the newest change, deletions included; 0 when there was none. */
  get lastChange(): number {
    return this.#lastChange;
  }

  /** The same among keys that begin with `prefix`; takes time in proportion to their number. */
  lastChangeUnder(prefix: string): number {
    let last = this.#tables.lastChangeUnder(encodeKey(prefix, true));
    for (const change of this.#changedUnder(prefix)) last = Math.max(last, change.revision);
    return last;
  }

  find(key: string): KeySlot {
    const newer = this.#staged.get(key) ?? this.#memtable.get(key);
    if (newer !== undefined) return { key, keyBytes: newer.keyBytes, head: newer };
    const recent = this.#recent.get(key);
    if (recent !== undefined) return { key, ...recent };
    const keyBytes = encodeKey(key);
    return { key, keyBytes, head: this.#tables.find(keyBytes) };
  }

  /** The keys that are present and begin with `prefix`, in the order of their bytes. */
  findUnder(prefix: string): KeySlot[] {
    const flushed = this.#tables.findUnder(encodeKey(prefix, true));
    return overlay<KeyState>(flushed, this.#changedUnder(prefix)).map((state) => ({
      key: state.key,
      keyBytes: state.keyBytes,
      head: state,
    }));
  }

  /** The key with its value; null when absent. */
  read(key: string): KeyValue | null {
    const newer = this.#staged.get(key) ?? this.#memtable.get(key);
    if (newer === undefined) return this.#tables.read(encodeKey(key));
    return isDeleted(newer) ? null : newer;
  }

  /** The keys under a prefix as they are now, in pages read as they are asked for; `scan` says how that can be. */
  scan(prefix: string): Generator<KeyState[], void> {
    return scan(this.#tables, this.#changedUnder(prefix), prefix, this.#lastChange);
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
      const change = this.#unflushed[at] as Change;
      if (change.revision <= revision) return false;
      if (change.key.startsWith(prefix)) return true;
    }
    return this.#tables.hasChangedUnder(prefixBytes, revision, this.#lastFlushed);
  }

  /** Stages a value that lies at `valueOffset` in the body of entry `revision`. */
  put(revision: number, slot: KeySlot, value: Uint8Array, valueOffset: number, flags: number): void {
    const { key, keyBytes } = slot;
    const previous = isPresent(slot) ? slot.head : null;
    this.#staged.set(key, {
      key,
      keyBytes,
      revision,
      valueOffset,
      valueLength: value.length,
      createRevision: previous?.createRevision ?? revision,
      version: (previous?.version ?? 0) + 1,
      flags,
      previousRevision: this.#previousRevision(revision, slot),
      value,
    });
  }

  /** Stages a deletion. */
  delete(revision: number, slot: KeySlot): void {
    const { key, keyBytes } = slot;
    this.#staged.set(key, {
      key,
      keyBytes,
      revision,
      valueOffset: 0,
      valueLength: 0,
      createRevision: 0,
      version: 0,
      flags: 0,
      previousRevision: this.#previousRevision(revision, slot),
      value: NO_VALUE,
    });
  }

  /** Makes what is staged, all of one revision, the newest state. */
  commit(revision: number): void {
    if (this.#staged.size === 0) return;
    for (const [key, change] of this.#staged) {
      this.#memtable.set(key, change);
      this.#unflushed.push(change);
    }
    const changed = this.subscriptions.isEmpty ? [] : [...this.#staged.keys()];
    this.#staged.clear();
    this.#lastChange = revision;
    for (const key of changed) this.subscriptions.notify(key);
  }

  /** Forgets what is staged. */
  rollback(): void {
    this.#staged.clear();
  }

  /** Writes what was committed to the tables, in the caller's transaction, and forgets it here. */
  flush(): void {
    this.#tables.write(this.#unflushed);
    for (const change of this.#memtable.values()) this.#remember(change);
    this.#unflushed.length = 0;
    this.#lastFlushed = this.#lastChange;
    this.#memtable.clear();
  }

  /** Its tables are changed through this object alone, so what is remembered of them stays true. */
  #remember({ key, keyBytes, revision, createRevision, version }: Change): void {
    this.#recent.delete(key);
    this.#recent.set(key, { keyBytes, head: { revision, createRevision, version } });
    if (this.#recent.size <= MOST_RECENT) return;
    for (const oldest of this.#recent.keys()) {
      this.#recent.delete(oldest);
      break;
    }
  }

  /** An entry that changes a key twice leaves one change, which goes on from the state before the entry. */
  #previousRevision(revision: number, { key, head }: KeySlot): number {
    if (head === null) return 0;
    return head.revision === revision ? (this.#staged.get(key)?.previousRevision ?? 0) : head.revision;
  }

  /** What is in memory under a prefix, deletions included, in order. */
  #changedUnder(prefix: string): Change[] {
    const changes = new Map<string, Change>();
    for (const layer of [this.#memtable, this.#staged]) {
      for (const [key, change] of layer) if (key.startsWith(prefix)) changes.set(key, change);
    }
    return [...changes.values()].sort((a, b) => compareBytes(a.keyBytes, b.keyBytes));
  }
}

export function isPresent(slot: KeySlot): slot is KeySlot & { readonly head: KeyHead } {
  return slot.head !== null && !isDeleted(slot.head);
}

/** What `cas` is compared with: 0 for an absent key. */
export function modifyIndex(slot: KeySlot): number {
  return isPresent(slot) ? slot.head.revision : 0;
}
