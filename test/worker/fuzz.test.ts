import { abortAllDurableObjects } from "cloudflare:test";
import fc from "fast-check";
import { expect, it, vi } from "vitest";
import type { ClusterPlan } from "../fuzz/portable/fuzz.ts";
import { fuzz } from "../fuzz/portable/fuzz.ts";
import { testEnv } from "./support/cluster.ts";
import { fuzzedTarget, SECRET } from "./support/fuzzed-target.ts";

/**
 * The fuzz of test/fuzz against objects, through the Worker: every request crosses from one to the other as the platform
 * brings it. (The nodes' routes are open to those who know the secret; access.test.ts sees them closed.)
 */
const RUNS = 2;
const STEPS_PER_RUN = 400;

const clusters: fc.Arbitrary<ClusterPlan> = fc.record({
  ids: fc.constant(["A", "B", "C"]),
  seed: fc.constant(0),
  secret: fc.constant(SECRET),
  token: fc.constantFrom(null, "t0ken"),
});

it("no request breaks an object, and none that is refused changes anything", {
  timeout: 600_000,
}, async () => {
  const errors = vi.spyOn(console, "error");
  let count = 0;
  const { requests, statuses, failure } = await fuzz({
    ...{ seed: 1, runs: RUNS, stepsPerRun: STEPS_PER_RUN, clusters },
    raw: false,
    shrinkMs: 30_000,
    open: async (plan) => {
      // One at a time: those of the run before are as good as switched off.
      if (count > 0) await abortAllDurableObjects();
      return fuzzedTarget(testEnv.FUZZED, ++count, plan);
    },
  });
  expect(failure).toBeNull();
  expect(errors.mock.calls).toEqual([]);
  expect(requests).toBeGreaterThan((RUNS * STEPS_PER_RUN * 95) / 100);
  for (const status of [200, 400, 401, 404, 405, 409, 413]) {
    expect(statuses.get(status), `replies with status ${status}`).toBeGreaterThan(RUNS);
  }
});
