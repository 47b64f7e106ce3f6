import type { LogIndex, Term } from "../raft/types.ts";
import type { RecordedRun } from "./records.ts";

/** A part of a log whose entries have one term; both ends included. */
export interface Stretch {
  readonly term: Term;
  readonly first: LogIndex;
  readonly last: LogIndex;
}

/**
 * A run of entries of one term, and the way back to those before it. Runs are never changed, so that any number of logs
 * share them. `jump` skips some of them, in such a way that any one is found in logarithmically many steps (Myers, "An
 * applicative random-access stack", 1983).
 */
interface Run {
  readonly first: LogIndex;
  readonly term: Term;
  readonly before: Run | null;
  readonly jump: Run | null;
  /** How many are before it. */
  readonly depth: number;
}

/** The terms of a log as far as they are known: from `first` to `last`, run by run. */
export class TermRuns {
  #newest: Run | null = null;
  #first: LogIndex;
  #last: LogIndex;

  /** Of entries before the first run nothing is known; without any run, of entries up to `last`. */
  constructor(runs: readonly RecordedRun[], last: LogIndex) {
    for (const [first, term] of runs) this.#newest = runAfter(this.#newest, first, term);
    this.#first = runs[0]?.[0] ?? last + 1;
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
    return this.#newest?.term ?? 0;
  }

  /** Costs nothing, however long the log is: a recording may tell of an election for every entry. */
  copy(): TermRuns {
    const copy = new TermRuns([], this.#last);
    copy.#newest = this.#newest;
    copy.#first = this.#first;
    return copy;
  }

  /** The newest runs, oldest first. */
  newest(count: number): RecordedRun[] {
    const runs: RecordedRun[] = [];
    for (let run = this.#newest; run !== null && runs.length < count; run = run.before) {
      runs.push([run.first, run.term]);
    }
    return runs.reverse();
  }

  /** Adds entries of one term at the end. */
  append(term: Term, last: LogIndex): void {
    if (this.#newest?.term !== term) this.#newest = runAfter(this.#newest, this.#last + 1, term);
    this.#last = last;
  }

  /** Removes the entry at `from` and everything after it. */
  truncate(from: LogIndex): void {
    if (from > this.#last) return;
    this.#newest = this.#runAt(from - 1);
    this.#last = from - 1;
    this.#first = Math.min(this.#first, from);
  }

  /** undefined where it is not known, or there is no entry. */
  termAt(index: LogIndex): Term | undefined {
    if (index < this.#first || index > this.#last) return undefined;
    return this.#runAt(index)?.term;
  }

  /** What is known of the entries from `from` to `to`, in order. */
  stretches(from: LogIndex, to: LogIndex): readonly Stretch[] {
    const stretches: Stretch[] = [];
    const first = Math.max(from, this.#first);
    let last = Math.min(to, this.#last);
    for (let run = this.#runAt(last); run !== null && first <= last; run = run.before) {
      stretches.push({ term: run.term, first: Math.max(first, run.first), last });
      last = run.first - 1;
    }
    return stretches.reverse();
  }

  /** The run that holds `index`; null when that lies before the first. */
  #runAt(index: LogIndex): Run | null {
    let run = this.#newest;
    while (run !== null && run.first > index) {
      run = run.jump !== null && run.jump.first > index ? run.jump : run.before;
    }
    return run;
  }
}

function runAfter(before: Run | null, first: LogIndex, term: Term): Run {
  const far = before?.jump;
  const isEven =
    before != null && far != null && before.depth - far.depth === far.depth - (far.jump?.depth ?? 0);
  return {
    first,
    term,
    before,
    jump: isEven ? far.jump : before,
    depth: before === null ? 0 : before.depth + 1,
  };
}
