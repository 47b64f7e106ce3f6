import { cpSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { Cluster } from "./support/cluster.ts";
import { call } from "./support/http.ts";
import { Lab, test } from "./support/lab.ts";
import type { LabNode } from "./support/node.ts";
import { until } from "./support/until.ts";

/**
 * Who must not take part does not, whatever the order in which the nodes are started: it is refused with a line on
 * both sides, nothing gets into its log or from it into another, and the rest go on.
 */
const ORDERS = ["012", "021", "102", "120", "201", "210"];

async function startInOrder(nodes: readonly LabNode[], order: string): Promise<void> {
  for (const position of order) {
    const node = nodes[Number(position)]!;
    node.start();
    await node.started();
  }
}

/** The healthy ones serve, among themselves, and their logs hold only what was sent to them. */
async function expectServing(healthy: Cluster, before: readonly string[]): Promise<void> {
  await healthy.leader();
  await healthy.nodes[0]!.insist("SET healthy=1");
  const { log } = await healthy.level();
  expect(log.map(({ cmd }) => cmd)).toEqual([...before, "SET healthy=1"]);
  for (const node of healthy.nodes) expect(await node.get("healthy")).toBe("1");
}

interface Untouched {
  readonly lastIndex: number;
  readonly term: number;
}

/** The refused one lives and says why it does not take part; its log and its term are as they were. */
async function expectRefused(node: LabNode, { lastIndex, term }: Untouched): Promise<void> {
  await until(`${node.id} names its problem`, async () => (await node.status()).raft.problem !== null);
  const status = await node.status();
  expect([status.raft.lastIndex, status.term, status.state]).toEqual([lastIndex, term, "Follower"]);
  expect((await call(`${node.url}/health`)).status).toBe(503);
  expect(node.running).toBe(true);
}

/**
 * Directories of clusters that have committed one command each, made once and copied: the addresses of a node's list
 * win over those in its directory, so that they serve at any ports.
 */
const stock = new Lab();
const STOCKED = { here: "ABC", there: "DEF", namesake: "ABC" };

beforeAll(async () => {
  const stockUp = async ([name, ids]: [string, string]) => {
    const cluster = await stock.cluster(ids, [], stock.folder(name));
    cluster.start();
    await cluster.leader();
    await cluster.nodes[0]!.insist(`SET ${name}=1`);
    await cluster.level();
    await Promise.all(cluster.nodes.map((node) => node.kill()));
  };
  await Promise.all(Object.entries(STOCKED).map(stockUp));
});

afterAll(() => stock.dispose());

function takeDirectory(lab: Lab, from: keyof typeof STOCKED, id: string): void {
  const source = join(stock.directory, from, ".raft-lite", id);
  cpSync(source, join(lab.folder(".raft-lite"), id), { recursive: true });
}

describe.concurrent("a wiped directory under its old id", () => {
  test.for(ORDERS)("started in the order %s", async (order, { lab }) => {
    const cluster = await lab.cluster("ABC");
    const [a, b, c] = cluster.nodes as [LabNode, LabNode, LabNode];
    takeDirectory(lab, "here", "A");
    takeDirectory(lab, "here", "C");
    await startInOrder([a, b, c], order);
    await expectServing(new Cluster([a, c]), ["SET here=1"]);
    const theirs =
      /^\[Node .\] node B.* has another data directory than the node that joined as B: it was wiped/;
    await a.process.line(theirs);
    await c.process.line(theirs);
    await b.process.line(/^\[Node B\] \S+ refuses this node: node B has another data directory/);
    await expectRefused(b, { lastIndex: 0, term: 0 });
  });

  test("while the others run", async ({ lab }) => {
    const cluster = await lab.cluster("ABC");
    cluster.start();
    const leader = await cluster.leader();
    await leader.insist("SET x=1");
    const [wiped, other] = cluster.others(leader) as [LabNode, LabNode];
    await cluster.level();
    await wiped.kill();
    wiped.wipe();
    wiped.start();
    await leader.process.line(/ has another data directory than the node that joined as /);
    await wiped.process.line(/ refuses this node: /);
    await expectRefused(wiped, { lastIndex: 0, term: 0 });
    await expectServing(new Cluster([leader, other]), ["SET x=1"]);
  });
});

describe.concurrent("a node of another cluster", () => {
  const cases = ORDERS.flatMap((order) => [
    { order, from: "there", id: "F" } as const,
    { order, from: "namesake", id: "C" } as const,
  ]);
  test.for(cases)(
    "where the third of this one should be, as $id, order $order",
    async ({ order, from, id }, { lab }) => {
      const [one, two, three] = (await lab.ports(3)) as [number, number, number];
      const words = (...ports: number[]) => ["--peers", ports.map((port) => `127.0.0.1:${port}`).join(",")];
      const a = lab.node({ id: "A", port: one, words: words(two, three) });
      const b = lab.node({ id: "B", port: two, words: words(one, three) });
      const stranger = lab.node({ id, port: three, words: words(one, two) });
      takeDirectory(lab, "here", "A");
      takeDirectory(lab, "here", "B");
      takeDirectory(lab, from, id);
      await startInOrder([a, b, stranger], order);
      await expectServing(new Cluster([a, b]), ["SET here=1"]);
      const theirs = / belongs to cluster \w+, this node to \w+: check both peer lists$/;
      for (const node of [a, b, stranger]) await node.process.line(theirs);
      expect((await stranger.status()).log.map(({ cmd }) => cmd)).toEqual([`SET ${from}=1`]);
      expect(stranger.lines.join("\n")).not.toContain("Candidate");
      expect((await call(`${stranger.url}/health`)).status).toBe(503);
    },
  );
});

describe.concurrent("two nodes of one id", () => {
  test.for(ORDERS)("started in the order %s", async (order, { lab }) => {
    const [one, two, three] = (await lab.ports(3)) as [number, number, number];
    const peers = (...ports: number[]) => ["--peers", ports.map((port) => `127.0.0.1:${port}`).join(",")];
    const a = lab.node({ id: "A", port: one, words: peers(two, three) });
    const b = lab.node({ id: "B", port: two, words: peers(one, three), cwd: lab.folder("b") });
    const twin = lab.node({ id: "B", port: three, words: peers(one, two), cwd: lab.folder("twin") });
    await startInOrder([a, b, twin], order);
    await a.insist("SET x=1");
    await a.process.line(/^\[Node A\] two nodes answer as B, at \S+ and at \S+: give each an id of its own$/);
    await b.process.line(/^\[Node B\] .*another node answers as B.*: give each node an id of its own$/);
    await twin.process.line(/^\[Node B\] .*another node answers as B.*: give each node an id of its own$/);
    const [member, stranger] = (await b.status()).raft.lastIndex > 0 ? [b, twin] : [twin, b];
    await expectRefused(stranger, { lastIndex: 0, term: 0 });
    expect(await member.get("x")).toBe("1");
  });
});

describe.concurrent("one node under two URLs of a list", () => {
  test.for(ORDERS)("started in the order %s", async (order, { lab }) => {
    const [one, two, three] = (await lab.ports(3)) as [number, number, number];
    const words = (list: string) => ["--peers", list];
    const a = lab.node({ id: "A", port: one, words: words(`127.0.0.1:${two},localhost:${two}`) });
    const b = lab.node({ id: "B", port: two, words: words(`127.0.0.1:${one},127.0.0.1:${three}`) });
    const c = lab.node({ id: "C", port: three, words: words(`127.0.0.1:${one},127.0.0.1:${two}`) });
    await startInOrder([a, b, c], order);
    await expectServing(new Cluster([b, c]), []);
    await a.process.line(/^\[Node A\] \S+ and \S+ are the same node B: list it once$/);
    // Whoever leads has reason to speak to it.
    const leader = await new Cluster([b, c]).leader();
    await leader.process.line(
      / refuses this node: node A lists one node at two addresses and takes no part until that is mended/,
    );
    await expectRefused(a, { lastIndex: 0, term: 0 });
  });
});

describe.concurrent("peer lists of different length", () => {
  test.for(ORDERS)("started in the order %s", async (order, { lab }) => {
    const [one, two, three] = (await lab.ports(3)) as [number, number, number];
    const words = (...ports: number[]) => ["--peers", ports.map((port) => `127.0.0.1:${port}`).join(",")];
    const a = lab.node({ id: "A", port: one, words: words(two, three) });
    const b = lab.node({ id: "B", port: two, words: words(one) });
    const c = lab.node({ id: "C", port: three, words: words(one, two) });
    await startInOrder([a, b, c], order);
    await expectServing(new Cluster([a, c]), []);
    for (const node of [a, b, c]) {
      await node.process.line(
        / counts \d nodes by its peer list, this node \d nodes: every node must list all others$/,
      );
    }
    await expectRefused(b, { lastIndex: 0, term: 0 });
  });
});
