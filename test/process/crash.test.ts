import { expect } from "vitest";
import { Cluster } from "./support/cluster.ts";
import { post } from "./support/http.ts";
import { oldNode, STEADY, test } from "./support/lab.ts";
import type { LabNode } from "./support/node.ts";
import { until } from "./support/until.ts";
import { Writers } from "./support/writers.ts";

test("kill -9 of the leader, over and over: nothing acknowledged is lost", async ({ lab }) => {
  const cluster = await lab.cluster("ABC");
  cluster.start();
  await cluster.leader();
  const writers = new Writers(cluster);
  for (let round = 0; round < 3; round++) {
    await writers.more(100);
    const leader = await cluster.leader();
    const { term } = await leader.status();
    await leader.kill();
    await writers.more(100);
    const next = await cluster.leader();
    expect(next).not.toBe(leader);
    expect((await next.status()).term).toBeGreaterThan(term);
    leader.start();
  }
  await writers.stop();
  await writers.expectNothingLost();
});

test("kill -9 of a follower, over and over: nothing is lost and nobody is elected", async ({ lab }) => {
  const cluster = await lab.cluster("ABC", STEADY);
  cluster.start();
  const leader = await cluster.leader();
  const { term } = await leader.status();
  const writers = new Writers(cluster);
  for (let round = 0; round < 4; round++) {
    await writers.more(50);
    const follower = cluster.others(leader)[round % 2]!;
    await follower.kill();
    await writers.more(50);
    follower.start();
    await follower.started();
  }
  await writers.stop();
  await writers.expectNothingLost();
  expect((await leader.status()).term).toBe(term);
});

test.for(["ABC", "ABCDE"])(
  "kill -9 of all of %s, twice: all that was acknowledged is there again",
  async (ids, { lab }) => {
    const cluster = await lab.cluster(ids);
    for (let round = 0; round < 2; round++) {
      cluster.start();
      const { term } = await (await cluster.leader()).status();
      const writers = new Writers(cluster);
      await writers.more(150);
      await Promise.all(cluster.nodes.map((node) => node.kill()));
      await writers.stop();
      cluster.start();
      await writers.expectNothingLost();
      // A term is shown only once it would survive this.
      expect((await cluster.level()).term).toBeGreaterThan(term);
      await Promise.all(cluster.nodes.map((node) => node.kill()));
    }
  },
);

test.concurrent("two of three elect though the third was never started; it joins late and catches up", async ({
  lab,
}) => {
  const cluster = await lab.cluster("ABC");
  const [first, second, third] = cluster.nodes as [LabNode, LabNode, LabNode];
  first.start();
  second.start();
  const leader = await cluster.leader();
  const { term, raft } = await leader.status();
  expect(raft.clusterSize).toBe(3);
  for (const [n, node] of [first, second, first].entries()) await node.insist(`SET early${n}=${n}`);
  // Both of two are needed: the slot of the third counts.
  await second.kill();
  const alone = await post(`${first.url}/command?timeout=500ms`, { cmd: "SET alone=1" });
  expect(alone.status).toBe(503);
  second.start();
  await cluster.leader();
  third.start();
  await third.started();
  const { log } = await cluster.level();
  expect(log.map(({ cmd }) => cmd).filter((cmd) => cmd.includes("early"))).toEqual([
    "SET early0=0",
    "SET early1=1",
    "SET early2=2",
  ]);
  expect((await third.status()).raft.clusterId).toBe((await first.status()).raft.clusterId);
  expect(await third.get("early2")).toBe("2");
  // And it counts: with it, one of the other two may go.
  await first.kill();
  await third.insist("SET late=1");
  first.start();
  expect((await cluster.level()).term).toBeGreaterThanOrEqual(term);
});

test.concurrent("nodes started in any order and one by one become one cluster", async ({ lab }) => {
  const cluster = await lab.cluster("ABC");
  const [first, second, third] = cluster.nodes as [LabNode, LabNode, LabNode];
  for (const node of [third, first, second]) {
    node.start();
    await node.started();
  }
  await cluster.leader();
  await second.insist("SET x=1");
  const { log } = await cluster.level();
  expect(log.map(({ cmd }) => cmd)).toEqual(["SET x=1"]);
});

