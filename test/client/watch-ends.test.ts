import { getEventListeners } from "node:events";
import { describe, expect, test } from "vitest";
import type { ClientError } from "../../shared/client/errors.ts";
import type { Script } from "./support.ts";
import {
  A,
  absent,
  B,
  breathe,
  broken,
  C,
  failure,
  found,
  inTurn,
  json,
  problem,
  refused,
  row,
  scripted,
  settle,
  silent,
  success,
  useVirtualTimeInEachTest,
} from "./support.ts";
import { follow, OneKey, pass, texts } from "./watch-support.ts";

/** What a watch gets over, what ends it, and what is left of it then. */

useVirtualTimeInEachTest();

describe("what goes wrong", () => {
  test("nodes that fail: the watch goes on at another, from where it was, and tells whoever wants to know", async () => {
    const store = new OneKey();
    store.set("1");
    const errors: ClientError[] = [];
    let dead: readonly string[] = [];
    const { client, network } = scripted(
      (request) => (dead.includes(request.node) ? refused(request) : store.answer(request)),
      { nodes: [A, B, C] },
    );
    const watch = follow(client.watch("x", { onRetry: (error) => errors.push(error) }));
    await pass(10);
    const first = network.asked.at(-1)!;
    dead = [first];
    store.release();
    await pass(300);
    store.set("2");
    await pass(1_000);
    store.set("3");
    await pass(10);
    expect(texts(watch.seen)).toEqual(["1", "2", "3"]);
    expect(network.asked.at(-1)).not.toBe(first);

    dead = [A, B, C];
    store.release();
    await pass(100);
    store.set("4");
    await pass(20_000);
    expect(texts(watch.seen)).toEqual(["1", "2", "3"]);
    expect(errors.length).toBeGreaterThan(5);
    expect(errors.length).toBeLessThan(40);
    expect(errors[0]).toMatchObject({ code: "unreachable", outcome: "none" });
    dead = [];
    await pass(3_000);
    expect(texts(watch.seen)).toEqual(["1", "2", "3", "4"]);
    await watch.stop();
  });

  test.each([
    ["a broken connection", broken],
    ["503", problem(503, "stopped")],
    ["429", problem(429, "overloaded")],
    ["a proxy's 502", () => new Response("<h1>bad gateway</h1>", { status: 502 })],
    ["a proxy's 408", () => new Response("<h1>waited in vain</h1>", { status: 408 })],
  ] satisfies [string, Script][])("%s passes", async (_name, trouble) => {
    const store = new OneKey();
    store.set("1");
    const { client } = scripted(inTurn(store.answer, trouble, trouble, store.answer));
    const watch = follow(client.watch("x"));
    await pass(5_000);
    store.set("2");
    await pass(500);
    expect(texts(watch.seen)).toEqual(["1", "2"]);
    await watch.stop();
  });

  test("a node that asks for a pause gets it, a minute at most", async () => {
    for (const [seconds, most] of [
      [7, 8_000],
      [99_999, 61_000],
    ] as const) {
      const store = new OneKey();
      store.set("1");
      const headers = { "retry-after": String(seconds) };
      const { client, network } = scripted(
        inTurn(() => json({ code: "overloaded" }, 429, headers), store.answer),
      );
      const watch = follow(client.watch("x"));
      await pass(Math.min(seconds * 1000, 60_000) - 100);
      expect(network.calls).toHaveLength(1);
      await pass(most - Math.min(seconds * 1000, 60_000) + 100);
      expect(texts(watch.seen)).toEqual(["1"]);
      await watch.stop();
    }
  });

  test.each([
    ["401", problem(401, "unauthorized"), "unauthorized"],
    ["404 of no node", () => new Response("not here", { status: 404 }), "no-node"],
    ["a page", () => new Response("<h1>welcome</h1>"), "no-node"],
  ] satisfies [string, Script, string][])(
    "%s does not pass: the watch rejects",
    async (_name, trouble, code) => {
      const store = new OneKey();
      const { client } = scripted(inTurn(store.answer, trouble));
      const states = client.watch("x");
      await success(states.next());
      expect(await failure(states.next())).toMatchObject({ code });
      expect(await success(states.next())).toEqual({ done: true, value: undefined });
    },
  );

  test("a node that stands still is left after two seconds and a half when it is new to the watch", async () => {
    const store = new OneKey();
    store.set("1");
    const { client, network } = scripted(
      (request) => (request.node === network.asked[0] ? silent(request) : store.answer(request)),
      { nodes: [A, B, C] },
    );
    const watch = follow(client.watch("x"));
    await pass(2_600);
    expect(texts(watch.seen)).toEqual(["1"]);
    await pass(120_000);
    // And it is not given a request to hold: those stay with the one that answers.
    expect(network.asked.filter((node) => node === network.asked[0])).toHaveLength(1);
    await watch.stop();
  });

  test("nor is it given one where the watch comes to it from a node that has failed", async () => {
    const store = new OneKey();
    store.set("1");
    let failed: string | null = null;
    let still: string | null = null;
    const { client, network } = scripted(
      (request) => {
        if (request.node === failed) return refused(request);
        if (failed !== null) still ??= request.node;
        return request.node === still ? silent(request) : store.answer(request);
      },
      { nodes: [A, B, C] },
    );
    const watch = follow(client.watch("x"));
    await pass(100);
    failed = network.asked[0]!;
    store.release();
    await pass(200);
    store.set("2");
    await pass(3_000);
    expect(texts(watch.seen)).toEqual(["1", "2"]);
    await watch.stop();
  });

  test("a node that stands still later is left when its wait is over", async () => {
    const store = new OneKey();
    store.set("1");
    let still: string | null = null;
    const { client, network } = scripted(
      (request) => (request.node === still ? silent(request) : store.answer(request)),
      { nodes: [A, B, C] },
    );
    const watch = follow(client.watch("x", { waitMs: 5_000 }));
    await pass(1_000);
    still = network.asked[0]!;
    store.release();
    await pass(100);
    store.set("2");
    await pass(8_000);
    expect(texts(watch.seen)).toEqual(["1", "2"]);
    await watch.stop();
  });
});

