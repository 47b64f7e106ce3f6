import { expect } from "vitest";
import { PromiseWatch } from "../histories/promise-watch.ts";
import { call, post } from "../process/support/http.ts";
import { test } from "../process/support/lab.ts";
import { runLab } from "../process/support/lab-script.ts";
import { until } from "../process/support/until.ts";
import { Writers } from "../process/support/writers.ts";
import { MiniflareEdge } from "./support/miniflare-edge.ts";

/** Whole clusters of Durable Objects, with the state of each in a directory that outlives the runtime. */

test("the lab, and all of it again in another runtime", async ({ lab }) => {
  const edge = await MiniflareEdge.open(lab);
  await runLab({
    cluster: edge.cluster,
    async stopLeader(leader) {
      await leader.kill();
      return () => leader.start();
    },
    async stopFollower(follower) {
      const boot = await follower.boot();
      await follower.crash();
      return () => follower.bootAfter(boot);
    },
    restart: () => edge.restart(),
  });
});

test("five objects with two of them stopped, and a majority of them, and none", async ({ lab }) => {
  const RAFT_NODES = "A=do,B=do,C=do,D=do,E=do";
  const { cluster, url } = await MiniflareEdge.open(lab, { vars: { RAFT_NODES } });
  const leader = await cluster.leader();
  const [one, two, three] = cluster.others(leader);
  await one!.kill();
  await two!.kill();
  await leader.insist("SET x=5");
  await three!.kill();
  const alone = await post(`${url}/command?timeout=500ms`, { cmd: "SET y=10" });
  expect([alone.status, JSON.parse(alone.text).code]).toEqual([503, expect.any(String)]);
  await three!.start();
  await leader.insist("SET z=20");
  await one!.start();
  await two!.start();
  const { log } = await cluster.level();
  expect(log[0]?.cmd).toBe("SET x=5");
  expect(log.at(-1)?.cmd).toBe("SET z=20");
});

test("leaders stopped one after the other: the term rises with each, and not when they return", async ({
  lab,
}) => {
  const { cluster } = await MiniflareEdge.open(lab);
  const writers = new Writers(cluster);
  const stops = 3;
  let { term } = await (await cluster.leader()).status();
  const first = term;
  for (let stop = 1; stop <= stops; stop++) {
    await writers.more(20);
    const leader = await cluster.leader();
    await leader.kill();
    await cluster.leader();
    await writers.more(20);
    ({ term } = await (await cluster.leader()).status());
    await leader.start();
    expect((await cluster.leader()).id).not.toBe(leader.id);
    await until(`${leader.id} follows`, async () => (await leader.status()).state === "Follower");
    expect((await (await cluster.leader()).status()).term).toBe(term);
  }
  await writers.stop();
  await writers.expectNothingLost();
  // Votes split now and then.
  expect(term - first).toBeGreaterThanOrEqual(stops);
  expect(term - first).toBeLessThanOrEqual(3 * stops);
});

test("the runtime killed again and again while commands go in", async ({ lab }) => {
  const edge = await MiniflareEdge.open(lab);
  const { cluster } = edge;
  await cluster.leader();
  const writers = new Writers(cluster);
  const watch = new PromiseWatch(edge);
  for (let round = 1; round <= 3; round++) {
    await writers.more(30);
    for (const node of cluster.nodes) await watch.look(node);
    await edge.restart();
  }
  await writers.more(30);
  await writers.stop();
  await writers.expectNothingLost();
  expect(await watch.verdict()).toBeNull();
});

test("whoever has been stopped stays so in the next runtime, and is not called back by the others", async ({
  lab,
}) => {
  const edge = await MiniflareEdge.open(lab);
  const { cluster, url } = edge;
  const stopped = await cluster.follower();
  await stopped.kill();
  await edge.restart();
  await (await cluster.leader()).insist("SET x=5");
  const reply = await call(`${stopped.url}/status`);
  expect([reply.status, JSON.parse(reply.text).code]).toEqual([503, "stopped"]);
  // Without a name the Worker asks one that runs.
  for (let turn = 0; turn < 4; turn++) expect((await call(`${url}/status`)).status).toBe(200);
  await stopped.start();
  expect((await cluster.level()).log.map(({ cmd }) => cmd)).toEqual(["SET x=5"]);
});
