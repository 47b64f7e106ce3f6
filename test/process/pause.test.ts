import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import { call, post } from "./support/http.ts";
import { STEADY, test } from "./support/lab.ts";
import { Register } from "./support/register.ts";
import { until } from "./support/until.ts";
import { Writers } from "./support/writers.ts";

test.concurrent("the leader stands still for 5 s and wakes up: no stale read, nothing lost, it follows", async ({
  lab,
}) => {
  const cluster = await lab.cluster("ABC");
  cluster.start();
  const old = await cluster.leader();
  const others = cluster.others(old);
  const { term } = await old.status();
  // Three of the readers are at the one that stands still: their requests wait in its socket for it to wake up.
  const register = new Register("x", [...cluster.nodes, old, old], others);
  await register.moreWrites(50);
  old.process.signal("SIGSTOP");
  const stoppedAt = performance.now();
  await register.moreWrites(50);
  await sleep(Math.max(0, 5_000 - (performance.now() - stoppedAt)));
  // What comes in at the very moment of waking meets a node that still takes itself for the leader.
  const first = Array.from({ length: 20 }, () => old.command("GET x").catch(() => null));
  const newest = register.acknowledged;
  old.process.signal("SIGCONT");
  for (const reply of await Promise.all(first)) {
    if (reply?.status === 200) expect(Number(JSON.parse(reply.text).result)).toBeGreaterThanOrEqual(newest);
  }
  const leader = await cluster.leader();
  expect(others).toContain(leader);
  expect((await old.status()).state).toBe("Follower");
  expect((await leader.status()).term).toBeGreaterThan(term);
  await register.moreWrites(50);
  await register.moreReads(old, 20);
  await register.stop();
  register.judge();
  const { log } = await cluster.level();
  expect(log.length).toBeGreaterThanOrEqual(register.acknowledged);
});

test.concurrent("a follower stands still and wakes up: the leader stays, the term too", async ({ lab }) => {
  const cluster = await lab.cluster("ABC", STEADY);
  cluster.start();
  const leader = await cluster.leader();
  const { term } = await leader.status();
  const [follower, other] = cluster.others(leader);
  const writers = new Writers(cluster, 3);
  await writers.more(20);
  follower!.process.signal("SIGSTOP");
  // Longer than any election timeout.
  await sleep(3_000);
  follower!.process.signal("SIGCONT");
  await writers.more(50);
  await writers.stop();
  await writers.expectNothingLost();
  for (const node of [leader, follower!, other!]) {
    expect(await node.status("?log=0")).toMatchObject({ term, leader: leader.id });
  }
});

test.concurrent("both followers stand still: nothing is acknowledged meanwhile, all goes on afterwards", async ({
  lab,
}) => {
  const cluster = await lab.cluster("ABC");
  cluster.start();
  const leader = await cluster.leader();
  await leader.insist("SET x=1");
  for (const node of cluster.others(leader)) node.process.signal("SIGSTOP");
  const refused = await post(`${leader.url}/command?timeout=1s`, { cmd: "SET x=2" });
  expect(refused.status).toBe(503);
  const { ok, outcome } = JSON.parse(refused.text);
  // Unknown, unless it came so late that there was no leader any more.
  expect([ok, outcome]).toEqual([false, expect.stringMatching(/^(unknown|none)$/)]);
  const read = await post(`${leader.url}/command?timeout=1s`, { cmd: "GET x" });
  expect([read.status, JSON.parse(read.text).outcome]).toEqual([503, "none"]);
  await until("the leader to step down", async () => (await leader.status()).state !== "Leader");
  expect((await call(`${leader.url}/health`)).status).toBe(503);
  for (const node of cluster.others(leader)) node.process.signal("SIGCONT");
  await (await cluster.leader()).insist("SET y=1");
  const { log } = await cluster.level();
  const carriedOut = log.filter(({ cmd }) => cmd === "SET x=2").length;
  expect(carriedOut).toBeLessThanOrEqual(outcome === "none" ? 0 : 1);
  expect(await leader.get("x")).toBe(carriedOut === 1 ? "2" : "1");
});
