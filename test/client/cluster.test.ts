import { afterEach, expect, test, vi } from "vitest";
import { Client } from "../../shared/client/client.ts";
import type { Machine } from "../node/support/machine.ts";
import { realCluster } from "./real-cluster.ts";

/** The client against real nodes and their real handlers, in the nodes' virtual time. */

afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

async function surroundings(ids?: readonly string[]) {
  const cluster = await realCluster(ids);
  const { nodes, send: fetch, world } = cluster;
  const urlOf = (machine: Machine): string => nodes[world.machines.indexOf(machine)]!;
  return { ...cluster, urlOf, client: new Client({ nodes, fetch }) };
}

test("put, get, list, keys, delete, cas and batches, as the nodes understand them", async () => {
  const { client, get } = await surroundings();
  expect(await get(client.get("x"))).toBeNull();
  expect(await get(client.list("dir/"))).toEqual([]);
  expect(await get(client.keys(""))).toEqual([]);

  const bytes = Uint8Array.from({ length: 256 }, (_, at) => at);
  const first = await get(client.put("dir/ä b?", bytes, { flags: 2 ** 53 - 1 }));
  expect(first.ok).toBe(true);
  const entry = await get(client.get("dir/ä b?"));
  expect(entry).toMatchObject({
    key: "dir/ä b?",
    flags: 2 ** 53 - 1,
    createIndex: first.modifyIndex,
    modifyIndex: first.modifyIndex,
  });
  expect(entry!.value).toEqual(bytes);

  // Each write tells the index that the next one can use.
  const second = await get(client.put("dir/ä b?", "", { cas: first.modifyIndex }));
  expect(second.ok).toBe(true);
  expect(await get(client.put("dir/ä b?", "5", { cas: first.modifyIndex }))).toEqual({
    ok: false,
    modifyIndex: second.modifyIndex,
    code: "cas-failed",
  });
  expect((await get(client.put("dir/ä b?", "5", { cas: 0 }))).ok).toBe(false);
  expect((await get(client.put("dir/new", "1", { cas: 0 }))).ok).toBe(true);
  expect((await get(client.get("dir/ä b?")))!.text()).toBe("");

  await get(client.put("dir/sub/one", "1"));
  await get(client.put("dir/sub/two", "2"));
  await get(client.put("other", "3"));
  expect((await get(client.list("dir/"))).map(({ key }) => key)).toEqual([
    ...["dir/new", "dir/sub/one", "dir/sub/two", "dir/ä b?"],
  ]);
  expect(await get(client.keys("dir/", { separator: "/" }))).toEqual(["dir/new", "dir/sub/", "dir/ä b?"]);
  expect(await get(client.keys("dir/sub/"))).toEqual(["dir/sub/one", "dir/sub/two"]);

  expect((await get(client.delete("other", { cas: 1 }))).ok).toBe(false);
  expect((await get(client.delete("other"))).ok).toBe(true);
  expect(await get(client.delete("other"))).toEqual({ ok: true, modifyIndex: 0 });
  expect((await get(client.deleteAll("dir/sub/"))).ok).toBe(true);
  expect(await get(client.keys(""))).toEqual(["dir/new", "dir/ä b?"]);

  const atomic = await get(
    client.batch(
      [
        { put: "a", value: "1" },
        { put: "dir/new", value: "2", cas: 1 },
      ],
      { atomic: true },
    ),
  );
  expect(atomic.ok).toBe(false);
  expect(atomic.results.map(({ code }) => code)).toEqual(["rolled-back", "cas-failed"]);
  expect(await get(client.get("a"))).toBeNull();
  const loose = await get(
    client.batch([
      { put: "a", value: "1" },
      { put: "dir/new", value: "2", cas: 1 },
    ]),
  );
  expect(loose.results.map(({ ok }) => ok)).toEqual([true, false]);
  expect((await get(client.get("a")))!.modifyIndex).toBe(loose.results[0]!.modifyIndex);
  expect((await get(client.deleteAll(""))).ok).toBe(true);
  expect(await get(client.list(""))).toEqual([]);
});

test.each(["..", ".", "a//b", "/", "a/", "%2F", "+ &=#", "\u0000", "😀", "k".repeat(512)])(
  "the key %j comes back as it was put, or is refused at once",
  async (key) => {
    const { client, get } = await surroundings(["A"]);
    if (key === "." || key === "..") {
      await expect(client.put(key, "5")).rejects.toMatchObject({ code: "bad-key" });
      return;
    }
    await get(client.put(key, "5"));
    expect((await get(client.get(key)))!.key).toBe(key);
    expect((await get(client.list(key))).map((entry) => entry.key)).toEqual([key]);
  },
);

