import { describe, expect, test } from "vitest";
import type { Script } from "./support.ts";
import {
  absent,
  found,
  inTurn,
  row,
  scripted,
  silent,
  success,
  useVirtualTimeInEachTest,
} from "./support.ts";
import { follow, OneKey, pass, texts } from "./watch-support.ts";

/** A watch shows every newest state once, and nothing twice. */

useVirtualTimeInEachTest();

describe("a key", () => {
  test("shows what there is, and then each change", async () => {
    const store = new OneKey();
    const { client } = scripted(store.answer);
    const watch = follow(client.watch("x"));
    await pass(100);
    expect(texts(watch.seen)).toEqual([null]);
    for (const value of ["1", "2", null, "3", "3"]) {
      store.set(value);
      await pass(10);
    }
    expect(texts(watch.seen)).toEqual([null, "1", "2", null, "3", "3"]);
    expect(watch.seen.map(({ index }) => index)).toEqual([1, 2, 3, 4, 5, 6]);
    await watch.stop();
  });

  test("a reader that is slow misses what lies between, and gets the newest", async () => {
    const store = new OneKey();
    const { client, network } = scripted(store.answer);
    const states = client.watch("x");
    expect((await success(states.next())).value?.entry).toBeNull();
    for (const value of ["1", "2", "3"]) store.set(value);
    await pass(1000);
    expect(network.calls).toHaveLength(1);
    expect((await success(states.next())).value?.entry?.text()).toBe("3");
    await states.return();
  });

  test("a wait that is over and a change of leader show nothing, and cost a request each", async () => {
    const store = new OneKey();
    store.set("1");
    const { client, network } = scripted(store.answer);
    const watch = follow(client.watch("x", { waitMs: 5_000 }));
    await pass(12_000);
    store.release();
    await pass(1_000);
    store.other();
    store.release();
    await pass(2_000);
    expect(texts(watch.seen)).toEqual(["1"]);
    expect(network.calls.length).toBeLessThanOrEqual(8);
    store.set("2");
    await pass(10);
    expect(texts(watch.seen)).toEqual(["1", "2"]);
    await watch.stop();
  });

  test("pauses grow while nothing changes, and are forgotten when something has", async () => {
    const store = new OneKey();
    const { client } = scripted(store.answer);
    const watch = follow(client.watch("x"));
    for (let i = 0; i < 12; i++) {
      await pass(2_100);
      store.release();
    }
    await pass(2_100);
    store.set("1");
    await pass(10);
    store.release();
    await pass(60);
    store.set("2");
    await pass(10);
    expect(texts(watch.seen)).toEqual([null, "1", "2"]);
    await watch.stop();
  });

  test("asks for the wait, the index it knows, and nothing before it has an index", async () => {
    const store = new OneKey();
    store.set("1");
    const { client, network } = scripted(store.answer, { token: "secret" });
    const watch = follow(client.watch("a/b c?", { waitMs: 1234 }));
    await pass(1);
    expect(network.calls.map(({ path }) => path)).toEqual(Array(2).fill("/v1/kv/a%2Fb%20c%3F"));
    expect(network.calls.map(({ query }) => [query.get("index"), query.get("wait")])).toEqual([
      [null, null],
      ["2", "1234ms"],
    ]);
    expect(network.calls[1]!.headers.get("authorization")).toBe("Bearer secret");
    await watch.stop();
  });

  test("an index that goes back is another cluster: what it holds is shown, and watched on", async () => {
    const store = new OneKey();
    for (let i = 0; i < 50; i++) store.set(`old ${i}`);
    const { client } = scripted(store.answer);
    const watch = follow(client.watch("x"));
    await pass(10);
    store.replace("new", 3);
    await pass(10);
    store.set("newer");
    await pass(10);
    expect(texts(watch.seen)).toEqual(["old 49", "new", "newer"]);
    await watch.stop();
  });

  test("another cluster with the same index and another value is a change", async () => {
    const store = new OneKey();
    store.set("old");
    const { client } = scripted(store.answer);
    const watch = follow(client.watch("x"));
    await pass(10);
    store.replace("new", 2);
    await pass(100);
    expect(texts(watch.seen)).toEqual(["old", "new"]);
    await watch.stop();
  });

  test("a store that says index 0 is not asked without end", async () => {
    const { client, network } = scripted(() => absent(0));
    const watch = follow(client.watch("x"));
    await pass(60_000);
    expect(watch.seen).toEqual([{ entry: null, index: 0 }]);
    expect(network.calls.length).toBeLessThan(60);
    await watch.stop();
  });
});

