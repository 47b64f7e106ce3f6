import { faultNames } from "./faults.ts";

/** A run of at least so many seeds must have met everything below. */
export const seedsForCoverage = 100;

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
];

export function missing(counts: ReadonlyMap<string, number>): string[] {
  return mustOccur.filter((what) => (counts.get(what) ?? 0) === 0);
}
