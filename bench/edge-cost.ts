import { readFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { MiniflareEdge } from "../test/edge/support/miniflare-edge.ts";
import { quietCounts } from "../test/edge/support/object-counts.ts";
import { CHECKOUT, Lab } from "../test/process/support/lab-room.ts";
import type { Usage } from "./edge-bill.ts";
import { billOf, monthOf, monthOfCycles } from "./edge-bill.ts";
import type { Measured } from "./edge-usage.ts";
import { measureCycle, measureIdle, measureLoad, measureRows } from "./edge-usage.ts";
import { median } from "./figures.ts";

const USAGE = `npm run edge:cost -- [--quick] [--idle 90] [--cycles 5] [--load 30]

What three Durable Objects with the default settings cost a month: measured under Miniflare, times Cloudflare's prices.
--idle and --load: seconds in which nobody comes, and in which ten commands a second do. --cycles: times that a sleeping
cluster is woken by one command. --quick: a look in about a minute.
`;

const COMMANDS_A_SECOND = 10;

const options = {
  quick: { type: "boolean", default: false },
  idle: { type: "string" },
  cycles: { type: "string" },
  load: { type: "string" },
  help: { type: "boolean", default: false },
} as const;
const values = parsed();
if (values.help) {
  process.stdout.write(USAGE);
  process.exit(0);
}
const { quick } = values;
const idleSeconds = wholeNumber("--idle", values.idle, quick ? 10 : 90);
const cycleCount = wholeNumber("--cycles", values.cycles, quick ? 1 : 5);
const loadSeconds = wholeNumber("--load", values.load, quick ? 5 : 30);
/** The store's state goes to its tables 1,024 entries at a time. */
const rowCommands = quick ? 1024 : 4096;

function parsed() {
  try {
    return parseArgs({ options }).values;
  } catch (error) {
    fail((error as Error).message);
  }
}

function wholeNumber(flag: string, text: string | undefined, absent: number): number {
  if (text === undefined) return absent;
  if (!/^[1-9][0-9]{0,3}$/.test(text)) {
    fail(`${flag} takes a whole number from 1 to 9999, not ${JSON.stringify(text)}`);
  }
  return Number(text);
}

function fail(message: string): never {
  process.stderr.write(`edge:cost: ${message}\n\n${USAGE}`);
  process.exit(2);
}

function progress(line: string): void {
  process.stderr.write(`  ${line}\n`);
}

interface Measurements {
  readonly quiet: Measured;
  /** Idle, with quiescence off. */
  readonly restless: Measured;
  readonly cycles: readonly Measured[];
  readonly load: Measured;
  readonly rowsPerCommand: number;
}

async function measure(lab: Lab): Promise<Measurements> {
  const entry = "test/worker/support/counting-worker.ts";
  const open = (vars: Record<string, string>) => MiniflareEdge.open(lab, { entry, vars, isCalm: true });
  const edge = await open({});
  const other = await open({ RAFT_QUIESCE_AFTER: "off" });
  await Promise.all([edge.cluster.leader(), other.cluster.leader()]);
  progress("two clusters have a leader; one falls silent, the other must not");
  await quietCounts(edge);
  progress(`nobody comes for ${idleSeconds} s`);
  const [quiet, restless] = await Promise.all([
    measureIdle(edge, idleSeconds),
    measureIdle(other, idleSeconds),
  ]);
  await other.stop();
  const cycles: Measured[] = [];
  for (let n = 1; n <= cycleCount; n++) {
    progress(`sleep until nobody is in memory, one command, sleep: ${n} of ${cycleCount}`);
    cycles.push(await measureCycle(edge));
  }
  progress(`${COMMANDS_A_SECOND} commands a second for ${loadSeconds} s`);
  const load = await measureLoad(edge, COMMANDS_A_SECOND, loadSeconds);
  progress(`rows of ${rowCommands} commands`);
  return { quiet, restless, cycles, load, rowsPerCommand: await measureRows(edge, rowCommands) };
}

function middle(all: readonly Measured[]): Measured {
  const of = (name: keyof Usage) => median(all.map(({ usage }) => usage[name]));
  return {
    usage: {
      workerRequests: of("workerRequests"),
      objectRequests: of("objectRequests"),
      gbSeconds: of("gbSeconds"),
      rowsWritten: of("rowsWritten"),
    },
    seconds: median(all.map(({ seconds }) => seconds)),
    constructions: median(all.map(({ constructions }) => constructions)),
  };
}

function print({ quiet, restless, cycles, load, rowsPerCommand }: Measurements): void {
  const cycle = middle(cycles);
  const rows = load.usage.workerRequests * rowsPerCommand;
  const steady: Measured = { ...load, usage: { ...load.usage, rowsWritten: rows } };
  table(
    "Measured",
    ["three objects", "seconds", "requests to the Worker", "calls to objects", "GB-s", "rows", "made anew"],
    (
      [
        ["idle", quiet],
        ["idle, RAFT_QUIESCE_AFTER=off", restless],
        [`one command to a sleeping cluster, until it sleeps again (median of ${cycles.length})`, cycle],
        [`${COMMANDS_A_SECOND} commands a second`, steady],
      ] as const
    ).map(([name, { usage, seconds, constructions }]) => {
      const { workerRequests, objectRequests, gbSeconds, rowsWritten } = usage;
      const figures = [
        workerRequests,
        objectRequests,
        gbSeconds.toFixed(2),
        whole(rowsWritten),
        constructions,
      ];
      return [name, seconds.toFixed(1), ...figures.map(String)];
    }),
  );
  const months: readonly (readonly [string, () => Usage])[] = [
    ["idle", () => monthOf(quiet.usage, quiet.seconds)],
    ["one command an hour", () => monthOfCycles(cycle.usage, cycle.seconds, 3600)],
    ["one command a minute", () => monthOfCycles(cycle.usage, cycle.seconds, 60)],
    [`${COMMANDS_A_SECOND} commands a second`, () => monthOf(steady.usage, load.seconds)],
    ["idle, RAFT_QUIESCE_AFTER=off", () => monthOf(restless.usage, restless.seconds)],
  ];
  table(
    "A month of 30 days, beside the $5 of the plan",
    ["load", "requests to the Worker", "calls to objects", "GB-s", "rows", ...BILL_HEAD],
    months.map(([name, usageOf]) => {
      const usage = usageOf();
      const { workerRequests, objectRequests, gbSeconds, rowsWritten } = usage;
      const { beyondIncluded, roundedUp, fromZero } = billOf(usage);
      return [
        name,
        ...[workerRequests, objectRequests, gbSeconds, rowsWritten].map(whole),
        ...[beyondIncluded, roundedUp, fromZero].map((usd) => `$${usd.toFixed(2)}`),
      ];
    }),
  );
}

const BILL_HEAD = [
  "beyond what is included",
  "the same, each item in whole millions",
  "as if nothing were included",
];

function table(title: string, head: readonly string[], rows: readonly (readonly string[])[]): void {
  console.log(`${title}\n`);
  for (const row of [head, head.map(() => "---"), ...rows]) console.log(`| ${row.join(" | ")} |`);
  console.log("");
}

function whole(figure: number): string {
  return Math.round(figure).toLocaleString("en");
}

function versionOf(name: string): string {
  const manifest = readFileSync(join(CHECKOUT, "node_modules", name, "package.json"), "utf8");
  return (JSON.parse(manifest) as { version: string }).version;
}

const loadBefore = loadavg()[0]!;
const lab = new Lab();
try {
  print(await measure(lab));
} finally {
  await lab.dispose();
}
console.log(
  `workerd ${versionOf("workerd")}, Miniflare ${versionOf("miniflare")}, Node ${process.version}, ` +
    `${cpus().length} × ${cpus()[0]?.model.trim()}; load average ${loadBefore.toFixed(1)} before, ` +
    `${loadavg()[0]!.toFixed(1)} after`,
);
if (quick) console.log("--quick: too short for alarms to come into it in due proportion");
