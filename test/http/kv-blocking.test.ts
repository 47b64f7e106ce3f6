import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { nodeHttpHost } from "../../ec2-node/http-host.ts";
import type { HttpServer } from "../../ec2-node/server.ts";
import { listen } from "../../ec2-node/server.ts";
import { createHandler } from "../../shared/http/handler.ts";
import { settled, Waiting } from "../node/support/waiting.ts";
import { del, put } from "../store/support.ts";
import type { KvReply, Row } from "./kv-support.ts";
import { Kv, SoloNode } from "./kv-support.ts";
import { RawClient } from "./raw-client.ts";
import { FACES } from "./support.ts";

const MINUTE = 60_000;

describe.each(FACES)("blocking reads over %s", (_name, open) => {
  let kv: Kv;
  beforeEach(async () => {
    kv = await Kv.open(open);
    // x has index 2, a/1 index 3, other 4.
    for (const key of ["x", "a/1", "other"]) kv.solo.bench.command(`SET ${key}=old`);
  });
  afterEach(() => kv.close());

  const waiting = (count: number) => until(() => kv.solo.waits.count === count);

  /** Asks, and comes back when the read waits. */
  async function blocked(path: string): Promise<Waiting<KvReply<Row[]>>> {
    const before = kv.solo.waits.count;
    const reply = new Waiting(kv.get(path));
    await waiting(before + 1);
    return reply;
  }

  async function answered<Body>(reply: Waiting<KvReply<Body>>): Promise<KvReply<Body>> {
    await until(() => !reply.isPending);
    expect(kv.solo.waits.count).toBe(0);
    return reply.value;
  }

  describe("answer at once", () => {
    test.each([
      ["/x", "without an index"],
      ["/x?wait=5m", "without an index, whatever the wait"],
      ["/x?index=0", "0 means not to wait"],
      ["/x?index=1", "changed after it"],
      ["/x?index=5", "above the current index"],
      ["/x?index=9007199254740993", "far above it"],
      ["/x?index=99999999999999999999", "farther"],
      ["/a/?recurse&index=2", "changed below"],
      ["/?keys&index=3", "changed below"],
      ["/x?stale&index=1", "as this node has it"],
    ])("%s: %s", async (path) => {
      expect(await kv.get(path)).toMatchObject({ status: 200, index: 4 });
      expect(kv.solo.waits.counters.started).toBe(0);
    });

    test("a key that was deleted after the index, with a 404", async () => {
      kv.solo.bench.command("DEL x");
      expect(await kv.get("/x?index=4")).toMatchObject({ status: 404, index: 5 });
    });

    test("an index from before a prefix lost its last key", async () => {
      kv.solo.bench.command("DEL a/1");
      expect(await kv.get("/a/?recurse&index=4")).toMatchObject({ status: 404, index: 5 });
    });

    test("wait=0 is over before it begins", async () => {
      const reply = new Waiting(kv.get("/x?index=4&wait=0s"));
      await waiting(1);
      kv.solo.pass(0);
      expect(await answered(reply)).toMatchObject({ status: 200, index: 4 });
    });
  });

  describe("wait for", () => {
    test.each([
      ["/x?index=2", "SET x=new"],
      ["/x?index=4", "SET x=old"],
      ["/x?raw&index=4", "SET x=new"],
      ["/a/?recurse&index=3", "SET a/2=new"],
      ["/?recurse&index=4", "SET somewhere=new"],
      ["/a/?keys&index=4", "SET a/1=new"],
      ["/a/?keys&separator=/&index=4", "SET a/1=new"],
    ])("%s ends with %s", async (path, command) => {
      const reply = await blocked(path);
      kv.solo.bench.command(command);
      expect(await answered(reply)).toMatchObject({ status: 200, index: 5 });
    });

    test("a deletion", async () => {
      const [one, below] = [await blocked("/x?index=4"), await blocked("/x?recurse&index=4")];
      kv.solo.bench.operations([del("x")]);
      for (const reply of [one, below]) {
        expect(await answered(reply)).toMatchObject({
          status: 404,
          index: 5,
          body: { code: "key-not-found" },
        });
      }
    });

    test.each([
      ["/new?index=4", "new"],
      ["/new/?recurse&index=4", "new/1"],
      ["/new/?keys&index=4", "new/1"],
    ])("%s: what is not there yet", async (path, key) => {
      const reply = await blocked(path);
      kv.solo.bench.operations([put(key, "v")]);
      expect(await answered(reply)).toMatchObject({ status: 200, index: 5 });
    });

    test("a store that has never been written to", async () => {
      const empty = await Kv.open(open);
      const first = await empty.get("/x");
      const reply = new Waiting(empty.get(`/x?index=${first.index}`));
      await until(() => empty.solo.waits.count === 1);
      empty.solo.bench.command("SET x=1");
      await until(() => !reply.isPending);
      expect(reply.value).toMatchObject({ status: 200, index: 2 });
      await empty.close();
    });

    test("the value and the index are those of the same moment", async () => {
      const reply = await blocked("/x?index=4");
      kv.solo.bench.operations([put("x", "new"), put("y", "new")]);
      kv.solo.bench.command("SET other=newer");
      const { body, index } = await answered(reply);
      expect(index).toBe(6);
      expect(body).toMatchObject([{ Value: btoa("new"), ModifyIndex: 5 }]);
    });
  });

  test("a change of something else does not end it", async () => {
    const [key, below] = [await blocked("/x?index=4"), await blocked("/a/?recurse&index=4")];
    for (const other of ["x/", "xy", "X", "a", "ab", "b/a/1"]) kv.solo.bench.command(`SET ${other}=v`);
    kv.solo.bench.operations([put("x", "v"), put("a/1", "v", { cas: 99 })], true);
    kv.solo.bench.operations([put("x", "v", { cas: 99 }), del("a/none")]);
    await settled();
    expect([key.isPending, below.isPending]).toEqual([true, true]);
    expect(kv.solo.waits.counters.woken).toBe(0);
    kv.solo.pass(5 * MINUTE);
    expect(await answered(key)).toMatchObject({ status: 200, index: 10 });
    expect(await answered(below)).toMatchObject({ status: 200, index: 10 });
  });

  describe("how long", () => {
    test.each([
      ["", 5 * MINUTE],
      ["&wait=10s", 10_000],
      ["&wait=10", 10],
      ["&wait=1500ms", 1500],
      ["&wait=1.5s", 1500],
      ["&wait=2m", 2 * MINUTE],
      ["&wait=1m30s", 90_000],
      ["&wait=10m", 10 * MINUTE],
      ["&wait=11m", 10 * MINUTE],
      ["&wait=1h", 10 * MINUTE],
      ["&wait=999999999", 10 * MINUTE],
      ["&wait=10s&timeout=1s", 10_000],
    ])("%s is %d ms", async (query, ms) => {
      const reply = await blocked(`/x?index=4${query}`);
      kv.solo.pass(ms - 1);
      await settled();
      expect(reply.isPending).toBe(true);
      kv.solo.pass(1);
      expect(await answered(reply)).toMatchObject({ status: 200, index: 4 });
    });
  });

  test.each(["leader-change", "stopping"] as const)("%s: the answer is what is applied here", async (end) => {
    const [there, absent] = [await blocked("/x?index=4"), await blocked("/none?index=4")];
    kv.solo.bench.command("SET elsewhere=v");
    kv.solo.waits.endAll(end);
    expect(await answered(there)).toMatchObject({ status: 200, index: 5, body: [{ ModifyIndex: 2 }] });
    expect(await answered(absent)).toMatchObject({ status: 404, index: 5 });
  });

  test("the linearizable read comes before the wait", async () => {
    let grant = () => {};
    kv.solo.beforeRead = () => new Promise<void>((resolve) => (grant = resolve));
    const reply = new Waiting(kv.get("/x?index=4"));
    await until(() => kv.solo.api.asked.length === 1);
    kv.solo.bench.command("SET x=meanwhile");
    expect(kv.solo.waits.counters.started).toBe(0);
    grant();
    expect(await answered(reply)).toMatchObject({ index: 5, body: [{ Value: btoa("meanwhile") }] });
    expect(kv.solo.waits.counters.started).toBe(0);
  });

  test("?stale waits without asking anybody", async () => {
    const reply = await blocked("/x?stale&index=4");
    expect(kv.solo.api.asked).toEqual([]);
    kv.solo.bench.command("SET x=new");
    expect((await answered(reply)).index).toBe(5);
  });

  test("HEAD waits too", async () => {
    const reply = new Waiting(kv.call("HEAD", "/x?index=4"));
    await waiting(1);
    kv.solo.bench.command("SET x=new");
    expect(await answered(reply)).toMatchObject({ status: 200, index: 5 });
  });

  test("writes wait for nothing", async () => {
    expect((await kv.put("/x?index=99&wait=5m")).status).toBe(200);
    expect((await kv.delete("/x?index=99&wait=5m")).status).toBe(200);
  });

  test("many wait, and only those that are meant are woken", async () => {
    const replies: Waiting<KvReply<Row[]>>[] = [];
    for (let i = 0; i < 40; i++)
      replies.push(await blocked(`/many/${i}${i % 2 ? "/?recurse&" : "?"}index=4`));
    kv.solo.bench.operations([put("many/6", "v"), put("many/7/below", "v")]);
    await until(() => replies.filter(({ isPending }) => !isPending).length >= 2);
    expect(replies.flatMap(({ isPending }, i) => (isPending ? [] : [i]))).toEqual([6, 7]);
    expect(kv.solo.waits.counters.woken).toBe(2);
    kv.solo.waits.endAll("stopping");
    await until(() => replies.every(({ isPending }) => !isPending));
  });

  test("too many: 429 with when to come again, and those who wait go on waiting", async () => {
    const small = await Kv.open(open, new SoloNode({}, 1));
    small.solo.bench.command("SET x=1");
    const first = new Waiting(small.get("/x?index=2"));
    await until(() => small.solo.waits.count === 1);
    const second = await small.get("/x?index=2");
    expect(second).toMatchObject({ status: 429, body: { code: "overloaded" } });
    expect(second.headers.get("retry-after")).toBe("1");
    expect((await small.get("/x?index=1")).status).toBe(200);
    small.solo.bench.command("SET x=2");
    await until(() => !first.isPending);
    expect(first.value.index).toBe(3);
    await small.close();
  });
});

