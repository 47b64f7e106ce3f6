import { availableParallelism } from "node:os";
import type { Arguments } from "./arguments.ts";
import { parseArguments, UsageError, usage } from "./arguments.ts";
import { missing, seedsForCoverage } from "./coverage.ts";
import { runSeeds } from "./pool.ts";
import type { SeedResult } from "./run-seed.ts";
import { runSeed } from "./run-seed.ts";
import { seedLines, totalsTable } from "./summary.ts";

/** `npm run sim`. The last two lines count the seeds that passed and that failed; exit 1 when one did. */
async function main(args: readonly string[]): Promise<number> {
  let parsed: Arguments;
  try {
    parsed = parseArguments(args, availableParallelism());
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(`sim: ${error.message}\n${usage}`);
    return 2;
  }
  const { first, count, jobs, trace } = parsed;
  const totals = new Map<string, number>();
  let failed = 0;
  const take = (result: SeedResult) => {
    console.log(seedLines(result));
    for (const [what, times] of result.counts) totals.set(what, (totals.get(what) ?? 0) + times);
    if (result.failure !== null) failed++;
  };
  if (trace) take(await runSeed(first, { trace: (line) => console.log(line) }));
  else await runSeeds(first, count, jobs, take);

  console.log(`\nin all:\n${totalsTable(totals)}`);
  const absent = count >= seedsForCoverage ? missing(totals) : [];
  if (absent.length > 0) console.log(`\nnever occurred, so nothing is known of it: ${absent.join(", ")}`);
  console.log(`\nseeds passed: ${count - failed}\nseeds failed: ${failed}`);
  return failed > 0 || absent.length > 0 ? 1 : 0;
}

process.exitCode = await main(process.argv.slice(2));
