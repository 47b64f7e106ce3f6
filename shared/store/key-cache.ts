import { decodeKey } from "./bytes.ts";
import type { ChangeLog } from "./change-log.ts";
import { DirtyKeys, sortedUnder } from "./dirty-keys.ts";
import { KeyArena } from "./key-arena.ts";
import { KeyHash } from "./key-hash.ts";
import { KeyIndex } from "./key-index.ts";
import type { KeyPlaces } from "./key-places.ts";
import type { SavedRecord } from "./key-record.ts";
import { KeyRecord } from "./key-record.ts";
import type { KeyState } from "./key-state.ts";
import type { KeyTables } from "./key-tables.ts";
import { compareKeys, encodeKey, MAX_KEY_BYTES } from "./keys.ts";

/** When the table of keys is brought up to date. Memory is in proportion, a few hundred bytes a key. */
export interface KeySpaceLimits {
  /** So many keys may be newer in memory than in the table. */
  readonly dirtyKeys: number;
  /** So many changes may have been made to them: a start reads as many. */
  readonly dirtyChanges: number;
  /** So many keys are written with one flush at least: what it takes the event loop for. */
  readonly keysPerFlush: number;
}

const DEFAULT_LIMITS: KeySpaceLimits = { dirtyKeys: 16_384, dirtyChanges: 65_536, keysPerFlush: 512 };

/**
 * Keys in memory: all those whose newest state the table of keys does not have ("dirty"), and others that were changed
 * not long ago, whose next change need not ask for them.
 *
 * The table is written in rounds, each of which goes through the keys that were dirty when it began, a few with each
 * flush. It always has states that were flushed, but not always the newest: what has changed since the last round began
 * is read from the log of changes at a start.
 */
export class KeyCache {
  readonly #tables: KeyTables;
  readonly #log: ChangeLog;
  readonly #limits: KeySpaceLimits;
  /** Keys changed since the generation began. */
  #young = new KeyIndex();
  /** Keys changed in the generation before: between them the two have all that are dirty. */
  #old = new KeyIndex();
  readonly #hash = new KeyHash();
  readonly #arena = new KeyArena();
  /** Of a key that is asked for by its text. */
  readonly #text = new Uint8Array(MAX_KEY_BYTES);
  #generation = 1;
  /** Changed since the round under way began, or the last one; each once. */
  readonly #dirty = new DirtyKeys();
  #changes = 0;
  /** The round under way: sorted by key, written up to `#written`. */
  #round: KeyRecord[] = [];
  #written = 0;
  /** The newest segment when the round began. */
  #roundSegment = 0;

  constructor(tables: KeyTables, log: ChangeLog, limits = DEFAULT_LIMITS) {
    this.#tables = tables;
    this.#log = log;
    this.#limits = limits;
    for (const change of log.from(tables.writtenSegment(log.lastId) + 1)) {
      const record = this.#heldAt(change.keyBytes) ?? new KeyRecord(change.key, change.keyBytes);
      record.take(change);
      this.addDirty(record);
      this.#changes++;
    }
  }

  /** The key as it is now. Throws as `encodeKey` does. */
  find(key: string): KeyRecord {
    const held = this.held(key);
    if (held !== undefined) return held;
    const record = KeyRecord.named(key);
    const state = this.#tables.find(record.keyBytes);
    if (state !== null) record.take(state);
    return record;
  }

  /** The same if it is in memory. */
  held(key: string): KeyRecord | undefined {
    const bytes = this.#text;
    const { length } = key;
    if (length > bytes.length) return this.#heldAt(encodeKey(key));
    for (let at = 0; at < length; at++) {
      const unit = key.charCodeAt(at);
      if (unit >= 0x80) return this.#heldAt(encodeKey(key));
      bytes[at] = unit;
    }
    return this.#heldAt(bytes, 0, length);
  }

