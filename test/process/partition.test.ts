import { expect } from "vitest";
import { post } from "./support/http.ts";
import { STEADY, test } from "./support/lab.ts";
import type { LabNode } from "./support/node.ts";
import { until } from "./support/until.ts";
import { wired } from "./support/wires.ts";

const ASKING = [...STEADY, "--verbose"];

/** The node has asked for votes in vain so many more times. */
async function asksInVain(node: LabNode, times: number): Promise<void> {
  const asks = () => node.process.count(/Asks whether an election would succeed/);
  const wanted = asks() + times;
  await until(`${node.id} asks in vain ${times} times`, () => asks() >= wanted);
}

test.concurrent("a cut between the leader and one follower: no election, no new term; it catches up on healing", async ({
  lab,
}) => {
  const { cluster, cut, heal } = await wired(lab, "ABC", ASKING);
  cluster.start();
  const leader = await cluster.leader();
  const { term } = await leader.status();
  const [follower, other] = cluster.others(leader) as [LabNode, LabNode];
  await follower.insist("SET x=1");
  cut(leader, follower);
  await asksInVain(follower, 3);
  await other.insist("SET x=2");
  expect(await follower.status()).toMatchObject({ term, leader: null, state: "Follower" });
  expect(await leader.status()).toMatchObject({ term, state: "Leader" });
  heal();
  await cluster.level();
  for (const node of cluster.nodes) expect(await node.status()).toMatchObject({ term, leader: leader.id });
  expect(await follower.get("x")).toBe("2");
});

test.concurrent("a node that is cut off from all and comes back does not raise the term", async ({ lab }) => {
  const { cluster, cut, heal } = await wired(lab, "ABCDE", ASKING);
  cluster.start();
  const leader = await cluster.leader();
  const { term } = await leader.status();
  const away = cluster.others(leader)[0]!;
  for (const node of cluster.others(away)) cut(away, node);
  await asksInVain(away, 3);
  const refused = await post(`${away.url}/command?timeout=300ms`, { cmd: "SET x=never" });
  expect([refused.status, JSON.parse(refused.text).outcome]).toEqual([503, "none"]);
  for (const node of cluster.others(away)) await node.insist(`SET ${node.id}=1`);
  heal();
  const { log } = await cluster.level();
  expect(log.map(({ cmd }) => cmd)).not.toContain("SET x=never");
  for (const node of cluster.nodes) expect(await node.status()).toMatchObject({ term, leader: leader.id });
  expect(cluster.nodes.flatMap(({ lines }) => lines.filter((line) => line.includes("Stepped down")))).toEqual(
    [],
  );
});

test.concurrent("a leader cut off from all steps down, the others elect once, and it follows on healing", async ({
  lab,
}) => {
  const { cluster, cut, heal } = await wired(lab, "ABC", ASKING);
  cluster.start();
  const old = await cluster.leader();
  const { term } = await old.status();
  const others = cluster.others(old);
  await old.insist("SET x=1");
  for (const node of others) cut(old, node);
  // It still takes itself for the leader: what it accepts now may yet be carried out, and is not called a failure.
  const refused = await post(`${old.url}/command?timeout=300ms`, { cmd: "SET x=lost" });
  expect(refused.status).toBe(503);
  await old.process.line(/^\[Node .\] Stepped down: no majority answers/);
  const leader = await until("the majority elects", async () => {
    for (const node of others) if ((await node.status()).state === "Leader") return node;
    return null;
  });
  await leader.insist("SET x=2");
  const { term: newTerm } = await leader.status();
  expect(newTerm).toBeGreaterThan(term);
  // A read there waits in vain: it does not get the value of before.
  const read = await post(`${old.url}/command?timeout=300ms`, { cmd: "GET x" });
  expect([read.status, JSON.parse(read.text).outcome]).toEqual([503, "none"]);
  await asksInVain(old, 2);
  heal();
  const { log } = await cluster.level();
  for (const node of cluster.nodes) {
    expect(await node.status()).toMatchObject({ term: newTerm, leader: leader.id });
    expect(await node.get("x")).toBe("2");
  }
  expect(log.filter(({ cmd }) => cmd === "SET x=lost")).toEqual([]);
});
