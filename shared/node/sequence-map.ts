import { invariant } from "../errors.ts";

const leastCapacity = 64;
/** A table up to this size stays as it is when all have left: the next ones are on their way. */
const largestKept = 4096;
/** 2^32 over the golden ratio. */
const goldenRatio = 0x9e3779b1;
/** Stands where nothing is: sequences begin at 0. */
const free = -1;

/**
 * Values by sequence: whole numbers given out one after the other, of which most leave in about the order in which they
 * came. A table with open addressing. Numbers in a row have places far apart: were they neighbours, each that is taken
 * would have all behind it looked at, whether they have to move up.
 *
 * Not a Map, because tens of thousands come and go each second: a Map makes itself anew every few dozen times, its former
 * selves lead from each to the next, and once one of them has been moved to the garbage collector's old generation all
 * that come after it follow, with everything they held (docs/performance.md).
 */
export class SequenceMap<Value> {
  #sequences = freeSequences(leastCapacity);
  #values: (Value | undefined)[] = freeValues(leastCapacity);
  #mask = leastCapacity - 1;
  #size = 0;
  /** None that is here is lower. */
  #floor = 0;

  get size(): number {
    return this.#size;
  }

  get(sequence: number): Value | undefined {
    return this.#values[this.#placeOf(sequence)];
  }

  has(sequence: number): boolean {
    return this.#sequences[this.#placeOf(sequence)] === sequence;
  }

  set(sequence: number, value: Value): void {
    invariant(sequence >= 0, "sequences are not negative", () => String(sequence));
    let place = this.#placeOf(sequence);
    if (this.#sequences[place] !== sequence) {
      if (this.#size === 0 || sequence < this.#floor) this.#floor = sequence;
      if (2 * ++this.#size > this.#sequences.length) {
        this.#resize(2 * this.#sequences.length);
        place = this.#placeOf(sequence);
      }
      this.#sequences[place] = sequence;
    }
    this.#values[place] = value;
  }

  /** Returns what was there. */
  take(sequence: number): Value | undefined {
    let place = this.#placeOf(sequence);
    const value = this.#values[place];
    if (this.#sequences[place] !== sequence) return undefined;
    this.#size--;
    // Whoever stands behind the gap because it was taken moves up, or it would not be found any more.
    const mask = this.#mask;
    for (let next = (place + 1) & mask; this.#sequences[next] !== free; next = (next + 1) & mask) {
      const away = (next - this.#homeOf(this.#sequences[next]!)) & mask;
      if (away < ((next - place) & mask)) continue;
      this.#sequences[place] = this.#sequences[next]!;
      this.#values[place] = this.#values[next];
      place = next;
    }
    this.#sequences[place] = free;
    this.#values[place] = undefined;
    // Room that a rush has needed is not kept after it.
    if (this.#size === 0 && this.#sequences.length > largestKept) this.#resize(leastCapacity);
    return value;
  }

  /** The lowest sequence that is here; null when there is none. */
  get lowest(): number | null {
    if (this.#size === 0) return null;
    // Nearly always the next one. Where one was here much longer than those after it, all are looked through.
    for (let step = 0; step < leastCapacity; step++) {
      if (this.has(this.#floor)) return this.#floor;
      this.#floor++;
    }
    let lowest = Number.POSITIVE_INFINITY;
    for (const sequence of this.#sequences) if (sequence !== free && sequence < lowest) lowest = sequence;
    this.#floor = lowest;
    return lowest;
  }

  /** Those that are wanted, by rising sequence; all others are looked at in no order. */
  select(isWanted: (value: Value) => boolean): Value[] {
    const wanted: number[] = [];
    const { length } = this.#sequences;
    for (let place = 0; place < length; place++) {
      const sequence = this.#sequences[place]!;
      if (sequence !== free && isWanted(this.#values[place] as Value)) wanted.push(sequence);
    }
    wanted.sort((a, b) => a - b);
    return wanted.map((sequence) => this.get(sequence) as Value);
  }

  /** Where it is, or the free place where it would be. */
  #placeOf(sequence: number): number {
    const sequences = this.#sequences;
    let place = this.#homeOf(sequence);
    while (sequences[place] !== sequence && sequences[place] !== free) place = (place + 1) & this.#mask;
    return place;
  }

  /** Where it is looked for first: multiplicative hashing of its low 32 bits (Knuth, volume 3, 6.4). */
  #homeOf(sequence: number): number {
    return Math.imul(sequence, goldenRatio) >>> Math.clz32(this.#mask);
  }

  #resize(capacity: number): void {
    const sequences = this.#sequences;
    const values = this.#values;
    this.#sequences = freeSequences(capacity);
    this.#values = freeValues(capacity);
    this.#mask = capacity - 1;
    for (let from = 0; from < sequences.length; from++) {
      if (sequences[from] === free) continue;
      const place = this.#placeOf(sequences[from]!);
      this.#sequences[place] = sequences[from]!;
      this.#values[place] = values[from];
    }
  }
}

function freeSequences(capacity: number): Float64Array {
  return new Float64Array(capacity).fill(free);
}

function freeValues<Value>(capacity: number): (Value | undefined)[] {
  return new Array<Value | undefined>(capacity).fill(undefined);
}