describe("how it ends", () => {
  test("the reader leaves the loop: what is under way is given up", async () => {
    const store = new OneKey();
    store.set("1");
    const { client, network } = scripted(store.answer);
    const reading = (async () => {
      for await (const { entry } of client.watch("x")) return entry?.text();
      return null;
    })();
    expect(await success(reading)).toBe("1");
    expect(network.calls).toHaveLength(1);
  });

  test("return() while next() waits ends both at once", async () => {
    const store = new OneKey();
    const { client, network } = scripted(store.answer);
    const states = client.watch("x");
    await success(states.next());
    const waiting = settle(states.next());
    await breathe();
    expect(await states.return()).toEqual({ done: true, value: undefined });
    expect(await waiting).toEqual({ value: { done: true, value: undefined } });
    expect(network.calls.at(-1)!.signal.aborted).toBe(true);
    expect(await success(states.next())).toEqual({ done: true, value: undefined });
  });

  test("an abort rejects with the signal's reason, and leaves no listener behind", async () => {
    const store = new OneKey();
    const { client } = scripted(store.answer);
    const controller = new AbortController();
    const watch = follow(client.watch("x", { signal: controller.signal }));
    await pass(1_000);
    expect(getEventListeners(controller.signal, "abort")).toHaveLength(1);
    controller.abort();
    expect(await failure(watch.ended)).toMatchObject({ name: "AbortError" });
    expect(getEventListeners(controller.signal, "abort")).toEqual([]);
  });

  test("an abort during a pause, and one before the first request", async () => {
    const { client, network } = scripted(refused);
    const controller = new AbortController();
    const watch = follow(client.watch("x", { signal: controller.signal }));
    await breathe();
    const reason = new Error("enough");
    controller.abort(reason);
    expect(await failure(watch.ended)).toBe(reason);
    const asked = network.calls.length;
    const late = client.watch("x", { signal: controller.signal });
    expect(await failure(late.next())).toBe(reason);
    expect(network.calls).toHaveLength(asked);
  });

  test("an abort whose reason is the error of another call", async () => {
    const { client, network } = scripted(refused, { timeoutMs: 100 });
    const reason = await failure(client.get("x"));
    expect(reason).toMatchObject({ code: "unreachable", status: 503 });
    network.script = silent;
    const controller = new AbortController();
    const watch = follow(client.watch("x", { signal: controller.signal }));
    await breathe();
    controller.abort(reason);
    expect(await failure(watch.ended)).toBe(reason);
  });

  test("the longest time that a call can have is enough for a watch too", async () => {
    const store = new OneKey();
    const { client, network } = scripted(store.answer, { timeoutMs: 2 ** 31 - 1 });
    const watch = follow(client.watch("x"));
    await pass(25_000);
    expect(network.calls).toHaveLength(2);
    await watch.stop();
  });

  test("a watch that nobody reads asks nothing", async () => {
    const { client, network } = scripted(() => absent(1));
    const controller = new AbortController();
    const states = client.watch("x", { signal: controller.signal });
    await pass(1_000);
    expect(network.seen).toEqual([]);
    expect(getEventListeners(controller.signal, "abort")).toEqual([]);
    await states.return();
  });

  test("a long watch does not pile up listeners on its signal", async () => {
    let index = 1;
    const { client } = scripted(() => found(++index, row("x", "1", index)));
    const { signal } = new AbortController();
    let seen = 0;
    const reading = (async () => {
      for await (const state of client.watch("x", { signal })) if (state.index > 2_000) return ++seen;
      return null;
    })();
    expect(await success(reading)).toBe(1);
    expect(getEventListeners(signal, "abort")).toEqual([]);
  });
});
