/** A set of safe, non-negative integers that are hashes already: open addressing, eight bytes a member. */
export class NumberSet {
  size = 0;
  #slots = new Float64Array(1 << 16).fill(-1);

  /** Whether it was not there before. */
  add(value: number): boolean {
    if (2 * this.size > this.#slots.length) this.#grow();
    const slot = this.#find(value);
    if (this.#slots[slot] === value) return false;
    this.#slots[slot] = value;
    this.size++;
    return true;
  }

  #find(value: number): number {
    const mask = this.#slots.length - 1;
    let slot = value & mask;
    while (this.#slots[slot] !== -1 && this.#slots[slot] !== value) slot = (slot + 1) & mask;
    return slot;
  }

  #grow(): void {
    const old = this.#slots;
    this.#slots = new Float64Array(2 * old.length).fill(-1);
    for (const value of old) if (value !== -1) this.#slots[this.#find(value)] = value;
  }
}
