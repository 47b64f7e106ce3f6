import { request } from "node:http";
import { createServer } from "node:net";
import { expect } from "vitest";
import { PEER_PROTOCOL } from "../../ec2-node/peer-frames.ts";
import { call, post } from "./support/http.ts";
import type { Lab } from "./support/lab.ts";
import { STEADY, test } from "./support/lab.ts";
import type { LabNode } from "./support/node.ts";

/** Each in one spelling at least. */
const NODES_ROUTES = [
  "/raft",
  "/requestVote",
  "/request_vote",
  "/appendEntries",
  "/timeoutNow",
  "/installSnapshot",
];

interface TwoPorts {
  readonly node: LabNode;
  readonly clients: string;
}

/** Nodes that hear each other at one port and clients at another. */
async function twoPortCluster(lab: Lab, ids: string, flags: readonly string[] = []): Promise<TwoPorts[]> {
  const ports = await lab.ports(2 * ids.length);
  const peers = [...ids].map((id, at) => `${id}=127.0.0.1:${ports[at]}`).join(",");
  return [...ids].map((id, at) => {
    const clientPort = ports[ids.length + at]!;
    const words = ["--client-port", String(clientPort), "--peers", peers, ...flags];
    return { node: lab.node({ id, port: ports[at]!, words }), clients: `http://127.0.0.1:${clientPort}` };
  });
}

/** The status that an upgrade to a stream of peers is answered with. */
function upgrade(url: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = request(`${url}/raft`, {
      agent: false,
      headers: { connection: "upgrade", upgrade: PEER_PROTOCOL },
    });
    sent.on("response", (reply) => resolve(reply.resume().statusCode ?? 0));
    sent.on("upgrade", (reply, socket) => {
      socket.destroy();
      resolve(reply.statusCode ?? 0);
    });
    sent.on("error", reject).end();
  });
}

test("clients find everything of theirs at the second port, and nothing of the nodes'", async ({ lab }) => {
  const cluster = await twoPortCluster(lab, "ABC", STEADY);
  for (const { node } of cluster) node.start();
  for (const { node } of cluster) await node.process.line(/Started on port/);
  const [first, ...others] = cluster as [TwoPorts, ...TwoPorts[]];
  const written = await post(`${first.clients}/command?timeout=30s`, { cmd: "SET x=5" });
  expect([written.status, JSON.parse(written.text)]).toEqual([200, expect.objectContaining({ ok: true })]);
  for (const { node, clients } of [first, ...others]) {
    const port = clients.split(":")[2];
    expect(node.lines).toContain(
      `[Node ${node.id}] Started on port ${node.port}, for clients on port ${port}`,
    );
    expect((await call(`${clients}/v1/kv/x?raw`)).text).toBe("5");
    expect((await call(`${clients}/v1/kv/y`, { method: "PUT", body: node.id })).text).toBe("true");
    expect((await call(`${clients}/status`)).status).toBe(200);
    expect((await call(`${clients}/health`)).status).toBe(200);
    for (const path of NODES_ROUTES) {
      const refused = await post(`${clients}${path}`, {});
      expect([path, refused.status, JSON.parse(refused.text).code]).toEqual([
        path,
        403,
        "raft-routes-closed",
      ]);
      // What is wrong with the message is looked at where it may come in.
      expect([path, (await post(`${node.url}${path}`, {})).status]).not.toEqual([path, 403]);
    }
    expect(await upgrade(clients)).toBe(403);
    const { routes } = JSON.parse((await call(`${clients}/nowhere`)).text) as { routes: string[] };
    expect(routes).toContain("POST /command");
    expect(routes.filter((route) => NODES_ROUTES.some((path) => route.endsWith(path)))).toEqual([]);
  }
  expect(await first.node.stop()).toEqual({ code: 0, signal: null });
  await expect(call(`${first.clients}/health`)).rejects.toMatchObject({ code: "ECONNREFUSED" });
  await expect(call(`${first.node.url}/health`)).rejects.toMatchObject({ code: "ECONNREFUSED" });
});

test("the secret opens the nodes' routes at their own port alone", async ({ lab }) => {
  const [{ node, clients }] = (await twoPortCluster(lab, "A")) as [TwoPorts];
  const { url } = node;
  const running = lab.raftLite(
    "A",
    ["node", "--id", "A", "--port", String(node.port), "--client-port", clients.split(":")[2]!],
    { env: { ...process.env, RAFT_SECRET: "swordfish" } },
  );
  await running.line(/Started on port/);
  const headers = { authorization: "Bearer swordfish" };
  expect((await post(`${url}/raft`, {})).status).toBe(401);
  expect((await post(`${url}/raft`, {}, { headers })).status).toBe(400);
  const refused = await post(`${clients}/raft`, {}, { headers });
  expect([refused.status, JSON.parse(refused.text)]).toEqual([
    403,
    expect.objectContaining({
      code: "raft-routes-closed",
      detail: expect.stringMatching(/port is for clients.*--port/),
    }),
  ]);
});

test("a node that lists another by its clients' port is told so", async ({ lab }) => {
  const [a, b] = (await twoPortCluster(lab, "AB")) as [TwoPorts, TwoPorts];
  const wrong = lab.node({ id: "B", port: b.node.port, words: ["--peers", `A=${a.clients.slice(7)}`] });
  a.node.start();
  wrong.start();
  await wrong.process.line(/this port is for clients/);
});

test("a port that cannot be is one line that names the flag, and leaves nothing open", async ({ lab }) => {
  const [port, taken] = (await lab.ports(2)) as [number, number];
  const server = createServer().listen({ host: "127.0.0.1", port: taken });
  lab.atEnd(() => server.close());
  const start = (clientPort: number) =>
    lab.raftLite("A", [
      "node",
      "--id",
      "A",
      "--host",
      "127.0.0.1",
      "--port",
      String(port),
      "--client-port",
      String(clientPort),
    ]);
  const inUse = start(taken);
  expect(await inUse.ended()).toEqual({ code: 1, signal: null });
  expect(inUse.stderr).toBe(
    `raft-lite: port ${taken} is in use: stop what listens there, or choose another with --client-port\n`,
  );
  const same = start(port);
  expect(await same.ended()).toEqual({ code: 2, signal: null });
  expect(same.stderr).toMatch(
    /^raft-lite: --client-port: \d+ is --port too: clients and nodes need a port each\n/,
  );
  server.close();
  const good = start(taken);
  await good.line(`[Node A] Started on port ${port}, for clients on port ${taken}`);
});
