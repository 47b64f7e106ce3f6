import type { EntryStep } from "./events.ts";

/** Entries seen since the last summary, by what happened to them. */
export interface EntryCounts {
  readonly appended: number;
  readonly committed: number;
  readonly applied: number;
  /** How long they were counted. */
  readonly elapsedMs: number;
}

/** More entries than this within a second are counted instead of shown: nobody reads that fast. */
const READABLE_ENTRIES_PER_SECOND = 20;

const SECOND_MS = 1000;
const STEPS: readonly EntryStep[] = ["appended", "committed", "applied"];

/**
 * Decides which entries are shown one by one. Once more than the readable number came within a second all are
 * counted, until a second has gone by with fewer again. Time comes with the calls.
 */
export class EntryRate {
  /** Times of the newest entries shown, per step; never longer than the readable number. */
  #shown = emptyTimes();
  /** Null while entries are shown. */
  #counting: { since: number; counts: Record<EntryStep, number> } | null = null;

  /** Whether this entry is to be shown; if not it is counted. Call `summary` first. */
  admit(step: EntryStep, now: number): boolean {
    if (this.#counting === null) {
      const shown = this.#shown[step];
      if (shown.length < READABLE_ENTRIES_PER_SECOND || shown[0]! <= now - SECOND_MS) {
        shown.push(now);
        if (shown.length > READABLE_ENTRIES_PER_SECOND) shown.shift();
        return true;
      }
      this.#counting = { since: now, counts: zero() };
    }
    this.#counting.counts[step]++;
    return false;
  }

  /** Counts many at once, while they are counted; false while they are shown. Call `summary` first. */
  count(step: EntryStep, count: number): boolean {
    if (this.#counting === null) return false;
    this.#counting.counts[step] += count;
    return true;
  }

  /** What was counted, once a second; null when nothing is due. `force`: whatever there is, now. */
  summary(now: number, force = false): EntryCounts | null {
    if (this.#counting === null) return null;
    const { since, counts } = this.#counting;
    const elapsedMs = now - since;
    if (elapsedMs < SECOND_MS && !force) return null;
    const most = Math.max(...STEPS.map((step) => counts[step]));
    if (most > READABLE_ENTRIES_PER_SECOND) {
      this.#counting = { since: now, counts: zero() };
    } else {
      this.#counting = null;
      this.#shown = emptyTimes();
    }
    return most === 0 ? null : { ...counts, elapsedMs };
  }

  /** Whether a summary will come due: somebody must call again. */
  get pending(): boolean {
    return this.#counting !== null;
  }
}

function zero(): Record<EntryStep, number> {
  return { appended: 0, committed: 0, applied: 0 };
}

function emptyTimes(): Record<EntryStep, number[]> {
  return { appended: [], committed: [], applied: [] };
}
