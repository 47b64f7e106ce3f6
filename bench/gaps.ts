import { setTimeout as sleep } from "node:timers/promises";
import type { BenchCluster } from "./clusters.ts";
import { spread, sum } from "./figures.ts";
import type { GapRow } from "./results.ts";

/**
 * The longest time without an acknowledged write when the leader goes: killed (kill -9), and stopped cleanly (SIGTERM).
 *
 * A put leaves every 5 ms, to the members in turn, whether those before it were answered or not. Clients are on retry:
 * a put that fails, or has no answer in a second, goes to the next member, until one acknowledges it. The clusters and
 * the ways take turns, run by run.
 */

const PUT_EVERY_MS = 5;
/** Writes flow for so long before the leader goes, and again after the first that was sent later is acknowledged. */
const STEADY_MS = 1000;
const ANSWER_WITHIN_MS = 1000;
const RETRY_PAUSE_MS = 10;
/** Whoever has no acknowledgement by then, however often it asked, hangs. */
const HANGS_AFTER_MS = 15_000;
const RECOVER_WITHIN_MS = 30_000;

const WAYS = [
  { way: "kill -9", signal: "SIGKILL" },
  { way: "clean stop", signal: "SIGTERM" },
] as const;

interface Gap {
  readonly gapMs: number;
  readonly sent: number;
  readonly retried: number;
  readonly hung: number;
}

export async function measureGaps(
  clusters: readonly BenchCluster[],
  runs: number,
  onRun: (line: string) => void,
): Promise<GapRow[]> {
  const rows = WAYS.flatMap(({ way, signal }) => clusters.map((cluster) => ({ way, signal, cluster })));
  const measured = new Map(rows.map((row): [typeof row, Gap[]] => [row, []]));
  for (let run = 1; run <= runs; run++) {
    for (const [{ way, signal, cluster }, gaps] of measured) {
      const gap = await measureGap(cluster, signal);
      gaps.push(gap);
      onRun(`run ${run}, ${cluster.name}, ${way}: ${gap.gapMs.toFixed(0)} ms, ${gap.hung} puts hung`);
    }
  }
  return [...measured].map(([{ way, cluster }, gaps]) => ({
    system: cluster.name,
    way,
    gapMs: spread(gaps.map(({ gapMs }) => gapMs)),
    runs,
    sent: sum(gaps.map(({ sent }) => sent)),
    retried: sum(gaps.map(({ retried }) => retried)),
    hung: sum(gaps.map(({ hung }) => hung)),
  }));
}

async function measureGap(cluster: BenchCluster, signal: NodeJS.Signals): Promise<Gap> {
  const leader = await cluster.ready();
  const acknowledgedAt: number[] = [];
  const open = new Set<Promise<void>>();
  let sent = 0;
  let retried = 0;
  let hung = 0;
  let signalAt = Number.POSITIVE_INFINITY;
  let recoveredAt = Number.POSITIVE_INFINITY;

  const put = async (number: number) => {
    const sentAt = performance.now();
    for (let member = number; performance.now() < sentAt + HANGS_AFTER_MS; member++) {
      const isDone = await cluster.put(member % 3, number, ANSWER_WITHIN_MS).then(
        () => true,
        () => false,
      );
      const now = performance.now();
      if (isDone) {
        acknowledgedAt.push(now);
        if (sentAt > signalAt) recoveredAt = Math.min(recoveredAt, now);
        return;
      }
      if (member === number) retried++;
      await sleep(RETRY_PAUSE_MS);
    }
    hung++;
  };
  const timer = setInterval(() => {
    const call = put(sent++).finally(() => open.delete(call));
    open.add(call);
  }, PUT_EVERY_MS);
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
  const until = recoveredAt + STEADY_MS;
  await Promise.all(open);
  await cluster.restart(leader);
  return { gapMs: longestGap(acknowledgedAt, signalAt, until), sent, retried, hung };
}

function longestGap(times: readonly number[], from: number, to: number): number {
  let longest = 0;
  for (const [position, time] of times.entries()) {
    if (time < from || time > to || position === 0) continue;
    longest = Math.max(longest, time - times[position - 1]!);
  }
  return longest;
}
