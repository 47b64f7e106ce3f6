import fc from "fast-check";
import { expect } from "vitest";
import type { ClusterPlan } from "../fuzz/portable/fuzz.ts";
import { fuzz } from "../fuzz/portable/fuzz.ts";
import { socketTarget } from "../fuzz/socket-target.ts";
import type { Cluster } from "./support/cluster.ts";
import { test } from "./support/lab.ts";

/** The fuzz of test/fuzz over real sockets, byte by byte: what no fetch would send. Longer: FUZZ_RUNS=50 FUZZ_SEED=7. */
const runs = Number(process.env.FUZZ_RUNS ?? 1);
const seed = Number(process.env.FUZZ_SEED ?? 1);
const path = process.env.FUZZ_PATH;

/** Nobody is elected because a machine stood still for a second or two. */
const UNDISTURBED = ["--election-timeout", "3000-3500"];

const clusters: fc.Arbitrary<ClusterPlan> = fc.constant({
  ...{ ids: ["A", "B", "C"], seed: 0 },
  ...{ secret: null, token: null },
});

test("no request breaks a process", { timeout: 3_600_000 }, async ({ lab }) => {
  let running: Cluster | null = null;
  let count = 0;
  const { failure } = await fuzz({
    ...{ seed, runs, path, clusters },
    stepsPerRun: 600,
    raw: true,
    shrinkMs: 120_000,
    open: async ({ ids, secret, token }) => {
      // One at a time: two cores are shared by all.
      for (const node of running?.nodes ?? []) await node.kill();
      running = await lab.cluster(ids.join(""), UNDISTURBED, lab.folder(`run-${++count}`));
      running.start();
      await running.leader();
      return socketTarget({ ids, ports: running.nodes.map(({ port }) => port), secret, token });
    },
  });
  expect(failure).toBeNull();
});
