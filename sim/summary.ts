import type { SeedResult } from "./run-seed.ts";
import { replayLine } from "./run-seed.ts";
import type { HistoryFigures } from "./store/figures.ts";
import { describeFigures, isEvidence } from "./store/figures.ts";

/** One line for a seed, and for one that failed why, and how to see it again. */
export function seedLines({ seed, events, virtualMs, figures, counts, failure }: SeedResult): string {
  const of = (pattern: RegExp) =>
    counts.reduce((sum, [what, times]) => (pattern.test(what) ? sum + times : sum), 0);
  const parts = [
    `${events} events`,
    `${(virtualMs / 1000).toFixed(1)} s`,
    describeFigures(figures),
    `${of(/^elections$/)} elections`,
    `${of(/^(fault: (crash|power loss)|failed nodes)/)} crashes`,
    `${of(/^fault: .*partition$/)} partitions`,
    `${of(/^truncations$/)} truncations`,
  ];
  const doubt = isEvidence(figures) ? "" : " (does not count)";
  const line = `seed ${seed}: ${parts.join(", ")}${doubt}`;
  if (failure === null) return line;
  return `${line}\nFAILED at ${failure.at.toFixed(3)} ms: ${failure.message}\nreplay: ${replayLine(seed)}`;
}

/** What the histories of all seeds are worth together. */
export function evidenceLine(all: readonly HistoryFigures[]): string {
  const sum = (of: (figures: HistoryFigures) => number) => all.reduce((total, each) => total + of(each), 0);
  const parts = [
    `${sum(({ operations }) => operations)} operations`,
    `${sum(({ leaderChanges }) => leaderChanges)} leader changes`,
    `${sum(({ unknown }) => unknown)} unknown outcomes`,
    `${Math.round((100 * sum(({ overlapping }) => overlapping)) / Math.max(1, all.length))}% overlapping in the mean`,
  ];
  return `histories that count: ${all.filter(isEvidence).length} of ${all.length} (${parts.join(", ")})`;
}

/** All that was counted, in columns. */
export function totalsTable(totals: ReadonlyMap<string, number>): string {
  const rows = [...totals].sort(([a], [b]) => (a < b ? -1 : 1));
  const width = Math.max(0, ...rows.map(([what]) => what.length));
  return rows.map(([what, times]) => `  ${what.padEnd(width)} ${times}`).join("\n");
}