test("commands, and what can be seen of the cluster", async () => {
  const { world, client, get, urlOf } = await surroundings();
  expect(await get(client.command("SET x=5"))).toMatchObject({
    result: "OK",
    index: 0,
    leader: world.leader.id,
  });
  expect(await get(client.command("GET x"))).toMatchObject({ result: "5", index: 0 });
  await expect(get(client.command("FROB x"))).rejects.toMatchObject({
    code: "unknown-verb",
    outcome: "none",
  });
  const [follower] = world.followers as [Machine];
  const node = urlOf(follower);
  expect(await get(client.status({ node, log: "all" }))).toMatchObject({
    ...{ node: follower.id, state: "Follower", leader: world.leader.id },
    log: [{ term: world.leader.status.term, cmd: "SET x=5" }],
  });
  expect(await get(client.health({ node }))).toMatchObject({ healthy: true, node: follower.id });
  expect(await get(client.leader())).toBe(world.leader.address.replace("http://", ""));
  expect([...(await get(client.members()))].sort()).toEqual(
    world.machines.map(({ address }) => address.replace("http://", "")).sort(),
  );
});

test("writes go to the leader, to the next one when it has crashed, and are there", async () => {
  const { world, client, get, asked } = await surroundings();
  const first = world.leader;
  await get(client.put("x", "1"));
  expect(asked.at(-1)).toBe(`${first.id} POST /v1/kv`);
  first.crash();
  await get(client.put("x", "2"));
  await get(client.put("y", "3"));
  await world.run(2_000);
  await get(client.put("z", "4"));
  expect((await get(client.list(""))).map((entry) => entry.text())).toEqual(["2", "3", "4"]);
  expect(world.leader).not.toBe(first);
});

test("a write that nobody confirms is unknown, one that nobody took is not executed", async () => {
  const { world, client, get } = await surroundings();
  await get(client.put("x", "1"));
  await world.until(() => world.machines.every((machine) => machine.store.get("x") !== null));
  // The leader appends it and reaches nobody.
  world.isolate(world.leader);
  await expect(get(client.put("x", "2", { timeoutMs: 1_000 }))).rejects.toMatchObject({
    outcome: "unknown",
    code: expect.stringMatching(/^(timeout|no-leader)$/),
  });
  for (const machine of world.machines) world.isolate(machine);
  await world.run(3_000);
  await expect(get(client.put("x", "3", { timeoutMs: 1_000 }))).rejects.toMatchObject({
    outcome: "none",
    code: "no-leader",
  });
  await expect(get(client.get("x", { timeoutMs: 1_000 }))).rejects.toMatchObject({ outcome: "none" });
  expect((await get(client.get("x", { stale: true })))!.text()).toBe("1");
});

test("a watch sees every newest state through crashes and changes of leader", async () => {
  const { world, client, get } = await surroundings();
  const seen: (string | null)[] = [];
  const states = client.watch("x");
  const reading = (async () => {
    for await (const { entry } of states) seen.push(entry?.text() ?? null);
  })();
  for (let round = 0; round < 3; round++) {
    await get(client.put("x", `round ${round}`));
    await get(client.put("elsewhere", "1"));
    await world.until(() => seen.at(-1) === `round ${round}`);
    const { leader } = world;
    leader.crash();
    await get(client.put("x", `without ${leader.id} ${round}`));
    await world.until(() => seen.at(-1) === `without ${leader.id} ${round}`);
    await leader.start();
    await world.run(2_000);
  }
  await get(client.delete("x"));
  await world.until(() => seen.at(-1) === null);
  await get(states.return());
  await get(reading);
  expect(seen.filter((state, at) => at > 0 && state === seen[at - 1])).toEqual([]);
});

test("a watch from an index goes on where another one ended", async () => {
  const { client, get } = await surroundings();
  await get(client.put("p/a", "1"));
  const before = client.watch({ prefix: "p/" });
  const { index } = (await get(before.next())).value!;
  await get(before.return());
  await get(client.delete("p/a"));
  await get(client.put("p/b", "2"));
  const after = client.watch({ prefix: "p/" }, { from: index });
  expect((await get(after.next())).value?.entries.map(({ key }) => key)).toEqual(["p/b"]);
  await get(after.return());
});

test("a watch that is given up is waited for by no node", async () => {
  const { world, client, get } = await surroundings(["A"]);
  const states = client.watch("x");
  await get(states.next());
  const waiting = states.next();
  const waits = () => world.leader.node.metrics().find(({ name }) => name === "waiting_for_change")?.value;
  await world.until(() => waits() === 1);
  await states.return();
  expect(await waiting).toEqual({ done: true, value: undefined });
  await world.until(() => waits() === 0);
});
