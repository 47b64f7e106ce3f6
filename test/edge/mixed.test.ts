import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { Cluster } from "../process/support/cluster.ts";
import { call } from "../process/support/http.ts";
import { test } from "../process/support/lab.ts";
import type { TestNode } from "../process/support/test-node.ts";
import { Writers } from "../process/support/writers.ts";
import { MiniflareEdge } from "./support/miniflare-edge.ts";

const SECRET = "swordfish";

test("two objects and a process are one cluster, whichever of them is missing", async ({ lab }) => {
  const [port] = await lab.ports(1);
  const edge = await MiniflareEdge.open(lab, {
    vars: { RAFT_NODES: `A=do,B=do,C=http://127.0.0.1:${port}`, RAFT_SECRET: SECRET },
    knowsUrl: true,
  });
  const secretFile = join(lab.directory, "secret");
  writeFileSync(secretFile, SECRET);
  const peers = edge.cluster.nodes.map(({ id, url }) => `${id}=${url}`).join(",");
  const process = lab.node({ id: "C", port: port!, words: ["--peers", peers, "--secret-file", secretFile] });
  const cluster = new Cluster<TestNode>([...edge.cluster.nodes, process]);
  process.start();

  const leader = await cluster.leader();
  const writers = new Writers(cluster);
  await writers.more(30);
  for (const node of cluster.nodes) {
    const { text } = await call(`${node.url}/v1/status/leader`);
    expect(JSON.parse(text), `the leader as ${node.id} shows it`).toBe(leader.address);
  }
  for (const missing of cluster.nodes) {
    await missing.kill();
    await cluster.leader();
    await writers.more(20);
    await missing.start();
    await cluster.leader();
    await writers.more(20);
  }
  await writers.stop();
  await writers.expectNothingLost();
  // The Worker answers for the node elsewhere, too.
  const { text } = await call(`${edge.url}/C/status`);
  expect(JSON.parse(text)).toMatchObject({ node: "C" });
});
