import { expect } from "vitest";
import type { Reply } from "../process/support/http.ts";
import { call } from "../process/support/http.ts";
import { test } from "../process/support/lab.ts";
import { until } from "../process/support/until.ts";
import type { EdgeNode } from "./support/edge-node.ts";
import { MiniflareEdge } from "./support/miniflare-edge.ts";

/** Clients that wait for a change at an object that ends meanwhile. */

async function waiting({ url }: EdgeNode): Promise<number> {
  const { text } = await call(`${url}/metrics`);
  return Number(/^raft_lite_waiting_for_change\S* (\d+)$/m.exec(text)?.[1]);
}

/** A blocking read, once the node holds it. */
async function begin(node: EdgeNode): Promise<{ readonly end: Promise<Reply | Error> }> {
  const { headers } = await call(`${node.url}/v1/kv/x`);
  const url = `${node.url}/v1/kv/x?index=${headers["x-consul-index"]}&wait=10m`;
  const end = call(url, { timeoutMs: 120_000 }).catch((error: Error) => error);
  await until(`${node.id} holds it`, async () => (await waiting(node)) === 1);
  return { end };
}

test("an object that dies or is stopped leaves nobody waiting", async ({ lab }) => {
  const edge = await MiniflareEdge.open(lab);
  await (await edge.cluster.leader()).insist("SET x=5");
  for (const what of ["crash", "kill"] as const) {
    const node = await edge.cluster.follower();
    await until("it follows", async () => (await call(`${node.url}/v1/kv/x`)).status === 200);
    const { end } = await begin(node);
    await node[what]();
    const answer = await end;
    expect(answer, String(answer)).toMatchObject({ status: 503 });
    const { code } = JSON.parse((answer as Reply).text) as { code: string };
    expect(code).toBe(what === "kill" ? "stopping" : "node-unreachable");
    if (what === "kill") await node.start();
  }
});
