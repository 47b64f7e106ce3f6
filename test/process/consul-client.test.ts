import { once } from "node:events";
import Consul from "consul";
import { describe, expect } from "vitest";
import { HOSTS } from "./support/hosts.ts";
import { test } from "./support/lab.ts";
import type { TestNode } from "./support/test-node.ts";
import { until } from "./support/until.ts";

/** What Consul's users have: its client for Node, as npm brings it, against our nodes. */

/** Of a row; its declared types leave out what an option makes of `Value`. */
interface Row<Value = string> {
  readonly Key: string;
  readonly Value: Value;
  readonly Flags: number;
  readonly CreateIndex: number;
  readonly ModifyIndex: number;
  readonly LockIndex: number;
}

/** What this client makes of the reply `false`. */
const REFUSED = undefined;

function clientOf({ url }: TestNode): Consul {
  // Its declared types leave out where it finds a node behind a path.
  return new Consul({ baseUrl: `${url}/v1` } as ConstructorParameters<typeof Consul>[0]);
}

async function row<Value = string>(client: Consul, key: string, options = {}): Promise<Row<Value>> {
  return (await client.kv.get({ key, ...options })) as unknown as Row<Value>;
}

async function rows(client: Consul, prefix: string): Promise<Row[]> {
  return (await client.kv.get({ key: prefix, recurse: true })) as Row[];
}

/** A watch and all it has told of: a value, all values below a prefix, or undefined for what is absent. */
class Watcher {
  readonly seen: unknown[] = [];
  readonly errors: unknown[] = [];
  readonly #watch;
  readonly #node: TestNode;

  constructor(node: TestNode, key: string, { recurse = false } = {}) {
    this.#node = node;
    const client = clientOf(node);
    this.#watch = client.watch({
      method: client.kv.get,
      options: { key, ...(recurse && { recurse: "true" }) },
      backoffFactor: 5,
      backoffMax: 50,
    });
    this.#watch.on("change", (data: Row | Row[] | undefined) =>
      this.seen.push(Array.isArray(data) ? data.map(({ Value }) => Value).join() : data?.Value),
    );
    this.#watch.on("error", (error: unknown) => this.errors.push(error));
  }

  tells(value: unknown): Promise<true> {
    return until(`the watch at ${this.#node.id} tells of ${value}`, () => {
      if (this.seen.length > 0 && this.seen.at(-1) === value) return true as const;
      throw new Error(JSON.stringify(this.seen));
    });
  }

  async end(): Promise<void> {
    const ended = once(this.#watch, "end");
    this.#watch.end();
    await ended;
  }
}

