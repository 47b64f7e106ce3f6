import { expect } from "vitest";
import type { Cluster } from "./support/cluster.ts";
import { call } from "./support/http.ts";
import { test } from "./support/lab.ts";
import type { LabNode } from "./support/node.ts";
import { allQuiet } from "./support/quiet.ts";

/** Nodes that may fall silent do, and lose nothing by it (docs/architecture.md, "Falling silent"). */

const QUIET = ["--quiesce-after", "300"];

/** Calls between nodes so far, as each of them counts what it took in. */
async function messages(cluster: Cluster): Promise<number[]> {
  const count = async (node: LabNode) => {
    const { text } = await call(`${node.url}/metrics`);
    return Number(/^raft_lite_messages_total (\d+)$/m.exec(text)?.[1]);
  };
  return await Promise.all(cluster.running.map(count));
}

test.concurrent("a cluster that nobody needs is quiet, and serves as soon as somebody does", async ({
  lab,
}) => {
  const cluster = await lab.cluster("ABC", QUIET);
  cluster.start();
  const leader = await cluster.leader();
  const { term } = await leader.status();
  await leader.insist("SET x=1");
  await allQuiet(cluster);
  const before = await messages(cluster);
  // To look at it does not wake it, however often.
  for (let i = 0; i < 20; i++) await cluster.statuses();
  expect(await messages(cluster)).toEqual(before);
  for (const node of cluster.nodes) {
    await allQuiet(cluster);
    expect((await node.command("SET x=2")).status).toBe(200);
    expect(await node.get("x")).toBe("2");
  }
  for (const node of cluster.nodes) {
    await allQuiet(cluster);
    expect(await node.get("x")).toBe("2");
  }
  expect((await leader.status()).term).toBe(term);
  for (const node of cluster.nodes) {
    expect(node.lines).toContain(`[Node ${node.id}] Quiet until it is needed (term ${term})`);
    expect(node.lines).toContain(`[Node ${node.id}] Awake (term ${term})`);
  }
});

test.concurrent("a quiet leader that is killed is replaced; a killed follower keeps nobody awake", async ({
  lab,
}) => {
  const cluster = await lab.cluster("ABC", QUIET);
  cluster.start();
  const leader = await cluster.leader();
  await leader.insist("SET x=1");
  await allQuiet(cluster);
  await leader.kill();
  const [other] = cluster.others(leader);
  await other!.insist("SET x=2");
  const next = await cluster.leader();
  expect(next).not.toBe(leader);
  await leader.start();
  await cluster.leader();
  await allQuiet(cluster);
  for (const node of cluster.nodes) expect(await node.get("x")).toBe("2");
});

test.concurrent("a quiet node that stops has no need to be woken by anybody else", async ({ lab }) => {
  const cluster = await lab.cluster("ABC", QUIET);
  cluster.start();
  const leader = await cluster.leader();
  await leader.insist("SET x=1");
  await allQuiet(cluster);
  await leader.stop();
  const next = await cluster.leader();
  expect(await next.get("x")).toBe("1");
});