describe("from an index", () => {
  test("what is older is not shown, what is newer is", async () => {
    const store = new OneKey();
    store.set("1");
    const { client } = scripted(store.answer);
    const same = follow(client.watch("x", { from: 2 }));
    const older = follow(client.watch("x", { from: 1 }));
    await pass(100);
    expect(texts(same.seen)).toEqual([]);
    expect(texts(older.seen)).toEqual(["1"]);
    store.set("2");
    await pass(10);
    expect(texts(same.seen)).toEqual(["2"]);
    expect(texts(older.seen)).toEqual(["1", "2"]);
    await same.stop();
    await older.stop();
  });

  test("a deletion since then is shown", async () => {
    const store = new OneKey();
    store.set("1");
    store.set(null);
    const { client } = scripted(store.answer);
    const watch = follow(client.watch("x", { from: 2 }));
    await pass(10);
    expect(texts(watch.seen)).toEqual([null]);
    await watch.stop();
  });

  test("waits that pass without a change show nothing", async () => {
    const store = new OneKey();
    store.set("1");
    const { client } = scripted(store.answer);
    const watch = follow(client.watch("x", { from: 2, waitMs: 1_000 }));
    await pass(5_500);
    store.other();
    await pass(5_500);
    expect(watch.seen).toEqual([]);
    store.set(null);
    await pass(10);
    expect(texts(watch.seen)).toEqual([null]);
    await watch.stop();
  });

  test("above what the cluster has: it is another one, and its state is shown", async () => {
    const store = new OneKey();
    store.set("1");
    const { client } = scripted(store.answer);
    const watch = follow(client.watch("x", { from: 1000 }));
    await pass(10);
    expect(texts(watch.seen)).toEqual(["1"]);
    await watch.stop();
  });
});

describe("a prefix", () => {
  test("shows all that is below it, whenever something there has changed", async () => {
    const states: Script[] = [
      () => absent(5),
      () => found(6, row("p/a", "1", 6)),
      () => found(6, row("p/a", "1", 6)),
      () => found(8, row("p/a", "1", 6), row("p/b", "2", 8)),
      () => found(9, row("p/b", "2", 8)),
      () => found(9, row("p/b", "2", 8)),
      silent,
    ];
    const { client, network } = scripted(inTurn(...states));
    const watch = follow(client.watch({ prefix: "p/" }));
    await pass(1_000);
    expect(watch.seen.map(({ entries }) => entries.map(({ key }) => key))).toEqual([
      [],
      ["p/a"],
      ["p/a", "p/b"],
      ["p/b"],
    ]);
    expect(network.calls[0]!.path).toBe("/v1/kv/p%2F");
    expect(network.calls.every(({ query }) => query.has("recurse"))).toBe(true);
    await watch.stop();
  });

  test("from an index: only what is newer", async () => {
    const { client } = scripted(
      inTurn(
        () => found(9, row("p/a", "1", 6), row("p/b", "2", 8)),
        () => found(9, row("p/a", "1", 6), row("p/b", "2", 8)),
        () => found(12, row("p/a", "1", 6), row("p/b", "3", 12)),
        silent,
      ),
    );
    const watch = follow(client.watch({ prefix: "p/" }, { from: 7 }));
    await pass(1_000);
    expect(watch.seen.map(({ index }) => index)).toEqual([9, 12]);
    await watch.stop();
  });
});
