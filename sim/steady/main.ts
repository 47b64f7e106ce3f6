import { parseArgs } from "node:util";
import type { Conditions } from "./conditions.ts";
import { describeConditions, idle, loaded, silent } from "./conditions.ts";
import type { SteadyReport } from "./steady-run.ts";
import { runSteady } from "./steady-run.ts";

const usage = `usage: npm run sim:steady [-- --minutes M --rate N --seed S]
  --minutes M  virtual minutes of each run (60)
  --rate N     clients' operations a second in the loaded runs (500)
  --seed S     (0)
Runs clusters of three and of five nodes with default timings, idle, silent and loaded, without any fault. Exit 1 when a leader
was doubted: an election was stood for after the first, or an operation failed.`;

/** `npm run sim:steady`. */
async function main(args: readonly string[]): Promise<number> {
  let minutes: number;
  let rate: number;
  let seed: number;
  try {
    const option = { type: "string" } as const;
    const { values } = parseArgs({
      args: [...args],
      options: { minutes: option, rate: option, seed: option },
    });
    minutes = positive("--minutes", values.minutes ?? "60", 24 * 60);
    rate = positive("--rate", values.rate ?? "500", 10_000);
    seed = values.seed === undefined ? 0 : wholeNumber("--seed", values.seed);
  } catch (error) {
    console.error(`sim:steady: ${(error as Error).message.split("\n")[0]}\n${usage}`);
    return 2;
  }
  let isCalm = true;
  for (const conditions of [idle, silent, loaded(rate)]) {
    console.log(describeConditions(conditions));
    for (const nodes of [3, 5]) {
      const report = await timed(seed, nodes, minutes, conditions);
      if (report.laterElections > 0 || report.failed > 0) isCalm = false;
    }
  }
  return isCalm ? 0 : 1;
}

async function timed(
  seed: number,
  nodes: number,
  minutes: number,
  conditions: Conditions,
): Promise<SteadyReport> {
  const startedAt = performance.now();
  const report = await runSteady(seed, nodes, 60_000 * minutes, conditions);
  const seconds = (performance.now() - startedAt) / 1000;
  const { laterElections, laterPreVotes, term, messages, exchanges, answered, failed } = report;
  const parts = [
    `${(report.virtualMs / 60_000).toFixed(1)} minutes`,
    `${laterElections} elections after the first`,
    `${laterPreVotes} pre-votes`,
    `term ${term}`,
    `${messages} messages in ${exchanges} calls`,
  ];
  if (answered + failed > 0) {
    parts.push(
      `${answered} answered, ${failed} failed, median ${report.medianMs} ms, p99 ${report.p99Ms} ms`,
    );
  }
  console.log(`  ${nodes} nodes: ${parts.join(", ")} (${report.events} events in ${seconds.toFixed(0)} s)`);
  return report;
}

function positive(flag: string, text: string, most: number): number {
  const value = Number(text);
  if (text !== "" && value > 0 && value <= most) return value;
  throw new Error(`${flag} takes a number above 0, up to ${most}, not ${JSON.stringify(text)}`);
}

function wholeNumber(flag: string, text: string): number {
  if (/^[0-9]{1,10}$/.test(text) && Number(text) < 2 ** 31) return Number(text);
  throw new Error(`${flag} takes a whole number from 0 to ${2 ** 31 - 1}, not ${JSON.stringify(text)}`);
}

process.exitCode = await main(process.argv.slice(2));
