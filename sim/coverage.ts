import { faultNames } from "./faults.ts";
import type { HistoryFigures } from "./store/figures.ts";
import { isEvidence } from "./store/figures.ts";

/** A run of at least so many seeds must have met everything below. */
export const seedsForCoverage = 100;

/** And of its histories so many must be worth something as evidence. */
export const shareOfEvidence = 0.6;

/**
 * What must have happened somewhere in a long run: a simulation that never gets there proves nothing about it.
 *
 * @internal
 */
export const mustOccur: readonly string[] = [
  ...faultNames.map((name) => `fault: ${name}`),
  "clusters of 1",
  "clusters of 3",
  "clusters of 5",
  "late first starts",
  "never started",
  "lost requests",
  "lost replies",
  "duplicates",
  "reordered",
  "peers lost",
  "late wakes",
  "machines of low priority",
  "clusters that may fall silent",
  "lulls",
  "silences",
  "silent clusters",
  "evictions",
  "quiet nodes cut off",
  "crashes with unsynced writes",
  "failed nodes",
  "elections",
  "leaders",
  "transfers",
  "truncations",
  "stepped down: higher-term",
  "stepped down: no-quorum",
  "stepped down: storage-stalled",
  "commands ok",
  "commands none",
  "commands unknown",
  "reads ok",
  "reads none",
  "reads unknown",
  "text command",
  "text command of unknown outcome",
  "atomic batch done",
  "atomic batch rolled back",
  "independent batch done",
  "independent batch done in part",
  "batch of unknown outcome",
  "put by index done",
  "put by index refused",
  "delete by index done",
  "delete by index refused",
  "recursive delete",
  "read of a key",
  "recurse read",
  "stale read of a key, behind",
  "stale recurse read, behind",
  "blocking read of a key, changed",
  "blocking read of a key, unchanged",
  "blocking recurse read, changed",
  "blocking recurse read, unchanged",
];

export function proveEnough(histories: readonly HistoryFigures[]): boolean {
  return histories.filter(isEvidence).length >= shareOfEvidence * histories.length;
}

export function missing(counts: ReadonlyMap<string, number>): string[] {
  return mustOccur.filter((what) => (counts.get(what) ?? 0) === 0);
}