describe.each(HOSTS)("%s", (host, start) => {
  test("a follower puts, gets, lists, deletes and compares for it, flags and bytes exact", async ({
    lab,
  }) => {
    const cluster = await start(lab, "ABC");
    const leader = await cluster.leader();
    const client = clientOf(await cluster.follower());
    const { kv, status } = client;

    expect(await status.leader()).toBe(leader.address);
    expect(new Set(await status.peers())).toEqual(new Set(cluster.nodes.map(({ address }) => address)));

    expect(await kv.get("absent")).toBeUndefined();
    expect(await kv.get({ key: "absent/", recurse: true })).toBeUndefined();
    await expect(kv.keys("absent/")).rejects.toMatchObject({ statusCode: 404 });

    expect(await kv.set("app/name", "größer 😀")).toBe(true);
    const first = await row(client, "app/name");
    expect(first).toMatchObject({ Key: "app/name", Value: "größer 😀", Flags: 0, LockIndex: 0 });
    expect(first.CreateIndex).toBe(first.ModifyIndex);

    // Of compare-and-set calls with one index one succeeds, and 0 means only if absent.
    const cas = first.ModifyIndex;
    const tries = await Promise.all(
      ["1", "2", "3"].map((value) => kv.set({ key: "app/name", value, cas, flags: 42 })),
    );
    expect(tries.filter((done) => done)).toHaveLength(1);
    const second = await row(client, "app/name");
    expect(second).toMatchObject({ Value: String(tries.indexOf(true) + 1), Flags: 42, CreateIndex: cas });
    expect(second.ModifyIndex).toBeGreaterThan(cas);
    expect(await kv.set({ key: "app/name", value: "x", cas: 0 })).toBe(REFUSED);
    expect(await kv.set({ key: "app/other", value: "", cas: 0 })).toBe(true);

    const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => 255 - byte));
    expect(await kv.set("app/bytes", bytes)).toBe(true);
    expect((await row<Buffer>(client, "app/bytes", { buffer: true })).Value).toEqual(bytes);
    expect(await kv.get({ key: "app/bytes", raw: true })).toEqual(bytes);

    expect((await rows(client, "app/")).map(({ Key, Value }) => [Key, Value])).toEqual([
      ["app/bytes", bytes.toString()],
      ["app/name", second.Value],
      ["app/other", ""],
    ]);
    await kv.set("app/deep/er/one", "1");
    await kv.set("app/deep/two", "2");
    expect(await kv.keys("app/")).toEqual([
      "app/bytes",
      "app/deep/er/one",
      "app/deep/two",
      "app/name",
      "app/other",
    ]);
    expect(await kv.keys({ key: "app/", separator: "/" })).toEqual([
      "app/bytes",
      "app/deep/",
      "app/name",
      "app/other",
    ]);

    expect(await kv.del({ key: "app/name", cas })).toBe(REFUSED);
    expect(await kv.del({ key: "app/name", cas: second.ModifyIndex })).toBe(true);
    expect(await kv.get("app/name")).toBeUndefined();
    expect(await kv.del("app/name")).toBe(true);
    expect(await kv.del({ key: "app/deep/", recurse: true })).toBe(true);
    expect(await kv.keys("app/")).toEqual(["app/bytes", "app/other"]);

    // A client that believes to hold a lock must not get a plain write.
    await expect(kv.set({ key: "lock", value: "", acquire: "session" })).rejects.toMatchObject({
      statusCode: 400,
    });
    expect(await kv.get("lock")).toBeUndefined();
  });

  test("keys of every kind come back as they were put, at every node", async ({ lab }) => {
    const cluster = await start(lab, "AB");
    await cluster.leader();
    const [here, there] = cluster.nodes.map((node) => clientOf(node).kv) as [Consul["kv"], Consul["kv"]];
    const keys = [
      "a b",
      "a+b",
      "100%",
      "%41",
      "q?recurse#f",
      "a\\b",
      "/leading//and/trailing/",
      // Fetch takes them for steps from folder to folder: no Worker ever sees them.
      ...(host === "Node" ? [".", ".."] : []),
      "../status",
      "a/../b",
      "tab\tline\nend",
      "größe/日本/😀",
      "\u0000",
      "\u202eright",
      "k".repeat(512),
    ];
    for (const [position, key] of keys.entries()) expect(await here.set(key, String(position))).toBe(true);
    for (const [position, key] of keys.entries()) {
      expect(await there.get(key)).toMatchObject({ Key: key, Value: String(position) });
    }
    const sorted = keys.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    expect(await there.keys("")).toEqual(sorted);
    await expect(here.set("k".repeat(513), "")).rejects.toMatchObject({ statusCode: 413 });
  });

  test("watches tell of every last value, once and in order, over the death of the leader", async ({
    lab,
  }) => {
    const cluster = await start(lab, "ABC");
    const leader = await cluster.leader();
    const [one, other] = cluster.others(leader) as [TestNode, TestNode];
    const { kv } = clientOf(one);
    const watchers = cluster.nodes.map((node) => new Watcher(node, "watched/key"));
    const below = new Watcher(other, "watched/", { recurse: true });
    const all = [...watchers, below];
    await Promise.all(all.map((watcher) => watcher.tells(undefined)));
    const tell = async (value: string, who = all) => {
      expect(await kv.set("watched/key", value)).toBe(true);
      await Promise.all(who.map((watcher) => watcher.tells(value)));
    };

    await tell("1");
    await tell("2");
    const atLeader = watchers[cluster.nodes.indexOf(leader)]!;
    await leader.kill();
    await tell(
      "3",
      all.filter((watcher) => watcher !== atLeader),
    );
    await tell(
      "4",
      all.filter((watcher) => watcher !== atLeader),
    );
    void leader.start();
    await atLeader.tells("4");
    await tell("5");
    // Something else than what they wait for leaves them alone.
    expect(await kv.set("elsewhere", "x")).toBe(true);
    expect(await kv.del("watched/key")).toBe(true);
    await Promise.all(all.map((watcher) => watcher.tells(undefined)));

    for (const watcher of all) {
      const story = watcher === atLeader ? ["1", "2", "4", "5"] : ["1", "2", "3", "4", "5"];
      expect(watcher.seen).toEqual([undefined, ...story, undefined]);
      // Only the one whose node was killed met with errors: connections that were closed and refused.
      if (watcher === atLeader) expect(watcher.errors).not.toEqual([]);
      else expect(watcher.errors).toEqual([]);
      await watcher.end();
    }
  });
});
