import { mkdtempSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { cpus, loadavg, release, tmpdir, type } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { BenchCluster } from "./clusters.ts";
import { EtcdCluster, etcdVersion, RaftLiteCluster } from "./clusters.ts";
import { measureGaps } from "./gaps.ts";
import { judge } from "./goals.ts";
import { load } from "./load.ts";
import { measureMemory } from "./memory.ts";
import { plotOf } from "./plot.ts";
import { KEY_COUNT, VALUE_BYTES } from "./requests.ts";
import type { Machine, MemoryRow, Results, SpeedRow } from "./results.ts";
import type { Scenario } from "./speed.ts";
import { measureSpeed } from "./speed.ts";
import { tablesOf, terminalTable } from "./tables.ts";

const USAGE = `npm run bench -- [--quick] [--rounds 5] [--seconds 2] [--runs 10] [--only speed,gaps,memory] [--json FILE] [--svg FILE]

Three nodes with their default settings, beside a 3-member etcd where one is installed (Debian: apt-get install
etcd-server), spoken to through its JSON gateway. The two take turns, round by round, after half a minute of puts each: until then an
engine that compiles as it runs is not what it will be. --quick: a look in under a minute, without that.
`;

/** statfs(2): a file system in memory, where a sync costs nothing. */
const TMPFS = 0x0102_1994;

const PART_NAMES = ["speed", "gaps", "memory"] as const;

const { values } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    rounds: { type: "string" },
    seconds: { type: "string" },
    runs: { type: "string" },
    only: { type: "string" },
    json: { type: "string" },
    svg: { type: "string" },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  process.stdout.write(USAGE);
  process.exit(0);
}
const { quick } = values;
const rounds = numberOf("rounds", values.rounds, quick ? 1 : 5);
const roundMs = 1000 * numberOf("seconds", values.seconds, quick ? 0.7 : 2);
const warmUpMs = quick ? 200 : 400;
const warmUpSeconds = quick ? { puts: 2, each: 0.5 } : { puts: 30, each: 4 };
const gapRuns = numberOf("runs", values.runs, quick ? 1 : 10);
const memoryPuts = quick ? 100_000 : 1_000_000;
const parts = values.only?.split(",") ?? PART_NAMES;
for (const part of parts) {
  if (!PART_NAMES.some((name) => name === part)) fail(`--only knows ${PART_NAMES.join(", ")}, not ${part}`);
}

function numberOf(name: string, text: string | undefined, absent: number): number {
  if (text === undefined) return absent;
  const value = Number(text);
  if (!(value > 0)) fail(`--${name} takes a number above 0, not ${text}`);
  return value;
}

function fail(message: string): never {
  process.stderr.write(`${message}\n\n${USAGE}`);
  process.exit(2);
}

const PUT = { name: "put", readPercent: 0, putsPerWrite: 1 };
const READ = { name: "read", readPercent: 100, putsPerWrite: 1 };
const BATCH = { name: "batch of 100", readPercent: 0, putsPerWrite: 100 };
const MIXED = [90, 50].map((percent) => ({
  name: `${percent} % reads`,
  readPercent: percent,
  putsPerWrite: 1,
}));

function scenarios(): Scenario[] {
  const counts = quick ? [1, 64] : [1, 16, 64, 256];
  const atLeader = (workload: Scenario["workload"], clients: readonly number[]): Scenario[] =>
    clients.map((count) => ({ workload, clients: count, at: "leader" }));
  const spreadOut: Scenario[] = [PUT, READ].map((workload) => ({ workload, clients: 64, at: "all" }));
  return [
    ...atLeader(PUT, counts),
    ...atLeader(READ, counts),
    ...atLeader(BATCH, quick ? [16] : [1, 16]),
    ...(quick ? [] : MIXED.flatMap((workload) => atLeader(workload, [64]))),
    ...(quick ? [] : spreadOut),
  ];
}

