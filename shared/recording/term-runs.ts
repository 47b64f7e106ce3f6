import type { LogIndex, Term } from "../raft/types.ts";
import type { RecordedRun } from "./records.ts";

/** A part of a log whose entries have one term; both ends included. */
export interface Stretch {
  readonly term: Term;
  readonly first: LogIndex;
  readonly last: LogIndex;
}

/** The terms of a log as far as they are known: from `first` to `last`, run by run. */
export class TermRuns {
  #runs: { readonly first: LogIndex; readonly term: Term }[] = [];
  #first: LogIndex;
  #last: LogIndex;

  /** Of entries before the first run nothing is known; without any run, of entries up to `last`. */
  constructor(runs: readonly RecordedRun[], last: LogIndex) {
    this.#runs = runs.map(([first, term]) => ({ first, term }));
    this.#first = this.#runs[0]?.first ?? last + 1;
    this.#last = last;
  }

  /** The first entry whose term is known. */
  get first(): LogIndex {
    return this.#first;
  }

  get last(): LogIndex {
    return this.#last;
  }

  get lastTerm(): Term {
    return this.#runs.at(-1)?.term ?? 0;
  }

  copy(): TermRuns {
    return new TermRuns(this.newest(this.#runs.length), this.#last);
  }

  /** The newest runs, oldest first. */
  newest(count: number): RecordedRun[] {
    return this.#runs.slice(Math.max(0, this.#runs.length - count)).map(({ first, term }) => [first, term]);
  }

  /** Adds entries of one term at the end. */
  append(term: Term, last: LogIndex): void {
    if (this.#runs.at(-1)?.term !== term) this.#runs.push({ first: this.#last + 1, term });
    this.#last = last;
  }

  /** Removes the entry at `from` and everything after it. */
  truncate(from: LogIndex): void {
    if (from > this.#last) return;
    while ((this.#runs.at(-1)?.first ?? 0) >= from) this.#runs.pop();
    this.#last = from - 1;
    this.#first = Math.min(this.#first, from);
  }

  /** undefined where it is not known, or there is no entry. */
  termAt(index: LogIndex): Term | undefined {
    if (index < this.#first || index > this.#last) return undefined;
    return this.#runs[this.#runAt(index)]?.term;
  }

  /** What is known of the entries from `from` to `to`, in order. */
  *stretches(from: LogIndex, to: LogIndex): Iterable<Stretch> {
    const end = Math.min(to, this.#last);
    let next = Math.max(from, this.#first);
    for (let run = this.#runAt(next); next <= end; run++) {
      const last = Math.min(end, (this.#runs[run + 1]?.first ?? Number.POSITIVE_INFINITY) - 1);
      yield { term: this.#runs[run]!.term, first: next, last };
      next = last + 1;
    }
  }

  #runAt(index: LogIndex): number {
    let low = 0;
    let high = this.#runs.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (this.#runs[middle]!.first <= index) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}
