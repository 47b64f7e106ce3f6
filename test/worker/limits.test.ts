import { abortAllDurableObjects, runInDurableObject } from "cloudflare:test";
import { beforeAll, describe, expect, it } from "vitest";
import { drain } from "../../worker/drain.ts";
import { ask, ids, leaderOf, post, stubOf, until } from "./support/cluster.ts";

const MEBIBYTE = 1_048_576;

const put = (path: string, body: BodyInit) => ask(path, { method: "PUT", body });

beforeAll(async () => {
  await leaderOf();
});

describe("the largest that a client may send", () => {
  it("fits into the platform's rows: a value of a mebibyte", async () => {
    const value = new Uint8Array(MEBIBYTE).map((_, at) => at * 31);
    for (const id of ids) expect((await put(`/${id}/v1/kv/large-${id}`, value)).text).toBe("true");
    await abortAllDurableObjects();
    await leaderOf();
    for (const id of ids) {
      const { Value } = (await ask(`/${id}/v1/kv/large-A`)).json<[{ Value: string }]>()[0];
      expect(Value).toHaveLength(Math.ceil(MEBIBYTE / 3) * 4);
    }
    const longest = await runInDurableObject(
      stubOf("A"),
      (_, { storage }) =>
        storage.sql.exec<{ n: number }>("SELECT max(length(body)) AS n FROM entries").one().n,
    );
    expect(longest).toBeLessThan(2_000_000);
  });

  it("fits into statements of 100 parameters: batches of 4096 keys, written to the tables", async () => {
    const value = "v".repeat(200);
    for (const round of [1, 2]) {
      const ops = Array.from({ length: 4096 }, (_, n) => ({ put: `many/${round}/${n}`, value }));
      const reply = await post("/v1/kv", { ops });
      expect(reply.status).toBe(200);
      expect(reply.json<{ results: unknown[] }>().results).toHaveLength(4096);
    }
    await until("what was applied is in the tables", async () => {
      await put("/v1/kv/push", "x".repeat(MEBIBYTE));
      const applied = await runInDurableObject(stubOf(await leaderOf()), (_, { storage }) =>
        Number(
          storage.sql.exec<{ value: number }>("SELECT value FROM meta WHERE key = 'applied'").one().value,
        ),
      );
      return applied > 5 ? true : undefined;
    });
    await abortAllDurableObjects();
    await leaderOf();
    for (const id of ids) expect((await ask(`/${id}/v1/kv/many/?keys`)).json<string[]>()).toHaveLength(8192);
    expect((await ask("/v1/kv/many/?recurse", { method: "DELETE" })).text).toBe("true");
    expect((await ask("/A/v1/kv/many/?keys")).status).toBe(404);
  });
});

it("more commands than an object's memory takes are refused, and carried out when there is room again", async () => {
  const waiting = "A";
  for (const id of ids) if (id !== waiting) await post(`/${id}/chaos/stop`, {});
  const value = "w".repeat(MEBIBYTE - 1000);
  const commands = Array.from({ length: 12 }, (_, n) =>
    put(`/${waiting}/v1/kv/crowd/${n}?timeout=60s`, value),
  );
  const refused = await Promise.race(commands);
  expect(refused.status).toBe(429);
  expect(refused.json<{ code: string }>().code).toBe("overloaded");
  for (const id of ids) if (id !== waiting) await post(`/${id}/chaos/start`, {});
  const statuses = (await Promise.all(commands)).map(({ status }) => status).sort();
  expect(statuses.slice(0, 5)).toEqual([200, 200, 200, 200, 200]);
  expect(statuses.at(-1)).toBe(429);
});

describe("what is too large", () => {
  const tooLarge = new Uint8Array(MEBIBYTE + 1);

  it.each(["/A/v1/kv/x", "/v1/kv/x"])("is refused at %s, said beforehand or not", async (path) => {
    for (const body of [tooLarge, streamOf(tooLarge)]) {
      const reply = await put(path, body);
      expect(reply.status).toBe(413);
      expect(reply.json()).toMatchObject({ code: "body-too-large", limitBytes: MEBIBYTE });
    }
  });

  it("is heard out beyond any limit of ours: a reply that comes before is lost with its connection", async () => {
    let sent = 0;
    let isCancelled = false;
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (sent === 30) controller.close();
        else controller.enqueue(new Uint8Array(MEBIBYTE));
        sent++;
      },
      cancel() {
        isCancelled = true;
      },
    });
    await drain(new Request("http://h/", { method: "POST", body }));
    expect({ sent, isCancelled }).toEqual({ sent: 31, isCancelled: false });
  });

  it("is refused as a key", async () => {
    expect((await put(`/A/v1/kv/${"k".repeat(512)}`, "v")).text).toBe("true");
    expect((await put(`/A/v1/kv/${"k".repeat(513)}`, "v")).status).toBe(413);
  });

  it("is refused as a batch", async () => {
    const ops = Array.from({ length: 4097 }, (_, n) => ({ put: `k${n}`, value: "" }));
    expect((await post("/A/v1/kv", { ops })).status).toBeGreaterThanOrEqual(400);
  });
});

function streamOf(bytes: Uint8Array): ReadableStream {
  return new ReadableStream({
    start(controller) {
      for (let at = 0; at < bytes.length; at += 65_536) controller.enqueue(bytes.slice(at, at + 65_536));
      controller.close();
    },
  });
}