/** Fresh clusters in a directory of their own, gone afterwards. */
async function withClusters<Result>(
  use: (clusters: readonly BenchCluster[]) => Promise<Result>,
): Promise<Result> {
  const isInMemory = statfsSync(tmpdir()).type === TMPFS;
  const directory = mkdtempSync(join(isInMemory ? process.cwd() : tmpdir(), "raft-lite-bench-"));
  const clusters: BenchCluster[] = [new RaftLiteCluster(join(directory, "raft-lite"))];
  if (etcd !== null) clusters.push(new EtcdCluster(join(directory, "etcd")));
  try {
    for (const cluster of clusters) await cluster.start();
    for (const cluster of clusters) await cluster.ready();
    return await use(clusters);
  } finally {
    await Promise.all(clusters.map((cluster) => cluster.close()));
    rmSync(directory, { recursive: true, force: true });
  }
}

async function speed(clusters: readonly BenchCluster[]): Promise<SpeedRow[]> {
  const rows: SpeedRow[] = [];
  // Every key is there before one is read, and neither side is measured while it still warms up.
  for (const cluster of clusters) {
    await fill(cluster);
    await warmUp(cluster);
  }
  const firstWarmUpMs = 1000 * warmUpSeconds.each;
  for (const scenario of scenarios()) {
    const row = await measureSpeed(clusters, scenario, { rounds, roundMs, warmUpMs, firstWarmUpMs });
    rows.push(row);
    const rates = Object.entries(row.systems).map(
      ([name, { perSecond, p99Ms }]) =>
        `${name} ${perSecond.median.toFixed(0)}/s p99 ${p99Ms.median.toFixed(1)} ms`,
    );
    progress(`${row.workload}, ${row.clients} clients, ${row.at}: ${rates.join(", ")}`);
  }
  return rows;
}

/** Requests are sent in turn: so many puts reach every key. */
async function fill(cluster: BenchCluster): Promise<void> {
  const ports = [cluster.port(await cluster.ready())];
  const job = { dialect: cluster.dialect, workload: PUT, ports, clients: 64, requests: KEY_COUNT };
  await load({ ...job, warmUpMs: 0, measureMs: 120_000 }, () => {});
}

async function warmUp(cluster: BenchCluster): Promise<void> {
  const ports = [cluster.port(await cluster.ready())];
  const job = { dialect: cluster.dialect, workload: PUT, ports, clients: 64 };
  await load({ ...job, warmUpMs: 0, measureMs: 1000 * warmUpSeconds.puts }, () => {});
}

async function memory(clusters: readonly BenchCluster[]): Promise<MemoryRow[]> {
  const rows: MemoryRow[] = [];
  for (const cluster of clusters) {
    rows.push(await measureMemory(cluster, memoryPuts, 100));
    progress(
      `memory of ${cluster.name}: ${rows
        .at(-1)
        ?.afterMiB.map((mib) => mib.toFixed(0))
        .join(", ")} MiB`,
    );
  }
  return rows;
}

function progress(line: string): void {
  process.stderr.write(`  ${line}\n`);
}

function machine(): Omit<Machine, "loadAfter"> {
  return {
    node: process.version,
    etcd,
    system: `${type()} ${release()}`,
    processors: `${cpus().length} × ${cpus()[0]?.model.trim()}`,
    loadBefore: loadavg()[0] ?? 0,
  };
}

const etcd = etcdVersion();
if (etcd === null) progress("etcd is not installed (Debian: apt-get install etcd-server): own figures only");
const before = machine();
const has = (part: (typeof PART_NAMES)[number]) => parts.includes(part);
const measured = {
  speed: has("speed") ? await withClusters(speed) : [],
  gaps: has("gaps") ? await withClusters((clusters) => measureGaps(clusters, gapRuns, progress)) : [],
  memory: has("memory") ? await withClusters(memory) : [],
};
const results: Results = {
  date: new Date().toISOString(),
  machine: { ...before, loadAfter: loadavg()[0] ?? 0 },
  settings: { quick, rounds, roundMs, warmUpSeconds, valueBytes: VALUE_BYTES, keys: KEY_COUNT },
  ...measured,
  goals: judge(measured),
};
for (const table of tablesOf(results)) console.log(terminalTable(table));
const { node, processors, system, loadBefore, loadAfter } = results.machine;
console.log(`Node ${node}, etcd ${etcd ?? "not installed"}, ${processors}, ${system}`);
console.log(
  `${rounds} rounds of ${roundMs / 1000} s; load average ${loadBefore.toFixed(1)} before, ${loadAfter.toFixed(1)} after`,
);
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(results, null, 2)}\n`);
if (values.svg !== undefined) writeFileSync(values.svg, plotOf(results));
