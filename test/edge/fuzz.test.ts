import fc from "fast-check";
import { expect } from "vitest";
import type { ClusterPlan } from "../fuzz/portable/fuzz.ts";
import { fuzz } from "../fuzz/portable/fuzz.ts";
import { socketTarget } from "../fuzz/socket-target.ts";
import { test } from "../process/support/lab.ts";
import { MiniflareEdge } from "./support/miniflare-edge.ts";

/** The fuzz of test/fuzz through the Worker, at objects in workerd. Longer: FUZZ_RUNS=50 FUZZ_SEED=7. */
const runs = Number(process.env.FUZZ_RUNS ?? 1);
const seed = Number(process.env.FUZZ_SEED ?? 1);
const path = process.env.FUZZ_PATH;

/** Nobody is elected because a machine stood still for a second or two, and no route is there that others have not. */
const UNDISTURBED = { RAFT_ELECTION_TIMEOUT: "3000-3500", RAFT_HEARTBEAT: "100", RAFT_CHAOS: "0" };

/** With a secret: without one the nodes' routes are closed, and there would be little to find on them. */
const clusters: fc.Arbitrary<ClusterPlan> = fc.record({
  ids: fc.constant(["A", "B", "C"]),
  seed: fc.constant(0),
  secret: fc.constant("s3cret"),
  token: fc.constant(null),
});

test("no request breaks an object", { timeout: 3_600_000 }, async ({ lab }) => {
  let edge: MiniflareEdge | null = null;
  const { failure, requests } = await fuzz({
    ...{ seed, runs, path, clusters },
    stepsPerRun: 300,
    raw: false,
    shrinkMs: 60_000,
    open: async ({ ids, secret, token }) => {
      await edge?.stop();
      edge = await MiniflareEdge.open(lab, { vars: { ...UNDISTURBED, RAFT_SECRET: secret! } });
      await edge.cluster.leader();
      const port = Number(new URL(edge.url).port);
      const target = socketTarget({ ids, ports: ids.map(() => port), secret, token });
      return {
        ...target,
        keepsPaths: false,
        send: (node, request) => target.send(node, { ...request, target: `/${ids[node]}${request.target}` }),
      };
    },
  });
  expect(failure).toBeNull();
  expect(requests).toBeGreaterThan(200 * runs);
});
