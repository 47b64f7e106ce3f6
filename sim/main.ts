import { existsSync, readdirSync } from "node:fs";
import { availableParallelism } from "node:os";
import type { Arguments } from "./arguments.ts";
import { parseArguments, UsageError, usage } from "./arguments.ts";
import { missing, proveEnough, seedsForCoverage, shareOfEvidence } from "./coverage.ts";
import { runSeeds } from "./pool.ts";
import { Recordings } from "./recordings.ts";
import type { SeedResult } from "./run-seed.ts";
import { runSeed } from "./run-seed.ts";
import type { HistoryFigures } from "./store/figures.ts";
import { evidenceLine, seedLines, totalsTable } from "./summary.ts";

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
  const { first, count, jobs, trace, traceDirectory } = parsed;
  const totals = new Map<string, number>();
  const histories: HistoryFigures[] = [];
  let failed = 0;
  const take = (result: SeedResult) => {
    console.log(seedLines(result));
    for (const [what, times] of result.counts) totals.set(what, (totals.get(what) ?? 0) + times);
    histories.push(result.figures);
    if (result.failure !== null) failed++;
  };
  if (traceDirectory !== undefined && existsSync(traceDirectory) && readdirSync(traceDirectory).length > 0) {
    console.error(`sim: --trace: ${traceDirectory} is not empty`);
    return 2;
  }
  const recordings = traceDirectory === undefined ? undefined : new Recordings(first);
  if (trace) take(await runSeed(first, { trace: (line) => console.log(line), recordings }));
  else await runSeeds(first, count, jobs, take);

  if (traceDirectory !== undefined) await recordings?.write(traceDirectory);

  console.log(`\nin all:\n${totalsTable(totals)}`);
  console.log(`\n${evidenceLine(histories)}`);
  const isLong = count >= seedsForCoverage;
  const absent = isLong ? missing(totals) : [];
  const proves = !isLong || proveEnough(histories);
  if (absent.length > 0) console.log(`\nnever occurred, so nothing is known of it: ${absent.join(", ")}`);
  if (!proves) console.log(`\nat least ${shareOfEvidence * 100}% of the histories must count`);
  console.log(`\nseeds passed: ${count - failed}\nseeds failed: ${failed}`);
  return failed > 0 || absent.length > 0 || !proves ? 1 : 0;
}

process.exitCode = await main(process.argv.slice(2));
