import type { ChangeLog } from "./change-log.ts";
import { DirtyKeys, sortedUnder } from "./dirty-keys.ts";
import type { SavedRecord } from "./key-record.ts";
import { KeyRecord } from "./key-record.ts";
import type { KeyState } from "./key-state.ts";
import type { KeyTables } from "./key-tables.ts";
import { compareBytes } from "./keys.ts";

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
  #young = new Map<string, KeyRecord>();
  /** Keys changed in the generation before: between them the two have all that are dirty. */
  #old = new Map<string, KeyRecord>();
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
      const record = this.#young.get(change.key) ?? new KeyRecord(change.key, change.keyBytes);
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
    return this.#young.get(key) ?? this.#old.get(key);
  }

  /** Of a state of the table that is the newest. */
  recordOf(state: KeyState): KeyRecord {
    return this.held(state.key) ?? KeyRecord.of(state);
  }

  /** A record that was found is about to be newer than the table. */
  addDirty(record: KeyRecord): void {
    if (record.generation !== this.#generation) {
      record.generation = this.#generation;
      this.#young.set(record.key, record);
    }
    if (record.isDirty) return;
    record.isDirty = true;
    this.#dirty.add(record);
  }

  /** Takes the last calls of `addDirty` back, and makes the records what they were before. */
  takeBack(saved: readonly SavedRecord[]): void {
    let added = 0;
    for (const { record, fields } of saved) {
      if (!fields.isDirty) added++;
      if (fields.generation !== this.#generation) this.#young.delete(record.key);
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
    return found.sort((a, b) => compareBytes(a.keyBytes, b.keyBytes));
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
    this.#young = new Map();
    this.#generation++;
  }
}
