import type { KeyRecord } from "./key-record.ts";

/** A power of two. */
const FIRST_SLOTS = 256;

/**
 * Records by the bytes of their keys, wherever those lie: no text is made to look one up. Open addressing with linear
 * probing, at most half full. The caller brings the hashes.
 */
export class KeyIndex {
  /** By slot; of one that is free it says nothing. */
  #hashes = new Int32Array(FIRST_SLOTS);
  #records = freeSlots(FIRST_SLOTS);
  #size = 0;
  /** By `prefetch`: engines leave out what has no effect. */
  prefetched = 0;

  get size(): number {
    return this.#size;
  }

  /**
   * Reads what will be needed of the first `count` keys with these hashes, so that it is in the processor's caches: here
   * it waits for many at once, when they are looked up one by one it would wait for each.
   */
  prefetch(hashes: Int32Array, count: number): void {
    const records = this.#records;
    let sum = 0;
    for (let at = 0; at < count; at++) {
      const slot = this.#home(hashes[at]!);
      const record = records[slot]!;
      if (record === null) continue;
      sum += this.#hashes[slot]! + record.keys[record.keyOffset]! + record.revision + record.generation;
    }
    this.prefetched = sum;
  }

  /** The record whose key is in `length` bytes from `offset`. */
  find(hash: number, bytes: Uint8Array, offset: number, length: number): KeyRecord | undefined {
    const hashes = this.#hashes;
    const records = this.#records;
    const last = records.length - 1;
    for (let slot = this.#home(hash); ; slot = (slot + 1) & last) {
      const record = records[slot]!;
      if (record === null) return undefined;
      if (hashes[slot] === hash && isKeyOf(record, bytes, offset, length)) return record;
    }
  }

  /** A record whose key is not here. */
  add(hash: number, record: KeyRecord): void {
    if (2 * ++this.#size > this.#records.length) this.#grow();
    this.#place(hash, record);
  }

  /** A record that is here. */
  remove(hash: number, record: KeyRecord): void {
    const hashes = this.#hashes;
    const records = this.#records;
    const last = records.length - 1;
    let free = this.#home(hash);
    while (records[free] !== record) free = (free + 1) & last;
    this.#size--;
    // Those behind it are found only if no slot is free between the one they belong to and theirs.
    for (let slot = (free + 1) & last; records[slot] !== null; slot = (slot + 1) & last) {
      if (((slot - this.#home(hashes[slot]!)) & last) < ((slot - free) & last)) continue;
      hashes[free] = hashes[slot]!;
      records[free] = records[slot]!;
      free = slot;
    }
    records[free] = null;
  }

  #home(hash: number): number {
    return hash >>> (Math.clz32(this.#hashes.length) + 1);
  }

  #place(hash: number, record: KeyRecord): void {
    const records = this.#records;
    const last = records.length - 1;
    let slot = this.#home(hash);
    while (records[slot] !== null) slot = (slot + 1) & last;
    this.#hashes[slot] = hash;
    records[slot] = record;
  }

  #grow(): void {
    const hashes = this.#hashes;
    const records = this.#records;
    this.#hashes = new Int32Array(2 * hashes.length);
    this.#records = freeSlots(2 * records.length);
    for (let slot = 0; slot < records.length; slot++) {
      const record = records[slot]!;
      if (record !== null) this.#place(hashes[slot]!, record);
    }
  }
}

function freeSlots(count: number): (KeyRecord | null)[] {
  return Array<KeyRecord | null>(count).fill(null);
}

function isKeyOf(record: KeyRecord, bytes: Uint8Array, offset: number, length: number): boolean {
  const { keys, keyOffset, keyLength } = record;
  if (keyLength !== length) return false;
  for (let at = 0; at < length; at++) if (keys[keyOffset + at] !== bytes[offset + at]) return false;
  return true;
}
