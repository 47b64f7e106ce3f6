import type { KeyRecord } from "./key-record.ts";

/** Looking through records costs so many times less than to sort them. */
const LOOKS_PER_SORT = 8;

/**
 * Records, each once, of which those under a prefix are wanted: now once among thousands of changes, now thousands of
 * times within one entry. They are sorted once it has cost as much to look through those that are not.
 */
export class DirtyKeys {
  #sorted: KeyRecord[] = [];
  /** Added since they were sorted, in that order. */
  #recent: KeyRecord[] = [];
  #looked = 0;

  get length(): number {
    return this.#sorted.length + this.#recent.length;
  }

  add(record: KeyRecord): void {
    this.#recent.push(record);
  }

  /** Takes the last `count` additions back; their records say already that they are not dirty. */
  removeLast(count: number): void {
    const sorted = count - this.#recent.length;
    this.#recent.length = Math.max(0, -sorted);
    if (sorted > 0) this.#sorted = this.#sorted.filter(({ isDirty }) => isDirty);
  }

  /** Those whose keys begin with `prefix`, in any order. */
  under(prefix: string): KeyRecord[] {
    this.#looked += this.#recent.length;
    if (this.#looked > LOOKS_PER_SORT * this.length) this.#sort();
    const found = sortedUnder(this.#sorted, prefix);
    for (const record of this.#recent) if (record.key.startsWith(prefix)) found.push(record);
    return found;
  }

  /** All of them, sorted as `sortedUnder` wants it; none are left here. */
  take(): KeyRecord[] {
    this.#sort();
    const all = this.#sorted;
    this.#sorted = [];
    return all;
  }

  #sort(): void {
    this.#looked = 0;
    if (this.#recent.length === 0) return;
    // What is sorted already the engine finds to be so, and merges the rest into it.
    this.#sorted = [...this.#sorted, ...this.#recent].sort((a, b) => (a.key < b.key ? -1 : 1));
    this.#recent = [];
  }
}

/** Of records sorted by the code units of their keys, from `first` on, those whose keys begin with `prefix`. */
export function sortedUnder(records: readonly KeyRecord[], prefix: string, first = 0): KeyRecord[] {
  let from = first;
  for (let end = records.length; from < end; ) {
    const middle = (from + end) >>> 1;
    if (records[middle]!.key < prefix) from = middle + 1;
    else end = middle;
  }
  let end = from;
  while (end < records.length && records[end]!.key.startsWith(prefix)) end++;
  return records.slice(from, end);
}
