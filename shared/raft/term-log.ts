import { invariant } from "../errors.ts";
import type { Entry, EntryRange, LogIndex, Term, TermRun } from "./types.ts";

/**
 * The log as the core keeps it: which term stands at which index, how far it is durable, and the sizes of the newest
 * entries. No payloads. A plain value: cloned and encoded with the rest of the core's state.
 */
export interface TermLog {
  runs: TermRun[];
  lastIndex: LogIndex;
  /** Every entry up to here is durable as it stands in this log. */
  durableIndex: LogIndex;
  /** Sizes of the entries from `sizesFirst` to `lastIndex`; older ones are not known. */
  sizesFirst: LogIndex;
  sizes: number[];
}

/** Sizes are kept for at least this many of the newest entries: far more than a window of messages holds. */
const sizesKept = 8192;

export function createTermLog(runs: readonly TermRun[], lastIndex: LogIndex): TermLog {
  return { runs: [...runs], lastIndex, durableIndex: lastIndex, sizesFirst: lastIndex + 1, sizes: [] };
}

/** 0 before the first entry; undefined past the last one. */
export function termAt(log: TermLog, index: LogIndex): Term | undefined {
  if (index === 0) return 0;
  if (index < 0 || index > log.lastIndex) return undefined;
  return log.runs[runAt(log, index)]?.term;
}

export function lastTerm(log: TermLog): Term {
  return log.runs.at(-1)?.term ?? 0;
}

/** Paper 5.4.1: the later last term wins; within one term the longer log. */
export function isUpToDate(log: TermLog, otherLastTerm: Term, otherLastIndex: LogIndex): boolean {
  const own = lastTerm(log);
  return otherLastTerm > own || (otherLastTerm === own && otherLastIndex >= log.lastIndex);
}

export function appendEntry(log: TermLog, entry: Entry): void {
  invariant(
    entry.index === log.lastIndex + 1,
    "log is contiguous",
    () => `${entry.index} after ${log.lastIndex}`,
  );
  const term = lastTerm(log);
  invariant(entry.term >= term, "terms never fall along the log", () => `${entry.term} after ${term}`);
  if (entry.term > term) log.runs.push({ term: entry.term, first: entry.index });
  log.lastIndex = entry.index;
  log.sizes.push(entry.size);
  if (log.sizes.length > 2 * sizesKept) {
    log.sizes.splice(0, log.sizes.length - sizesKept);
    log.sizesFirst = log.lastIndex - log.sizes.length + 1;
  }
}

/** Removes the entry at `from` and everything after it. */
export function truncateFrom(log: TermLog, from: LogIndex): void {
  while (log.runs.length > 0 && (log.runs.at(-1) as TermRun).first >= from) log.runs.pop();
  log.lastIndex = from - 1;
  log.durableIndex = Math.min(log.durableIndex, log.lastIndex);
  if (from <= log.sizesFirst) {
    log.sizes = [];
    log.sizesFirst = from;
  } else {
    log.sizes.length = from - log.sizesFirst;
  }
}

/**
 * The largest index at or below `index` whose term is at most `term`: both sides of a conflict skip whole terms with
 * it, so that a probe costs a round trip per term, not per entry (paper 5.3, end).
 */
export function findConflictByTerm(log: TermLog, index: LogIndex, term: Term): LogIndex {
  let candidate = Math.min(index, log.lastIndex);
  for (let run = runAt(log, candidate); run >= 0; run--) {
    const { term: runTerm, first } = log.runs[run] as TermRun;
    if (runTerm <= term) return candidate;
    candidate = first - 1;
  }
  return 0;
}

/** Total size of a range; undefined when it reaches back beyond the sizes that are known. */
export function bytesOf(log: TermLog, range: EntryRange): number | undefined {
  if (range.first < log.sizesFirst) return undefined;
  let bytes = 0;
  for (let index = range.first; index <= range.last; index++) bytes += log.sizes[index - log.sizesFirst] ?? 0;
  return bytes;
}

/** Position in `runs` of the run that holds `index`; -1 before the first. */
function runAt(log: TermLog, index: LogIndex): number {
  let low = 0;
  let high = log.runs.length - 1;
  // The newest run is asked about nearly always.
  if (high >= 0 && (log.runs[high] as TermRun).first <= index) return high;
  while (low <= high) {
    const middle = (low + high) >> 1;
    if ((log.runs[middle] as TermRun).first <= index) low = middle + 1;
    else high = middle - 1;
  }
  return high;
}
