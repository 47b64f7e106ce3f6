import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import { call, post } from "../process/support/http.ts";
import { test } from "../process/support/lab.ts";
import { until } from "../process/support/until.ts";
import { MiniflareEdge } from "./support/miniflare-edge.ts";
import type { ObjectCounts } from "./support/object-counts.ts";
import { countsOf, difference, quietCounts } from "./support/object-counts.ts";

/** What a cluster of objects does that nobody needs: nothing. Counted around the objects, not by the nodes. */

const entry = "test/worker/support/counting-worker.ts";
/** The host's defaults, and a cluster that goes quiet sooner. */
const CALM = { RAFT_HEARTBEAT: "500", RAFT_ELECTION_TIMEOUT: "2000-4000", RAFT_QUIESCE_AFTER: "2000" };
/** From a request to a sleeping cluster to its answer: one heartbeat and one election timeout. */
const WITHIN = "timeout=4500";

/** What nobody does in silence; being awake is what an object's time in memory is billed for. */
const IDLE = ["requests", "calls", "alarmsSet", "alarmsRung", "rowsWritten", "awakeMs", "isAwake"] as const;

const of = (counts: Map<string, ObjectCounts>, name: keyof ObjectCounts) =>
  [...counts.values()].map((count) => count[name]);

test.concurrent("a minute in which nobody comes: not a call, not an alarm, nobody in memory; then an answer in time", async ({
  lab,
}) => {
  const edge = await MiniflareEdge.open(lab, { entry, vars: CALM });
  const leader = await edge.cluster.leader();
  await leader.insist("SET x=1");
  const { term } = await leader.status();
  const before = await quietCounts(edge);
  await sleep(60_000);
  const idle = difference(await countsOf(edge), before);
  for (const name of IDLE) {
    expect(of(idle, name), name).toEqual([0, 0, 0]);
  }

  // To look at a node brings it into memory, and wakes nobody.
  for (const { url } of edge.cluster.nodes) {
    const health = await call(`${url}/health`);
    expect([health.status, JSON.parse(health.text)]).toMatchObject([200, { ok: true, quiet: true }]);
    expect(JSON.parse((await call(`${url}/status`)).text)).toMatchObject({
      term,
      log: [{ cmd: "SET x=1" }],
      commitIndex: 0,
      raft: { quiet: true },
    });
  }
  const looked = difference(await countsOf(edge), before);
  expect(of(looked, "constructions"), "evicted and made again").toEqual([1, 1, 1]);
  expect(of(looked, "calls")).toEqual([0, 0, 0]);

  const [, other] = edge.cluster.nodes;
  expect((await post(`${other!.url}/command?${WITHIN}`, { cmd: "SET x=2" })).status).toBe(200);
  for (const node of edge.cluster.nodes) expect(await node.get("x")).toBe("2");
  await edge.cluster.leader();
  expect((await other!.status()).term).toBe(term + 1);
  // And to sleep again. A new runtime finds a quiet cluster, and whoever asks it who leads wakes it.
  await quietCounts(edge);
  await edge.restart();
  expect(JSON.parse((await call(`${edge.url}/v1/status/leader`)).text)).toBe("");
  await edge.cluster.leader();
});

test.concurrent("a leader that is taken out of a quiet cluster is replaced, though nobody asks for anything", async ({
  lab,
}) => {
  const edge = await MiniflareEdge.open(lab, { entry, vars: CALM });
  const leader = await edge.cluster.leader();
  await leader.insist("SET x=1");
  await quietCounts(edge);
  await leader.kill();
  expect(await edge.cluster.leader()).not.toBe(leader);
  const [other] = edge.cluster.others(leader);
  expect((await post(`${other!.url}/command?${WITHIN}`, { cmd: "SET x=2" })).status).toBe(200);
  expect(await edge.cluster.leader()).not.toBe(leader);
  await leader.start();
  await edge.cluster.leader();
  expect(await leader.get("x")).toBe("2");
  await quietCounts(edge);
});

test.concurrent("with a live leader the first answer takes no election", async ({ lab }) => {
  const edge = await MiniflareEdge.open(lab, { entry, vars: CALM });
  const leader = await edge.cluster.leader();
  await leader.insist("SET x=1");
  const { term } = await leader.status();
  const [other] = edge.cluster.others(leader);
  for (let round = 0; round < 3; round++) {
    await quietCounts(edge);
    expect((await post(`${other!.url}/command?${WITHIN}`, { cmd: `SET x=${round}` })).status).toBe(200);
  }
  expect(await leader.status()).toMatchObject({ term, state: "Leader" });
});

test.concurrent("an object that loses its memory while it is needed comes back awake", async ({ lab }) => {
  const edge = await MiniflareEdge.open(lab, { entry, vars: CALM });
  const leader = await edge.cluster.leader();
  await leader.insist("SET x=1");
  const counts = await countsOf(edge);
  await call(`${leader.url}/chaos/crash`, { method: "POST" });
  await until("it is there again, with nobody calling", async () => {
    const { constructions } = (await countsOf(edge)).get(leader.id)!;
    return constructions > counts.get(leader.id)!.constructions;
  });
  await edge.cluster.leader();
  await quietCounts(edge);
});
