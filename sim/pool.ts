import type { ChildProcess } from "node:child_process";
import { fork } from "node:child_process";
import type { SeedResult } from "./run-seed.ts";
import { noResult } from "./run-seed.ts";

/** A seed that takes longer than this, by the clock on the wall, hangs. */
const limitMs = 120_000;

/** Runs seeds in worker processes; results are handed out in the order of the seeds. */
export async function runSeeds(
  first: number,
  count: number,
  jobs: number,
  onResult: (result: SeedResult) => void,
): Promise<void> {
  const end = first + count;
  let next = first;
  let due = first;
  const early = new Map<number, SeedResult>();
  const hand = (result: SeedResult) => {
    early.set(result.seed, result);
    for (let ready = early.get(due); ready !== undefined; ready = early.get(due)) {
      early.delete(due++);
      onResult(ready);
    }
  };
  const work = async () => {
    let worker: ChildProcess | null = null;
    while (next < end) {
      worker ??= fork(new URL("./worker.ts", import.meta.url));
      const result = await runIn(worker, next++);
      if (worker.exitCode !== null || worker.killed) worker = null;
      hand(result);
    }
    worker?.disconnect();
  };
  await Promise.all(Array.from({ length: Math.min(jobs, count) }, work));
}

function runIn(worker: ChildProcess, seed: number): Promise<SeedResult> {
  return new Promise((resolve) => {
    const end = (result: SeedResult) => {
      clearTimeout(timer);
      worker.off("message", end);
      worker.off("exit", onExit);
      resolve(result);
    };
    const onExit = (code: number | null, signal: string | null) =>
      end(noResult(seed, `the simulator's process ended (${signal ?? code})`));
    const timer = setTimeout(() => {
      worker.kill("SIGKILL");
      end(noResult(seed, `it did not end within ${limitMs / 1000} s`));
    }, limitMs);
    worker.on("message", end);
    worker.on("exit", onExit);
    worker.send(seed);
  });
}
