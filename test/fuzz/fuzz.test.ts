import { expect, test } from "vitest";
import { fuzz } from "./portable/fuzz.ts";
import { clusters, simulatedTarget } from "./simulated-target.ts";

/**
 * Random requests on every route, good and bad, against whole clusters in virtual time, judged one by one. Longer, or
 * elsewhere: `FUZZ_RUNS=2000 FUZZ_SEED=7 npx vitest run test/fuzz/fuzz`.
 */
const runs = Number(process.env.FUZZ_RUNS ?? 106);
const seed = Number(process.env.FUZZ_SEED ?? 1);
const path = process.env.FUZZ_PATH;
const stepsPerRun = 200;

test("no request breaks a node, and none that is refused changes anything", {
  timeout: 3_600_000,
}, async () => {
  const { requests, statuses, failure } = await fuzz({
    ...{ seed, runs, path, stepsPerRun, clusters },
    raw: false,
    shrinkMs: 60_000,
    open: simulatedTarget,
  });
  expect(failure).toBeNull();
  if (path !== undefined) return;
  expect(requests).toBeGreaterThan((runs * stepsPerRun * 95) / 100);
  // Of every kind enough: half of what is asked is refused, and half of it carried out.
  for (const status of [200, 400, 401, 403, 404, 405, 409, 413, 503])
    expect(statuses.get(status)).toBeGreaterThan(runs);
});
