import type { SeedResult } from "./run-seed.ts";
import { replayLine } from "./run-seed.ts";

/** One line for a seed, and for one that failed why, and how to see it again. */
export function seedLines({ seed, events, operations, virtualMs, counts, failure }: SeedResult): string {
  const of = (pattern: RegExp) =>
    counts.reduce((sum, [what, times]) => (pattern.test(what) ? sum + times : sum), 0);
  const parts = [
    `${events} events`,
    `${operations} operations in ${(virtualMs / 1000).toFixed(1)} s`,
    `${of(/^elections$/)} elections`,
    `${of(/^(fault: (crash|power loss)|failed nodes)/)} crashes`,
    `${of(/^fault: .*partition$/)} partitions`,
    `${of(/^truncations$/)} truncations`,
    `${of(/ unknown$/)} unknown outcomes`,
  ];
  const line = `seed ${seed}: ${parts.join(", ")}`;
  if (failure === null) return line;
  return `${line}\nFAILED at ${failure.at.toFixed(3)} ms: ${failure.message}\nreplay: ${replayLine(seed)}`;
}

/** All that was counted, in columns. */
export function totalsTable(totals: ReadonlyMap<string, number>): string {
  const rows = [...totals].sort(([a], [b]) => (a < b ? -1 : 1));
  const width = Math.max(0, ...rows.map(([what]) => what.length));
  return rows.map(([what, times]) => `  ${what.padEnd(width)} ${times}`).join("\n");
}
