import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import { test } from "./support/lab.ts";
import type { LabNode } from "./support/node.ts";
import { Register } from "./support/register.ts";
import { wired } from "./support/wires.ts";
import { Writers } from "./support/writers.ts";

/** Numbers from a seed (mulberry32), so that the faults of a run can be ordered again; their timing cannot. */
function randomOf(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

const SEED = Number(process.env.CHAOS_SEED ?? Math.floor(Math.random() * 2 ** 31));
const FAULTS = Number(process.env.CHAOS_FAULTS ?? 8);

test(`faults in any order (CHAOS_SEED=${SEED}): every read is true, nothing acknowledged is lost`, async ({
  lab,
}) => {
  const { cluster, cut, heal } = await wired(lab, "ABC");
  const random = randomOf(SEED);
  const any = () => cluster.nodes[random(3)]!;
  const faults: Record<string, (node: LabNode, pauseMs: number) => Promise<void>> = {
    async crash(node, pauseMs) {
      await node.kill();
      await sleep(pauseMs);
      node.start();
    },
    async stop(node, pauseMs) {
      await node.stop("SIGTERM");
      await sleep(pauseMs);
      node.start();
    },
    async pause(node, pauseMs) {
      node.process.signal("SIGSTOP");
      await sleep(pauseMs);
      node.process.signal("SIGCONT");
    },
    async isolate(node, pauseMs) {
      for (const other of cluster.others(node)) cut(node, other);
      await sleep(pauseMs);
      heal();
    },
    async part(node, pauseMs) {
      cut(node, cluster.others(node)[random(2)]!);
      await sleep(pauseMs);
      heal();
    },
    async crashAll() {
      await Promise.all(cluster.nodes.map((node) => node.kill()));
      cluster.start();
    },
  };
  const names = Object.keys(faults);

  cluster.start();
  await cluster.leader();
  const register = new Register("x", [...cluster.nodes, ...cluster.nodes], cluster.nodes);
  const writers = new Writers(cluster, 3);
  for (let n = 0; n < FAULTS; n++) {
    // Sometimes the next one meets a cluster that has not recovered from the last.
    if (random(3) > 0) await register.moreWrites(20);
    const name = names[random(names.length)]!;
    await faults[name]!(any(), 100 + random(1_500));
  }
  await cluster.leader();
  await register.moreWrites(20);
  await writers.more(20);
  await Promise.all([register.stop(), writers.stop()]);
  await writers.expectNothingLost();
  register.judge();
  expect(register.reads.length).toBeGreaterThan(100);
});
