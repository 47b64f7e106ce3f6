import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test as plain } from "vitest";
import { Cluster } from "../process/support/cluster.ts";
import { call, post } from "../process/support/http.ts";
import { Lab, test } from "../process/support/lab.ts";
import type { TestNode } from "../process/support/test-node.ts";
import { until } from "../process/support/until.ts";
import type { EdgeOptions } from "./support/miniflare-edge.ts";
import { MiniflareEdge } from "./support/miniflare-edge.ts";

/** Worker projects of users' own: the example, and what they may get wrong in wrangler.toml. */

test("the example: a state machine, routes and methods of its own, under a path of its own", async ({
  lab,
}) => {
  const edge = await MiniflareEdge.open(lab, {
    entry: "examples/worker/main.ts",
    path: "/raft",
    className: "Tally",
    binding: "TALLY",
  });
  const { origin, host } = new URL(edge.url);
  const leader = await edge.cluster.leader();
  const [follower] = edge.cluster.others(leader);
  const add = (number: number, by: number) => `add {"client":"me","number":${number},"by":${by}}`;
  const tallyAt = (url: string) =>
    until(`${url} answers`, async () => {
      const { status, text } = await call(`${url}/tally`);
      return status === 200 && (JSON.parse(text) as object);
    });

  const taken = await leader.insist(add(1, 5));
  expect(taken).toMatchObject({ ok: true, index: 0, result: 5 });
  expect((await follower!.insist('push {"client":"me","number":2,"item":"a"}')).result).toBe(1);
  const visit = () => post(`${origin}/visit?visitor=v&number=1`, {});
  const visited = await until("a visit is counted", async () => {
    const reply = await visit();
    return reply.status === 200 && reply;
  });
  expect(JSON.parse(visited.text)).toEqual({ visits: 6 });
  expect(JSON.parse((await visit()).text)).toEqual({ visits: 6 });

  const whole = { count: 6, queue: ["a"] };
  for (const url of [edge.url, leader.url, follower!.url]) expect(await tallyAt(url)).toEqual(whole);
  expect((await call(`${edge.url}/A/elsewhere`)).text).toContain("unknown-route");
  expect((await call(`${edge.url}/elsewhere`)).text).toContain("unknown-node");
  expect((await call(`${edge.url}/v1/kv/x`)).text).toContain("unknown-route");
  for (const path of ["/elsewhere", "/tally", "/rafting", "/A/status"]) {
    expect(await call(`${origin}${path}`)).toMatchObject({ status: 404, text: "POST /visit" });
  }
  // Whoever asks is shown addresses at which they can be reached.
  const peers = ["A", "B", "C"].map((id) => `${host}/raft/${id}`);
  for (const url of [edge.url, follower!.url]) {
    const { text } = await call(`${url}/v1/status/peers`, { headers: { "raft-lite-path": "/nowhere" } });
    expect((JSON.parse(text) as string[]).sort()).toEqual(peers);
  }
  const body = "not wanted";
  for (const url of [edge.url, leader.url]) {
    expect((await call(`${url}/status`, { method: "GET", body })).status).toBe(200);
  }

  await edge.restart();
  await edge.cluster.leader();
  for (const url of edge.cluster.nodes.map((node) => node.url)) expect(await tallyAt(url)).toEqual(whole);
  const more = await follower!.insist(add(3, 4));
  expect(more).toMatchObject({ index: 4, result: 10 });
});

test("a process elsewhere is a member of a cluster that is served under a path", async ({ lab }) => {
  const [port] = await lab.ports(1);
  const edge = await MiniflareEdge.open(lab, {
    entry: "test/worker/support/mounted-worker.ts",
    path: "/deep/raft",
    vars: { RAFT_NODES: `A=do,B=do,C=http://127.0.0.1:${port}`, RAFT_SECRET: "swordfish" },
    knowsUrl: true,
  });
  const secretFile = join(lab.directory, "secret");
  writeFileSync(secretFile, "swordfish");
  const peers = edge.cluster.nodes.map(({ id, url }) => `${id}=${url}`).join(",");
  const process = lab.node({ id: "C", port: port!, words: ["--peers", peers, "--secret-file", secretFile] });
  const cluster = new Cluster<TestNode>([...edge.cluster.nodes, process]);
  process.start();
  const leader = await cluster.leader();
  for (const { id, url } of cluster.nodes) {
    const { text } = await call(`${url}/v1/status/leader`);
    expect(JSON.parse(text), `the leader as ${id} shows it`).toBe(leader.address);
  }
  // The object left takes part, and the process follows or leads: each reaches the other by its URL.
  await edge.cluster.node("A").kill();
  await cluster.leader();
  await process.insist("SET x=5");
  expect(await until("it is read", () => edge.cluster.node("B").get("x"))).toBe("5");
  const { text } = await call(`${edge.url}/C/status`);
  expect(JSON.parse(text)).toMatchObject({ node: "C" });
});

plain.each<[string, Partial<EdgeOptions>, RegExp]>([
  ["a compatibility date too early", { date: "2026-09-30" }, /compatibility_date = "2026-10-01" or later/],
  ["a class without SQL", { useSQLite: false }, /new_sqlite_classes/],
  ["a binding of another name", { binding: "NODES" }, /RAFT is bound to no class .* name = "RAFT"/],
])("%s is answered, and logged, with how to mend it", async (_what, options, wanted) => {
  const lab = new Lab();
  try {
    const edge = await MiniflareEdge.open(lab, options);
    const { status, text } = await call(`${edge.url}/A/status`);
    expect([status, JSON.parse(text)]).toEqual([500, expect.objectContaining({ code: "bad-configuration" })]);
    expect((JSON.parse(text) as { detail: string }).detail).toMatch(wanted);
    await until("the log says it", () => edge.lines.some((line) => wanted.test(line)));
  } finally {
    await lab.dispose();
  }
});
