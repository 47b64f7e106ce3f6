import type { KeyRecord } from "./key-record.ts";

const CHUNK_BYTES = 16 * 1024;

/**
 * The bytes of keys, side by side: an array for each would take a few hundred bytes more, and lie elsewhere. A chunk is
 * kept in memory by the records that point into it, and by nothing else.
 */
export class KeyArena {
  #chunk: Uint8Array = new Uint8Array(CHUNK_BYTES);
  #end = 0;

  /** Moves a record's key here. */
  add(record: KeyRecord): void {
    const { keys, keyOffset, keyLength } = record;
    if (keyLength > CHUNK_BYTES - this.#end) {
      this.#chunk = new Uint8Array(CHUNK_BYTES);
      this.#end = 0;
    }
    record.keys = this.#chunk;
    record.keyOffset = this.#end;
    for (let at = 0; at < keyLength; at++) this.#chunk[this.#end + at] = keys[keyOffset + at]!;
    this.#end += keyLength;
  }

  /** Takes back the key of this record, and all that were added after it; nothing may point at them any more. */
  takeBack({ keys, keyOffset }: KeyRecord): void {
    this.#chunk = keys;
    this.#end = keyOffset;
  }
}
