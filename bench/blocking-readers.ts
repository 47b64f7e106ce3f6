import { mkdtempSync, rmSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { RaftLiteCluster } from "./clusters.ts";
import { spread } from "./figures.ts";
import { monotonicMs } from "./monotonic.ts";
import { cpuUsOf, memoryOf } from "./process-usage.ts";
import type { Shape } from "./readers.ts";
import { ReaderProcess, waitingAt } from "./readers.ts";
import { measureOnce } from "./speed.ts";

/**
 * What blocking readers cost: memory of each while it waits, the time from a put to the answer that tells of it, and
 * writes beside thousands that sleep. Three nodes with their default settings on this machine.
 *
 *     npx node bench/blocking-readers.ts [--readers 5000] [--rounds 7] [--seconds 2] [--puts 500] [--only memory,wake,writes]
 *
 * Every reader is a connection: `ulimit -n` must be above twice their number.
 */
const { values } = parseArgs({
  options: {
    readers: { type: "string", default: "5000" },
    rounds: { type: "string", default: "7" },
    seconds: { type: "string", default: "2" },
    puts: { type: "string", default: "500" },
    only: { type: "string", default: "memory,wake,writes" },
  },
});
const readers = numberOf("readers");
const rounds = numberOf("rounds");
const puts = numberOf("puts");
const roundMs = 1000 * numberOf("seconds");
const parts: Readonly<Record<string, () => Promise<void>>> = { memory, wake, writes };

/** Long enough for buffers to be given back. */
const SETTLE_MS = 5_000;
/** One put at a time: nothing else is under way when it comes. */
const BETWEEN_PUTS_MS = 5;
const PUTS_TO_ALL = 30;
const CLIENTS = 64;

process.stderr.write(`load average before: ${loadavg()[0]?.toFixed(1)}\n`);
for (const part of values.only.split(",")) {
  const run = parts[part];
  if (run === undefined) throw new Error(`--only knows ${Object.keys(parts).join(", ")}, not ${part}`);
  await run();
}
process.stderr.write(`load average after: ${loadavg()[0]?.toFixed(1)}\n`);

function numberOf(name: "readers" | "rounds" | "puts" | "seconds"): number {
  const value = Number(values[name]);
  if (!(value > 0)) throw new Error(`--${name} takes a number above 0, not ${values[name]}`);
  return value;
}

async function withCluster(work: (cluster: RaftLiteCluster, leader: number) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "raft-lite-readers-"));
  const cluster = new RaftLiteCluster(directory);
  try {
    await cluster.start();
    await work(cluster, await cluster.ready());
  } finally {
    await cluster.close();
    rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function withReaders(work: (process: ReaderProcess) => Promise<void>): Promise<void> {
  const process = new ReaderProcess();
  try {
    await work(process);
  } finally {
    process.end();
  }
}

/** Resident memory of a node at rest, before and with them: a new cluster for each, for memory is given back late. */
async function memory(): Promise<void> {
  const shapes: Shape[] = ["connections that do not wait", "one key each", "one key", "one prefix each"];
  table(["readers", "node before, MiB", "node with them, MiB", "each, KiB"]);
  for (const shape of shapes) {
    await withCluster((cluster, leader) =>
      withReaders(async (process) => {
        await sleep(SETTLE_MS);
        const before = memoryOf(cluster.pid(leader)).now;
        await process.open(cluster.port(leader), shape, readers);
        await sleep(SETTLE_MS);
        const after = memoryOf(cluster.pid(leader)).now;
        const each = (after - before) / readers / 1024;
        row([`${readers} × ${shape}`, mebibytes(before), mebibytes(after), each.toFixed(1)]);
      }),
    );
  }
}

/** From a put to the answers that tell of it, and what thousands of answers do to a put that comes behind. */
async function wake(): Promise<void> {
  table([
    "waiting for the key",
    "beside them",
    "at",
    "from the put's start p50 / p99 / max, ms",
    "from its acknowledgement, ms",
    "node's CPU per answer, µs",
    "a put right behind, ms",
  ]);
  for (const role of ["leader", "follower"] as const) {
    for (const [waiting, others] of [
      [1, 0],
      [1, readers],
      [readers, 0],
    ] as const) {
      await withCluster(async (cluster, leader) => {
        const member = role === "leader" ? leader : (leader + 1) % 3;
        const times = await wakeTimes({
          writeTo: cluster.port(leader),
          readAt: cluster.port(member),
          pid: cluster.pid(member),
          ...{ waiting, others },
          puts: waiting === 1 ? puts : PUTS_TO_ALL,
        });
        const { fromStart, fromAcknowledgement, answerUs, behind } = times;
        const cells = [fromStart, fromAcknowledgement].map(percentiles);
        // The kernel counts in hundredths of a second: of one answer it tells nothing.
        const cpu = waiting === 1 ? "" : answerUs.toFixed(0);
        row([waiting, others, role, ...cells, cpu, percentiles(behind)]);
      });
    }
  }
}

interface WakeJob {
  readonly writeTo: number;
  readonly readAt: number;
  /** Of the node that the readers wait at. */
  readonly pid: number;
  readonly waiting: number;
  readonly others: number;
  readonly puts: number;
}

interface WakeTimes {
  /** Of every answer, in milliseconds. */
  readonly fromStart: number[];
  readonly fromAcknowledgement: number[];
  readonly answerUs: number;
  /** Latency of a put to another key, sent when the one before it was acknowledged. */
  readonly behind: number[];
}

async function wakeTimes(job: WakeJob): Promise<WakeTimes> {
  const { writeTo, readAt, pid, waiting, others } = job;
  const [sleepers, woken] = [new ReaderProcess(), new ReaderProcess()];
  try {
    if (others > 0) await sleepers.open(readAt, "one key each", others);
    await put(writeTo, "readers/one", "-1");
    await woken.open(readAt, "one key", waiting, others);
    const [fromStart, fromAcknowledgement, behind]: number[][] = [[], [], []];
    let answersUs = 0;
    for (let number = 0; number < job.puts; number++) {
      const answers = woken.expect(waiting);
      await sleep(BETWEEN_PUTS_MS);
      const cpuUs = cpuUsOf(pid);
      const startedAt = monotonicMs();
      await put(writeTo, "readers/one", String(number));
      const acknowledgedAt = monotonicMs();
      await put(writeTo, "elsewhere", String(number));
      behind!.push(monotonicMs() - acknowledgedAt);
      for (const at of await answers) {
        fromStart!.push(at - startedAt);
        fromAcknowledgement!.push(at - acknowledgedAt);
      }
      answersUs += cpuUsOf(pid) - cpuUs;
      while ((await waitingAt(readAt)) < waiting + others) await sleep(1);
    }
    const answerUs = answersUs / fromStart!.length;
    return { fromStart: fromStart!, fromAcknowledgement: fromAcknowledgement!, answerUs, behind: behind! };
  } finally {
    sleepers.end();
    woken.end();
  }
}

async function put(port: number, key: string, value: string): Promise<void> {
  const reply = await fetch(`http://127.0.0.1:${port}/v1/kv/${key}`, { method: "PUT", body: value });
  if ((await reply.text()) !== "true") throw new Error(`a put was not acknowledged: ${reply.status}`);
}

/** Puts at 64 clients, with and without readers asleep at the leader, round by round in turn. */
async function writes(): Promise<void> {
  const shapes: Shape[] = ["one key each", "one key", "one prefix each"];
  table([
    "asleep at the leader",
    "puts per second, median (min … max)",
    "p99, ms",
    "leader's CPU per put, µs",
  ]);
  await withCluster((cluster, leader) =>
    withReaders(async (process) => {
      const samples = new Map<string, Awaited<ReturnType<typeof measureOnce>>[]>();
      const measure = async (name: string) => {
        const scenario = {
          workload: { name: "put", readPercent: 0, putsPerWrite: 1 },
          clients: CLIENTS,
          at: "leader" as const,
        };
        const sample = await measureOnce(cluster, scenario, { roundMs, warmUpMs: 500 });
        samples.set(name, [...(samples.get(name) ?? []), sample]);
      };
      for (let round = 0; round < rounds; round++) {
        await measure("nobody");
        for (const shape of shapes) {
          await process.open(cluster.port(leader), shape, readers);
          await measure(`${readers} × ${shape}`);
          await process.closeReaders(cluster.port(leader));
        }
      }
      for (const [name, own] of samples) {
        const rates = spread(own.map(({ perSecond }) => perSecond));
        const shown = `${round(rates.median)} (${round(rates.min)} … ${round(rates.max)})`;
        const p99 = spread(own.map(({ p99Ms }) => p99Ms)).median.toFixed(1);
        row([name, shown, p99, spread(own.map(({ leaderUs }) => leaderUs)).median.toFixed(1)]);
      }
    }),
  );
}

function percentiles(times: readonly number[]): string {
  const sorted = Float64Array.from(times).sort();
  const at = (share: number) =>
    sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!.toFixed(2);
  return `${at(0.5)} / ${at(0.99)} / ${at(1)}`;
}

function mebibytes(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(1);
}

function round(number: number): string {
  return Math.round(number).toLocaleString("en");
}

/** Markdown, as docs/performance.md has it. */
function table(names: readonly string[]): void {
  console.log();
  row(names);
  row(names.map(() => "---"));
}

function row(cells: readonly (string | number)[]): void {
  console.log(`| ${cells.join(" | ")} |`);
}
