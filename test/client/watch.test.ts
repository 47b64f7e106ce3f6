import { getEventListeners } from "node:events";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { ClientError } from "../../shared/client/errors.ts";
import type { Watch } from "../../shared/client/watch.ts";
import type { Script, Seen } from "./support.ts";
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
  useVirtualTime,
} from "./support.ts";

/** A watch shows every newest state once, and nothing twice. */

beforeEach(useVirtualTime);

afterEach(() => {
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

/** A store of one key that holds requests back as a node does; `release` is a change of leader. */
class OneKey {
  index = 1;
  /** Index of the newest change to the key. */
  changed = 0;
  value: string | null = null;
  readonly #waiting = new Set<() => void>();

  set(value: string | null): void {
    this.index++;
    this.changed = this.index;
    this.value = value;
    this.release();
  }

  /** Something else than the key has changed: nobody is told. */
  other(): void {
    this.index++;
  }

  release(): void {
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }

  /** Another cluster takes its place. */
  replace(value: string | null, index: number): void {
    this.index = index;
    this.changed = index;
    this.value = value;
    this.release();
  }

  readonly answer = async ({ query, signal }: Seen): Promise<Response> => {
    const index = Number(query.get("index") ?? 0);
    if (index !== 0 && index <= this.index && this.changed <= index) {
      const waitMs = Number(/^(\d+)ms$/.exec(query.get("wait") ?? "")?.[1]);
      await new Promise<void>((resolve, reject) => {
        const timer = setTimeout(resolve, waitMs);
        const done = () => {
          clearTimeout(timer);
          resolve();
        };
        this.#waiting.add(done);
        signal.addEventListener("abort", () => {
          clearTimeout(timer);
          reject(signal.reason);
        });
      });
    }
    return this.value === null ? absent(this.index) : found(this.index, row("x", this.value, this.changed));
  };
}

function texts(states: readonly { entry: { text(): string } | null }[]): (string | null)[] {
  return states.map(({ entry }) => entry?.text() ?? null);
}

/** Reads a watch to its end, or to ours. */
function follow<State>(states: Watch<State>) {
  const seen: State[] = [];
  const ended = (async () => {
    for await (const state of states) seen.push(state);
  })();
  ended.catch(() => undefined);
  return {
    seen,
    ended,
    stop: async () => {
      await success(states.return());
      await success(ended);
    },
  };
}

async function pass(ms: number): Promise<void> {
  await breathe();
  const endsAt = performance.now() + ms;
  while (performance.now() < endsAt) {
    await vi.advanceTimersByTimeAsync(Math.min(50, endsAt - performance.now()));
    await breathe();
  }
}

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