  /**
   * Keys of at most MAX_KEY_BYTES bytes, in their order: those that are in memory, and the texts of others. Throws as
   * `decodeKey` does; what is in memory was UTF-8 when it came.
   */
  locate(bytes: Uint8Array, places: KeyPlaces): (KeyRecord | string)[] {
    const { offsets, lengths, hashes, length: count } = places;
    for (let at = 0; at < count; at++) hashes[at] = this.#hash.of(bytes, offsets[at]!, lengths[at]!);
    this.#young.prefetch(hashes, count);
    const located: (KeyRecord | string)[] = [];
    for (let at = 0; at < count; at++) {
      const offset = offsets[at]!;
      const length = lengths[at]!;
      located.push(this.#find(hashes[at]!, bytes, offset, length) ?? decodeKey(bytes, offset, length));
    }
    return located;
  }

  #heldAt(bytes: Uint8Array, offset = 0, length = bytes.length): KeyRecord | undefined {
    return this.#find(this.#hash.of(bytes, offset, length), bytes, offset, length);
  }

  #find(hash: number, bytes: Uint8Array, offset: number, length: number): KeyRecord | undefined {
    return this.#young.find(hash, bytes, offset, length) ?? this.#old.find(hash, bytes, offset, length);
  }

  /** Of a state of the table that is the newest. */
  recordOf(state: KeyState): KeyRecord {
    return this.#heldAt(state.keyBytes) ?? KeyRecord.of(state);
  }

  /** A record that was found is about to be newer than the table. */
  addDirty(record: KeyRecord): void {
    if (record.generation !== this.#generation) {
      record.generation = this.#generation;
      this.#arena.add(record);
      this.#young.add(this.#hashOf(record), record);
    }
    if (record.isDirty) return;
    record.isDirty = true;
    this.#dirty.add(record);
  }

  /** Takes the last calls of `addDirty` back, and makes the records what they were before. */
  takeBack(saved: readonly SavedRecord[]): void {
    let added = 0;
    // In reverse, so that what is left in the arena is what was there before.
    for (const { record, fields } of saved.toReversed()) {
      if (!fields.isDirty) added++;
      if (fields.generation !== this.#generation) {
        this.#young.remove(this.#hashOf(record), record);
        this.#arena.takeBack(record);
      }
      record.restore(fields);
    }
    this.#dirty.removeLast(added);
  }

  /** Dirty keys that begin with `prefix`, deleted ones included, in the order of their bytes. */
  dirtyUnder(prefix: string): KeyRecord[] {
    const found = this.#dirty.under(prefix);
    for (const record of sortedUnder(this.#round, prefix, this.#written)) {
      // One that has changed again stands among the others too.
      if (!record.isDirty) found.push(record);
    }
    return found.sort((a, b) => compareKeys(a, b));
  }

  /** In the transaction of a flush that has written `changes`: a part of the round under way, or of the next if due. */
  writeSome(changes: number): void {
    this.#changes += changes;
    const { dirtyKeys, dirtyChanges, keysPerFlush } = this.#limits;
    if (this.#round.length === 0) {
      if (this.#dirty.length < dirtyKeys && this.#changes < dirtyChanges) return;
      this.#beginRound();
    }
    // As many as have changed: otherwise a round could take for ever, and what is dirty would grow without bounds.
    const end = Math.min(this.#round.length, this.#written + Math.max(keysPerFlush, changes));
    this.#tables.write(this.#round, this.#written, end);
    this.#written = end;
    if (end === this.#round.length) this.#endRound();
  }

  #hashOf({ keys, keyOffset, keyLength }: KeyRecord): number {
    return this.#hash.of(keys, keyOffset, keyLength);
  }

  #beginRound(): void {
    this.#round = this.#dirty.take();
    for (const record of this.#round) record.isDirty = false;
    this.#changes = 0;
    this.#written = 0;
    this.#roundSegment = this.#log.lastId;
  }

  #endRound(): void {
    this.#tables.setWrittenSegment(this.#roundSegment);
    this.#round = [];
    this.#written = 0;
    if (this.#young.size < 2 * this.#limits.dirtyKeys) return;
    // What is dirty by now is in the next round, and leaves after that at the earliest.
    this.#old = this.#young;
    this.#young = new KeyIndex();
    this.#generation++;
  }
}
