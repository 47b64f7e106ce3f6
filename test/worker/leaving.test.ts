import { exports } from "cloudflare:workers";
import { expect, it } from "vitest";
import { ask, ids, leaderOf, ORIGIN, until } from "./support/cluster.ts";

async function waiting(id: string): Promise<number> {
  const { text } = await ask(`/${id}/metrics`);
  return Number(/^raft_lite_waiting_for_change\S* (\d+)$/m.exec(text)?.[1]);
}

it.each(["named", "unnamed"])(
  "a client that goes away while it waits, at a %s node, is forgotten",
  async (which) => {
    await leaderOf();
    const worker = (exports as unknown as { default: Fetcher }).default;
    const leaving = new AbortController();
    const path = which === "named" ? "/A/v1/kv/x" : "/v1/kv/x";
    const { headers } = await ask("/A/v1/kv/x");
    const url = `${ORIGIN}${path}?index=${headers.get("x-consul-index")}&wait=10m`;
    const reply = worker.fetch(new Request(url, { signal: leaving.signal })).then(
      () => "answered",
      (error: Error) => error.name,
    );
    const total = async () => (await Promise.all(ids.map(waiting))).reduce((sum, one) => sum + one, 0);
    await until("a node holds it", async () => ((await total()) === 1 ? true : undefined));
    leaving.abort();
    expect(await reply).toBe("AbortError");
    await until("it has let it go", async () => ((await total()) === 0 ? true : undefined));
  },
);
