import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Arguments } from "./arguments.ts";
import { parseArguments, UsageError, usage } from "./arguments.ts";
import { describeVerdict, historyText, readHistory, verdictOn } from "./recorded-history.ts";
import type { HistoryHost } from "./run-history.ts";
import { runHistory } from "./run-history.ts";

/** Where the histories are left that did not pass. */
const folder = "failed-histories";

/** `npm run histories`. The last two lines count the histories that passed and that failed; exit 1 when one did. */
async function main(args: readonly string[]): Promise<number> {
  let parsed: Arguments;
  try {
    parsed = parseArguments(args);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(`histories: ${error.message}\n${usage}`);
    return 2;
  }
  if (parsed.type === "judge") return judge(parsed.file);
  const { first, count, jobs, host } = parsed;
  let next = first;
  let failed = 0;
  const work = async () => {
    while (next < first + count) if (!(await run(next++, host))) failed++;
  };
  await Promise.all(Array.from({ length: Math.min(jobs, count) }, work));
  console.log(`\nhistories passed: ${count - failed}\nhistories failed: ${failed}`);
  return failed > 0 ? 1 : 0;
}

/** Returns whether it passed. */
async function run(seed: number, host: HistoryHost): Promise<boolean> {
  const { history, failure, transcript } = await runHistory(seed, host);
  const verdict = verdictOn(history);
  console.log(describeVerdict(history, verdict));
  if (failure !== null) console.log(`FAILED: ${failure}`);
  if (verdict.refutation === null && verdict.counts && failure === null) return true;
  mkdirSync(folder, { recursive: true });
  const name = host === "process" ? `history-${seed}` : `${host}-history-${seed}`;
  const file = join(folder, `${name}.json`);
  writeFileSync(file, historyText(history));
  writeFileSync(join(folder, `${name}.log`), transcript);
  console.log(`judge it again: npm run histories -- --judge ${file}`);
  return false;
}

function judge(file: string): number {
  try {
    const history = readHistory(file);
    const verdict = verdictOn(history);
    console.log(describeVerdict(history, verdict));
    return verdict.refutation === null && verdict.counts ? 0 : 1;
  } catch (error) {
    console.error(`histories: ${(error as Error).message}`);
    return 1;
  }
}

process.exitCode = await main(process.argv.slice(2));
