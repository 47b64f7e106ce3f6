import { networkInterfaces } from "node:os";
import { describe, expect } from "vitest";
import { WranglerDev } from "../edge/support/wrangler-dev.ts";
import { Cluster } from "./support/cluster.ts";
import { call, post } from "./support/http.ts";
import type { Lab } from "./support/lab.ts";
import { test } from "./support/lab.ts";
import { expectStatuses, runLab } from "./support/lab-script.ts";
import type { LabNode } from "./support/node.ts";
import { until } from "./support/until.ts";

/** The lab that this project replaces (docs name it so): its command lines, its replies and its log, to the letter. */

/** How a report writes the peers of a node, as the words the shell makes of it. */
const REPORTS: readonly (readonly [report: string, peers: (ports: readonly number[]) => string[]])[] = [
  ["report 1", (ports) => ["--peers", ports.map((port) => `http://127.0.0.1:${port}`).join(",")]],
  ["report 2", ([one, two]) => ["--peers", `127.0.0.1:${one},`, `127.0.0.1:${two}`]],
];

async function labCluster(
  lab: Lab,
  ids: string,
  peers: (ports: readonly number[]) => string[],
): Promise<Cluster> {
  const ports = await lab.ports(ids.length);
  return new Cluster(
    [...ids].map((id, position) => {
      const others = ports.filter((_, other) => other !== position);
      return lab.node({ id, port: ports[position]!, words: peers(others) });
    }),
  );
}

describe.each(REPORTS)("%s", (_report, peers) => {
  test("startup, election, replication, leader crash, follower crash, reads, restart", async ({ lab }) => {
    const cluster = await labCluster(lab, "ABC", peers);
    cluster.start();
    for (const node of cluster.nodes) await node.started();
    const stop = async (node: LabNode) => {
      expect(await node.stop()).toEqual({ code: 0, signal: null });
      return async () => {
        node.start();
        await node.started();
      };
    };
    await runLab({
      cluster,
      stopLeader: stop,
      stopFollower: stop,
      async restart() {
        await Promise.all(cluster.nodes.map((node) => node.kill()));
        cluster.start();
      },
    });
  });
});

test("Durable Objects under `npm run dev`", async ({ lab }) => {
  // A busy machine is to make no election.
  const slow = ["--var", "RAFT_HEARTBEAT:100", "--var", "RAFT_ELECTION_TIMEOUT:1000-1500"];
  const dev = await WranglerDev.open(lab, slow);
  const { cluster } = dev;
  await runLab({
    cluster,
    async stopLeader(leader) {
      await leader.kill();
      const stopped = await leader.command("SET no=1");
      expect(JSON.parse(stopped.text)).toMatchObject({ ok: false, code: "stopped", outcome: "none" });
      return () => leader.start();
    },
    async stopFollower(follower) {
      const boot = await follower.boot();
      await follower.crash();
      return () => follower.bootAfter(boot);
    },
    restart: () => dev.restart(),
  });
});

test("five nodes, each with its peers in another dialect, its own address among them", async ({ lab }) => {
  const ids = ["A", "B", "C", "D", "E"];
  const ports = await lab.ports(5);
  const dialects: ((others: readonly (readonly [id: string, port: number])[]) => string[])[] = [
    (others) => ["--peers", others.map(([, port]) => `http://127.0.0.1:${port}`).join(",")],
    (others) => ["--peers", others.map(([, port]) => `127.0.0.1:${port}`).join(",")],
    (others) => ["--peers", ...others.map(([, port], at) => `127.0.0.1:${port}${at < 3 ? "," : ""}`)],
    (others) => ["--peers", others.map(([id, port]) => `${id}=127.0.0.1:${port}`).join(",")],
    (others) => [
      // One list for all: it names the node itself, and mixes what can be mixed.
      "--peers",
      [...others.map(([id, port]) => `${id}:localhost:${port}`), `E=http://localhost:${ports[4]}`].join(", "),
    ],
  ];
  const cluster = new Cluster(
    ids.map((id, position) => {
      const others = ids.map((other, at) => [other, ports[at]!] as const).filter(([other]) => other !== id);
      return lab.node({ id, port: ports[position]!, words: dialects[position]!(others) });
    }),
  );
  cluster.start();
  const first = await cluster.leader();
  const { term, raft } = await first.status();
  expect(raft.clusterSize).toBe(5);
  expect((await first.command("SET x=5")).status).toBe(200);
  await expectStatuses(cluster, first, [[term, "SET x=5"]]);

  // Two of five may be gone, the leader among them.
  const gone = cluster.others(first)[0]!;
  await Promise.all([first.stop(), gone.stop()]);
  const second = await cluster.leader();
  const { term: secondTerm } = await second.status();
  expect((await second.command("SET y=10")).status).toBe(200);
  first.start();
  gone.start();
  await expectStatuses(cluster, second, [
    [term, "SET x=5"],
    [secondTerm, "SET y=10"],
  ]);
});

test("the handout's timing: an election, a leader that fails, its return", async ({ lab }) => {
  const cluster = await lab.cluster("ABC", ["--lab-timing"]);
  cluster.start();
  const first = await cluster.leader();
  await first.insist("SET x=5");
  const { term } = await first.status();
  await first.kill();
  const second = await cluster.leader();
  expect(second).not.toBe(first);
  expect((await second.status()).term).toBeGreaterThan(term);
  await second.insist("SET y=10");
  first.start();
  expect((await cluster.level()).log.map(({ cmd }) => cmd)).toEqual(["SET x=5", "SET y=10"]);
});

