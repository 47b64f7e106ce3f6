import type { LogIndex } from "../raft/types.ts";
import type { Where } from "./findings.ts";

/**
 * Hashes by index, each with the record that tells it first: 60 bytes or so for each, because five recordings of a busy
 * day hold millions.
 */
export class HashTable {
  readonly #slots = new Map<LogIndex, number>();
  #hashes = new Uint32Array(64);
  #places = new Float64Array(64);

  /** The record that told another hash of `index`; null when none did. */
  note(index: LogIndex, hash: number, where: Where): Where | null {
    const known = this.#slots.get(index);
    if (known !== undefined) return this.#hashes[known] === hash ? null : this.#places[known]!;
    const slot = this.#slots.size;
    if (slot === this.#hashes.length) this.#grow();
    this.#slots.set(index, slot);
    this.#hashes[slot] = hash;
    this.#places[slot] = where;
    return null;
  }

  #grow(): void {
    const hashes = new Uint32Array(2 * this.#hashes.length);
    hashes.set(this.#hashes);
    this.#hashes = hashes;
    const places = new Float64Array(2 * this.#places.length);
    places.set(this.#places);
    this.#places = places;
  }
}
