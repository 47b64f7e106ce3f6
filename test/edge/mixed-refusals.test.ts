import { rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { expect } from "vitest";
import { Cluster } from "../process/support/cluster.ts";
import { call } from "../process/support/http.ts";
import type { Lab } from "../process/support/lab.ts";
import { test } from "../process/support/lab.ts";
import type { LabNode } from "../process/support/node.ts";
import type { TestNode } from "../process/support/test-node.ts";
import { until } from "../process/support/until.ts";
import { MiniflareEdge } from "./support/miniflare-edge.ts";

/** What is set wrongly in a cluster of objects and processes: said in one line, and no harm to those that are right. */

const SECRET = "swordfish";

/** Objects A and B that know of a node C at `port`, and the command line of that node or of one in its place. */
async function room(lab: Lab) {
  const [port] = (await lab.ports(1)) as [number];
  const url = `http://127.0.0.1:${port}`;
  const edge = await MiniflareEdge.open(lab, {
    vars: { RAFT_NODES: `A=do,B=do,C=${url}`, RAFT_SECRET: SECRET },
    knowsUrl: true,
  });
  const secretFile = join(lab.directory, "secret");
  const process = (id: string, secret: string | null, at = port): LabNode => {
    if (secret !== null) writeFileSync(secretFile, secret);
    const peers = ["--peers", `A=${edge.url}/A,B=${edge.url}/B`];
    const words = secret === null ? peers : [...peers, "--secret-file", secretFile];
    return lab.node({ id, port: at, words });
  };
  return { edge, objects: edge.cluster, port, url, process };
}

const count = (lines: readonly string[], wanted: RegExp) => lines.filter((line) => wanted.test(line)).length;

/** All three are one cluster, in which each counts. */
async function expectWhole(nodes: readonly TestNode[]): Promise<void> {
  const cluster = new Cluster<TestNode>(nodes);
  const leader = await cluster.leader();
  await leader.insist("SET whole=1");
  const { raft } = await cluster.level();
  expect(raft).toMatchObject({ clusterSize: 3, problem: null });
}

test.concurrent.for([
  ["none", null, /this route needs the cluster's secret/],
  ["another", "salmon", /this is not the cluster's secret of this node/],
] as const)("a process with a secret that is %s", async ([, secret, words], { lab }) => {
  const { objects, process } = await room(lab);
  const wrong = process("C", secret);
  wrong.start();
  await (await objects.leader()).insist("SET x=1");
  const mend = ": give every node the same one, by --secret-file or RAFT_SECRET";
  for (const id of "AB") {
    const line = await wrong.process.line(new RegExp(`^\\[Node C\\] http://\\S+/${id} refuses this node: `));
    expect(line).toMatch(words);
    expect(line).toContain(mend);
    // It asks on, and says no more of it.
    expect(count(wrong.lines, new RegExp(`/${id} refuses`))).toBe(1);
  }
  expect(await wrong.status()).toMatchObject({ term: 0, log: [], state: "Follower" });
  expect((await call(`${wrong.url}/health`)).status).toBe(503);
  expect(wrong.lines.join() + objects.nodes.flatMap(({ lines }) => lines).join()).not.toContain(SECRET);
  await wrong.kill();
  const right = process("C", SECRET);
  right.start();
  await expectWhole([...objects.nodes, right]);
});

test.concurrent.for([
  [200, "text/html", "<h1>hello</h1>", "is no node of ours: the body is not JSON"],
  [200, "application/json", "{}", 'is no node of ours: field "clusterId" is missing'],
  [404, "text/html", "nowhere", "refuses this node: it answered with status 404"],
  [302, "text/html", "", "refuses this node: it answered with status 302"],
] as const)(
  "a member's URL at which another server answers %d %s",
  async ([status, type, body, words], { lab }) => {
    const { objects, port, url, process } = await room(lab);
    const strangers = new Set<string>();
    const server = createServer((request, reply) => {
      strangers.add(request.url ?? "");
      request.resume();
      reply.writeHead(status, { "content-type": type, location: "/elsewhere" }).end(body);
    });
    server.listen(port, "127.0.0.1");
    lab.atEnd(() => server.close());
    await (await objects.leader()).insist("SET x=1");
    for (const node of objects.nodes) {
      const line = `[Node ${node.id}] ${url} ${words}`;
      await until(line, () => node.lines.some((one) => one.startsWith(line)));
      expect(count(node.lines, / is no node | refuses /)).toBe(1);
    }
    // Where it sends callers nobody goes, least of all with the secret.
    expect([...strangers]).toEqual(["/raft"]);
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    const right = process("C", SECRET);
    right.start();
    await expectWhole([...objects.nodes, right]);
  },
);

test.concurrent("a member's URL at which a node of another id answers", async ({ lab }) => {
  const { objects, url, process } = await room(lab);
  const other = process("D", SECRET);
  other.start();
  await (await objects.leader()).insist("SET x=1");
  for (const node of objects.nodes) {
    await node.line(`[Node ${node.id}] ${url} is listed as node C but answers as node D`);
  }
  expect(await other.status()).toMatchObject({ term: 0, log: [], state: "Follower" });
  await other.kill();
  const right = process("C", SECRET);
  right.start();
  await expectWhole([...objects.nodes, right]);
});

test.concurrent("RAFT_NODES without a member, and with one more: the members stay those in the log", async ({
  lab,
}) => {
  const { edge, objects, url, process } = await room(lab);
  const c = process("C", SECRET);
  c.start();
  await expectWhole([...objects.nodes, c]);
  const [a, b] = objects.nodes;
  for (const [nodes, says] of [
    ["A=do,B=do", `RAFT_NODES does not name node C, which is a member, at ${url}: it stays one`],
    [
      `A=do,B=do,C=${url},D=http://127.0.0.1:9`,
      "RAFT_NODES names node D, which is no member: it takes no part",
    ],
  ] as const) {
    const said = edge.lines.length;
    await edge.restart({ RAFT_NODES: nodes });
    await expectWhole([a!, b!, c]);
    for (const { id } of objects.nodes) {
      const lines = edge.lines.slice(said).filter((line) => line.startsWith(`[Node ${id}] RAFT_NODES `));
      expect(lines).toEqual([expect.stringContaining(says)]);
    }
    // Two of three are a majority, and one is not, whatever RAFT_NODES says.
    await b!.kill();
    await a!.insist("SET two=1");
    await c.kill();
    const alone = await a!.command("SET one=1");
    expect([alone.status, JSON.parse(alone.text).ok]).toEqual([503, false]);
    c.start();
    await b!.start();
  }
});

test.concurrent("RAFT_NODES with another URL of a member: it is dialled there", async ({ lab }) => {
  const { edge, objects, process } = await room(lab);
  const before = process("C", SECRET);
  before.start();
  await expectWhole([...objects.nodes, before]);
  await before.kill();
  const [port] = (await lab.ports(1)) as [number];
  await edge.restart({ RAFT_NODES: `A=do,B=do,C=http://127.0.0.1:${port}` });
  const after = process("C", SECRET, port);
  after.start();
  await expectWhole([...objects.nodes, after]);
  const [a, b] = objects.nodes;
  await b!.kill();
  await a!.insist("SET two=1");
  expect(await after.get("two")).toBe("1");
  await b!.start();
  // A wiped directory is another node, at whichever URL.
  await after.kill();
  rmSync(after.dataDirectory, { recursive: true });
  after.start();
  await a!.insist("SET three=1");
  await after.process.line(/ refuses this node: node C has another data directory/);
  expect((await after.status()).log).toEqual([]);
});
