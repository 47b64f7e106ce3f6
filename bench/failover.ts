import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import type { BenchCluster } from "./failover-clusters.ts";
import { EtcdCluster, hasEtcd, RaftLiteCluster } from "./failover-clusters.ts";

/**
 * The longest time without an acknowledged write when the leader goes: killed (kill -9) and stopped cleanly (SIGTERM),
 * medians over several runs, beside a 3-member etcd where one is installed. The clusters and the two ways take turns,
 * run by run, so that a change of the machine's mood meets all of them.
 *
 *     node bench/failover.ts [--runs 10]
 *
 * A put leaves every 5 ms through the two members that stay, whether the ones before it were answered or not.
 */
const { values } = parseArgs({ options: { runs: { type: "string", default: "10" } } });
const runs = Number(values.runs);

const PUT_EVERY_MS = 5;
/** Writes flow for so long before the leader goes, and again after the first that was sent later is acknowledged. */
const STEADY_MS = 1000;
const PUT_TIMEOUT_MS = 4000;
const RECOVER_WITHIN_MS = 30_000;

const WAYS = [
  { name: "kill -9", signal: "SIGKILL", share: 8 },
  { name: "clean stop", signal: "SIGTERM", share: 20 },
] as const;

interface Gap {
  /** Longest time between two acknowledgements that follow each other, from the signal on. */
  readonly gapMs: number;
  readonly sent: number;
  /** Puts that got an error, or nothing within their time. */
  readonly failed: number;
}

async function measure(cluster: BenchCluster, signal: NodeJS.Signals): Promise<Gap> {
  const leader = await cluster.ready();
  const survivors = [0, 1, 2].filter((member) => member !== leader);
  const acknowledgedAt: number[] = [];
  const open = new Set<Promise<void>>();
  let sent = 0;
  let failed = 0;
  let signalAt = Number.POSITIVE_INFINITY;
  let recoveredAt = Number.POSITIVE_INFINITY;
  const put = () => {
    const sentAt = performance.now();
    const call = cluster
      .put(survivors[sent % survivors.length]!, sent++, PUT_TIMEOUT_MS)
      .then(
        () => {
          acknowledgedAt.push(performance.now());
          if (sentAt > signalAt) recoveredAt = Math.min(recoveredAt, performance.now());
        },
        () => {
          failed++;
        },
      )
      .finally(() => open.delete(call));
    open.add(call);
  };
  const timer = setInterval(put, PUT_EVERY_MS);
  try {
    await sleep(STEADY_MS);
    signalAt = performance.now();
    cluster.end(leader, signal);
    while (performance.now() < recoveredAt + STEADY_MS) {
      if (performance.now() > signalAt + RECOVER_WITHIN_MS)
        throw new Error(`${cluster.name} does not recover`);
      await sleep(20);
    }
  } finally {
    clearInterval(timer);
  }
  await Promise.all(open);
  await cluster.restart(leader);
  return { gapMs: longestGap(acknowledgedAt, signalAt, recoveredAt + STEADY_MS), sent, failed };
}

function longestGap(times: readonly number[], from: number, to: number): number {
  let longest = 0;
  for (const [position, time] of times.entries()) {
    if (time < from || time > to || position === 0) continue;
    longest = Math.max(longest, time - times[position - 1]!);
  }
  return longest;
}

function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

const directory = mkdtempSync(join(tmpdir(), "raft-lite-failover-"));
const clusters: BenchCluster[] = [new RaftLiteCluster(join(directory, "raft-lite"))];
if (hasEtcd()) clusters.push(new EtcdCluster(join(directory, "etcd")));
else console.log("etcd is not installed (Debian: apt-get install etcd-server): measured without it.");

const gaps = new Map<string, Gap[]>();
const of = (cluster: BenchCluster, way: string) => gaps.get(`${cluster.name}, ${way}`) ?? [];
try {
  for (const cluster of clusters) await cluster.start();
  for (let run = 0; run < runs; run++) {
    for (const { name: way, signal } of WAYS) {
      for (const cluster of clusters) {
        const gap = await measure(cluster, signal);
        gaps.set(`${cluster.name}, ${way}`, [...of(cluster, way), gap]);
        console.log(
          `run ${run + 1}: ${cluster.name}, ${way}: ${gap.gapMs.toFixed(0)} ms, ${gap.failed} of ${gap.sent} puts failed`,
        );
      }
    }
  }
} finally {
  for (const cluster of clusters) cluster.close();
  rmSync(directory, { recursive: true, force: true });
}

console.log(
  "\n| longest gap between acknowledged writes, ms | median | min … max | puts that failed |\n| --- | --- | --- | --- |",
);
for (const { name: way } of WAYS) {
  for (const cluster of clusters) {
    const measured = of(cluster, way);
    const times = measured.map(({ gapMs }) => gapMs);
    const failures = `${sum(measured.map(({ failed }) => failed))} of ${sum(measured.map(({ sent }) => sent))}`;
    const range = `${Math.min(...times).toFixed(0)} … ${Math.max(...times).toFixed(0)}`;
    console.log(`| ${cluster.name}, ${way} | ${median(times).toFixed(0)} | ${range} | ${failures} |`);
  }
}
// A clean stop too is measured against what a crash costs there: that is the interruption one has to reckon with.
const [ours, theirs] = clusters;
const shares = WAYS.flatMap(({ name: way, share }) => {
  if (ours === undefined || theirs === undefined) return [];
  const ratio = medianGap(theirs, "kill -9") / medianGap(ours, way);
  console.log(`${way}: 1/${ratio.toFixed(1)} of etcd's gap after kill -9 (wanted: at most 1/${share})`);
  return [{ way, ratio, wanted: share }];
});
console.log(JSON.stringify({ runs, gaps: Object.fromEntries(gaps), shares }));

function medianGap(cluster: BenchCluster, way: string): number {
  return median(of(cluster, way).map(({ gapMs }) => gapMs));
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