/**
 * The first leader writes its first entry, which names the cluster, and dies before anybody else has it. The others
 * found a cluster of their own without it. Its entry was never committed, so it must be able to join them.
 */
test.concurrent.for(["the others go on without it", "the others were restarted meanwhile"])(
  "a leader that crashed before it replicated its first entry comes back and joins: %s",
  async (how, { lab }) => {
    const [portA, portB, portC] = (await lab.ports(3)) as [number, number, number];
    const toB = await lab.proxy(portB);
    const toC = await lab.proxy(portC);
    const url = (port: number) => `http://127.0.0.1:${port}`;
    // A is the first to ask for votes, by far.
    const eager = ["--heartbeat", "50", "--election-timeout", "150-200"];
    const patient = ["--election-timeout", "4000-5000"];
    const a = lab.node({ id: "A", port: portA, words: ["--peers", `${toB.url},${toC.url}`, ...eager] });
    const b = lab.node({
      id: "B",
      port: portB,
      words: ["--peers", `${url(portA)},${url(portC)}`, ...patient],
    });
    const c = lab.node({
      id: "C",
      port: portC,
      words: ["--peers", `${url(portA)},${url(portB)}`, ...patient],
    });
    for (const wire of [toB, toC]) {
      wire.watch((sent) => {
        // Its votes come through, its first entry does not: the members, which are JSON in either form of an exchange.
        if (!sent.includes('"slots":[')) return;
        toB.silence();
        toC.silence();
      });
    }
    for (const node of [a, b, c]) node.start();
    await a.process.line(/^\[Node A\] Became Leader/);
    await until("A's first entry is on its disk", async () => (await a.status()).raft.lastIndex === 1);
    expect((await a.status()).raft.commitIndex).toBe(0);
    await a.kill();
    if (how.includes("restarted")) {
      await Promise.all([b.kill(), c.kill()]);
      b.start();
      c.start();
    }
    await b.insist("SET x=5");
    const { clusterId } = (await b.status()).raft;

    for (const wire of [toB, toC]) {
      wire.watch(() => {});
      wire.heal();
    }
    a.start();
    await until("A holds what the others committed", async () => (await a.status()).commitIndex === 0);
    expect((await a.status()).raft.clusterId).toBe(clusterId);
    expect((await a.status()).raft.problem).toBeNull();
    expect(await a.get("x")).toBe("5");
    await b.kill();
    await a.insist("SET y=10");
    expect(await c.get("y")).toBe("10");
  },
);

const runtime = oldNode();

test.runIf(runtime !== null)(
  "an older Node of the machine's own: kill -9, SIGSTOP and CTRL+C mean the same",
  async ({ lab }) => {
    const ports = await lab.ports(3);
    const nodes = ["A", "B", "C"].map((id, at) => {
      const peers = ports.filter((_, other) => other !== at).map((port) => `127.0.0.1:${port}`);
      return lab.node({ id, port: ports[at]!, words: ["--peers", peers.join(",")], runtime: runtime! });
    });
    const cluster = new Cluster(nodes);
    cluster.start();
    const first = await cluster.leader();
    await first.insist("SET x=1");
    await first.kill();
    const second = await cluster.leader();
    await second.insist("SET x=2");
    // Its port and its directory are free at once.
    first.start();
    await cluster.level();
    second.process.signal("SIGSTOP");
    const others = cluster.others(second);
    const third = await until("another to lead", async () => {
      for (const node of others) if ((await node.status()).state === "Leader") return node;
      return null;
    });
    await third.insist("SET x=3");
    second.process.signal("SIGCONT");
    expect((await cluster.level()).log.map(({ cmd }) => cmd)).toEqual(["SET x=1", "SET x=2", "SET x=3"]);
    for (const node of cluster.nodes) expect(await node.stop()).toEqual({ code: 0, signal: null });
  },
);
