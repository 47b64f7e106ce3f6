/** Where the keys of one byte string lie, in their order, and what is worked out of each. */
export class KeyPlaces {
  length = 0;
  readonly offsets: Int32Array;
  readonly lengths: Int32Array;
  /** Room for them, for whoever looks the keys up. */
  readonly hashes: Int32Array;

  /** `most`: how many there can be. */
  constructor(most: number) {
    this.offsets = new Int32Array(most);
    this.lengths = new Int32Array(most);
    this.hashes = new Int32Array(most);
  }

  clear(): void {
    this.length = 0;
  }

  add(offset: number, length: number): void {
    this.offsets[this.length] = offset;
    this.lengths[this.length] = length;
    this.length++;
  }
}