test("a client that goes away frees what it waited with, by the signal of its request", async () => {
  const solo = new SoloNode();
  solo.bench.command("SET x=1");
  const handler = createHandler(solo.api, solo.bench.store);
  const leave = new AbortController();
  const reply = handler(new Request("http://node.test/v1/kv/x?index=2", { signal: leave.signal }));
  await until(() => solo.waits.count === 1);
  leave.abort();
  expect(solo.waits.count).toBe(0);
  expect((await reply).status).toBe(499);
});

describe("over a socket", () => {
  let solo: SoloNode;
  let server: HttpServer;
  beforeEach(async () => {
    solo = new SoloNode();
    solo.bench.command("SET x=1");
    const handler = createHandler(solo.api, solo.bench.store, { host: nodeHttpHost });
    server = await listen({ host: "127.0.0.1", port: 0, handler, hasFastLane: true });
  });
  afterEach(() => server.close(0));

  const ask = "GET /v1/kv/x?index=2 HTTP/1.1\r\nhost: x\r\n\r\n";

  test.each([
    ["closed", (client: RawClient) => client.socket.end()],
    ["reset", (client: RawClient) => client.socket.resetAndDestroy()],
  ])("a connection that is %s frees what waited", async (_how, leave) => {
    const [gone, stays] = [new RawClient(server.port), new RawClient(server.port)];
    gone.send(ask);
    stays.send(ask);
    await until(() => solo.waits.count === 2);
    leave(gone);
    await until(() => solo.waits.count === 1);
    solo.bench.command("SET x=2");
    expect(await stays.receive(/ModifyIndex":3/)).toMatch(/x-consul-index: 3/);
    stays.socket.destroy();
  });

  test("a connection serves one wait after the other", async () => {
    const client = new RawClient(server.port);
    for (let index = 2; index < 6; index++) {
      client.send(`GET /v1/kv/x?index=${index} HTTP/1.1\r\nhost: x\r\n\r\n`);
      await until(() => solo.waits.count === 1);
      solo.bench.command("SET x=2");
      await client.receive(new RegExp(`ModifyIndex":${index + 1}`));
      expect(solo.waits.count).toBe(0);
    }
    client.socket.destroy();
  });
});

/** Waits for what needs a round of the event loop or many; a generous limit is the test's own. */
async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await new Promise((resolve) => setImmediate(resolve));
}