const hasIpv6 = Object.values(networkInterfaces()).some((list) =>
  list?.some(({ address }) => address === "::1"),
);

test.runIf(hasIpv6)("three nodes on IPv6", async ({ lab }) => {
  const ports = await lab.ports(3);
  const nodes = ["A", "B", "C"].map((id, at) => {
    const peers = ports.filter((_, other) => other !== at).map((port) => `[::1]:${port}`);
    return lab.node({
      id,
      port: ports[at]!,
      host: "[::1]",
      words: ["--host", "::1", "--peers", peers.join(",")],
    });
  });
  const cluster = new Cluster(nodes);
  cluster.start();
  const leader = await cluster.leader();
  await leader.insist("SET x=5");
  const { term } = await leader.status();
  await expectStatuses(cluster, leader, [[term, "SET x=5"]]);
  const shown = await call(`${leader.url}/v1/status/leader`);
  expect(shown.text).toBe(`"[::1]:${leader.port}"`);
});

test("every route, field and way of writing a command, through any node", async ({ lab }) => {
  const cluster = await lab.cluster("ABC");
  cluster.start();
  const leader = await cluster.leader();
  const { term } = await leader.status();
  const [one, two] = cluster.others(leader) as [LabNode, LabNode];
  const sent: readonly (readonly [node: LabNode, path: string, body: unknown, result: unknown])[] = [
    [leader, "/command", { cmd: "SET x=5" }, "OK"],
    [one, "/command", { command: "SET x = 6" }, "OK"],
    [two, "/client", { cmd: "set x=1" }, "OK"],
    [leader, "/client", { command: "  Set  y=a=b c " }, "OK"],
    [one, "/client_command", { cmd: "SET x=", extra: true }, "OK"],
    [two, "/client_command", { command: "CAS y a z" }, false],
    [leader, "/command", { cmd: "DEL nothing" }, 0],
    [one, "/command?unknown=1", { cmd: "DEL y" }, 1],
    [two, "/command?timeout=5s", { cmd: "cas absent 1 2" }, false],
  ];
  for (const [index, [node, path, body, result]] of sent.entries()) {
    const reply = await post(`${node.url}${path}`, body);
    expect([reply.status, JSON.parse(reply.text)], `${path} ${JSON.stringify(body)}`).toEqual([
      200,
      { ok: true, index, term, leader: leader.id, result },
    ]);
  }
  // A read leaves no entry; its index is the commitIndex it saw.
  for (const node of cluster.nodes) {
    const read = { ok: true, index: sent.length - 1, term, leader: leader.id };
    expect(JSON.parse((await node.command("get x")).text)).toEqual({ ...read, result: "" });
    expect(JSON.parse((await node.command("GET y")).text)).toEqual({ ...read, result: null });
  }
  // As curl sends it without a header.
  const headers = { "content-type": "application/x-www-form-urlencoded" };
  const bare = await call(`${one.url}/command`, { method: "POST", body: '{"cmd":"SET w=1"}', headers });
  expect(bare.status).toBe(200);

  const shown = [
    "SET x=5",
    "SET x = 6",
    "set x=1",
    "Set  y=a=b c",
    "SET x=",
    "CAS y a z",
    "DEL nothing",
    "DEL y",
  ];
  const log = [...shown, "cas absent 1 2", "SET w=1"].map((cmd): [number, string] => [term, cmd]);
  await expectStatuses(cluster, leader, log);
  await two.process.line(`[Node ${two.id}] Apply → Set  y=a=b c`);
});

test("raft-forward: never is answered as the lab's followers answered", async ({ lab }) => {
  const cluster = await lab.cluster("ABC");
  cluster.start();
  const leader = await cluster.leader();
  const follower = await cluster.follower();
  const headers = { "raft-forward": "never" };
  for (const cmd of ["SET x=5", "GET x"]) {
    const refused = await follower.command(cmd, { headers });
    expect(refused.status).toBe(403);
    const lab = `{"ok":false,"error":"Not leader","leader":"${leader.id}","leaderUrl":"${leader.url}"`;
    expect(refused.text.slice(0, lab.length)).toBe(lab);
    expect(JSON.parse(refused.text)).toMatchObject({ code: "not-leader" });
    expect((await leader.command(cmd, { headers })).status).toBe(200);
  }
  await Promise.all(cluster.others(follower).map((node) => node.kill()));
  const lost = await until("the last one to have no leader", async () => {
    const reply = await follower.command("SET x=6", { headers });
    return reply.status === 503 ? reply : null;
  });
  expect(JSON.parse(lost.text)).toMatchObject({ ok: false, code: "no-leader", outcome: "none" });
  expect((await follower.status()).log.map(({ cmd }) => cmd)).toEqual(["SET x=5"]);
});

test("a single node, in the directory of the node next door and then in its own", async ({ lab }) => {
  const cluster = await lab.cluster("A");
  const [node] = cluster.nodes as [LabNode];
  node.start();
  await cluster.leader();
  const { term } = await node.status();
  await node.insist("SET x=5");
  await expectStatuses(cluster, node, [[term, "SET x=5"]]);
  await node.kill();
  const args = ["node", "--id", "B", "--port", String(node.port), "--data-dir", node.dataDirectory];
  const stranger = lab.raftLite("B in A's directory", args);
  expect(await stranger.ended()).toEqual({ code: 1, signal: null });
  expect(stranger.stderr).toMatch(
    /^raft-lite: This data belongs to node A, not to node B\. [^\n]*--id A[^\n]*\n$/,
  );
  node.start();
  await cluster.leader();
  await expectStatuses(cluster, node, [[term, "SET x=5"]]);
});
