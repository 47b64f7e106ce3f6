import { describe, expect, test } from "vitest";
import { createHandler } from "../../shared/http/handler.ts";
import type { Machine } from "../node/support/machine.ts";
import { settled, Waiting } from "../node/support/waiting.ts";
import type { World } from "../node/support/world.ts";
import { cluster } from "../node/support/world.ts";

/** /v1/kv of whole nodes in virtual time. */

interface Answer {
  readonly status: number;
  readonly index: number;
  /** Parsed where it is JSON. */
  readonly body: unknown;
}

function ask(machine: Machine, method: string, path: string, body?: string): Waiting<Answer> {
  const handler = createHandler(machine.node, machine.store);
  const request = new Request(`${machine.address}/v1/kv${path}`, { method, body: body ?? null });
  return new Waiting(
    handler(request).then(async (reply) => ({
      status: reply.status,
      index: Number(reply.headers.get("x-consul-index") ?? Number.NaN),
      body: JSON.parse(await reply.text()),
    })),
  );
}

const get = (machine: Machine, path: string) => ask(machine, "GET", path);

async function put(world: World, machine: Machine, path: string, value = "v"): Promise<Answer> {
  return await world.answer(ask(machine, "PUT", path, value));
}

const waitsAt = (machine: Machine) => metric(machine, "waiting_for_change");
const metric = (machine: Machine, name: string) =>
  machine.node.metrics().find((one) => one.name === name)?.value ?? Number.NaN;

async function blocked(world: World, machine: Machine, path: string): Promise<Waiting<Answer>> {
  const before = waitsAt(machine);
  const reply = get(machine, path);
  await world.until(() => waitsAt(machine) === before + 1);
  return reply;
}

const followers = (world: World) => world.followers as [Machine, Machine];

describe("writes and reads through any node", () => {
  test("what one acknowledges, every other shows", async () => {
    const world = await cluster();
    const [one, other] = followers(world);
    expect(await put(world, one, "/x", "5")).toMatchObject({ status: 200, body: true });
    for (const machine of world.machines) {
      expect(await world.answer(get(machine, "/x"))).toMatchObject({
        status: 200,
        body: [{ Key: "x", Value: "NQ==" }],
      });
    }
    expect(other.log).toEqual(["PUT x (1 bytes)"]);
    const reply = await world.answer(ask(other, "DELETE", "/x"));
    expect(reply).toMatchObject({ status: 200, body: true });
    expect(other.status.commitIndex).toBe(1);
  });

  test("without a majority a write and a read fail in time, a stale read does not", async () => {
    const world = await cluster();
    const [alone] = followers(world);
    await put(world, alone, "/x");
    world.isolate(alone);
    await world.run(3000);
    const write = ask(alone, "PUT", "/x?timeout=1s", "w");
    const read = get(alone, "/x?timeout=1s");
    const stale = get(alone, "/x?stale");
    await world.run(1001);
    expect(write.value).toMatchObject({ status: 503, body: { outcome: "none" } });
    expect(read.value).toMatchObject({ status: 503, body: { outcome: "none" } });
    expect(stale.value).toMatchObject({ status: 200 });
  });
});

describe("blocking reads", () => {
  test("a write through another node wakes them, at once and alone", async () => {
    const world = await cluster();
    const [one, other] = followers(world);
    const { index } = await put(world, one, "/x", "1");
    const waiting = await blocked(world, one, `/x?index=${index}`);
    const besides = await blocked(world, one, `/y?index=${index}`);
    const written = await put(world, other, "/x", "2");
    // A follower hears of a commit with the next message, a heartbeat at the latest.
    await world.run(150);
    expect(waiting.value).toMatchObject({ status: 200, index: written.index, body: [{ Value: "Mg==" }] });
    expect(besides.isPending).toBe(true);
    expect(metric(one, "waits_woken_total")).toBe(1);
  });

  test("a deadline is kept to the millisecond, by a node that has nothing else to do", async () => {
    const world = await cluster(["A"]);
    const [alone] = world.machines as [Machine];
    const { index } = await put(world, alone, "/x");
    const [late, soon] = [
      await blocked(world, alone, `/x?index=${index}&wait=10s`),
      await blocked(world, alone, `/x?index=${index}&wait=333ms`),
    ];
    await world.run(332);
    expect(soon.isPending).toBe(true);
    await world.run(2);
    expect(soon.value).toMatchObject({ status: 200, index });
    expect(late.isPending).toBe(true);
    await world.run(10_000);
    expect(late.value).toMatchObject({ status: 200, index });
    // Sooner than anything else that the node is to wake for.
    const next = await blocked(world, alone, `/x?stale&index=${index}&wait=7ms`);
    await world.run(8);
    expect(next.value).toMatchObject({ status: 200, index });
  });

  test("a new leader releases them; who asks again misses nothing", async () => {
    const world = await cluster();
    const [one] = followers(world);
    const { index } = await put(world, one, "/x", "1");
    await put(world, one, "/other");
    const waiting = [
      await blocked(world, one, `/x?index=${index}`),
      await blocked(world, one, `/none?index=${index}`),
    ];
    const applied = one.store.lastChange;
    const old = world.leader;
    old.crash();
    await world.until(() => waiting.every(({ isPending }) => !isPending));
    // Nothing was written: neither is more claimed than was applied, nor less than was shown before.
    expect(waiting.map(({ value }) => [value.status, value.index])).toEqual([
      [200, applied],
      [404, applied],
    ]);
    const again = get(one, `/x?index=${applied}`);
    await world.until(() => waitsAt(one) === 1);
    await put(world, one, "/x", "2");
    expect(await world.answer(again)).toMatchObject({ status: 200, body: [{ Value: "Mg==" }] });
    expect(again.value.index).toBeGreaterThan(applied);
  });

  test("a deposed leader answers what it has applied, and confirms nothing more", async () => {
    const world = await cluster();
    const { leader } = world;
    const { index } = await put(world, leader, "/x", "old");
    const waiting = await blocked(world, leader, `/x?index=${index}`);
    world.isolate(leader);
    await world.until(() => world.leaders.some((other) => other !== leader));
    await put(world, world.leader, "/x", "new");
    await world.until(() => !waiting.isPending);
    expect(waiting.value).toMatchObject({ status: 200, index, body: [{ Value: btoa("old") }] });
    const again = get(leader, `/x?index=${index}&timeout=500ms`);
    await world.run(501);
    expect(again.value).toMatchObject({ status: 503 });
    // Once it hears the others it sees what it has missed, without waiting.
    world.heal();
    expect(await world.answer(get(leader, `/x?index=${index}`))).toMatchObject({
      body: [{ Value: btoa("new") }],
    });
  });

  test("the index that a client sees through one node after the other never falls", async () => {
    const world = await cluster();
    let seen = 0;
    for (let round = 0; round < 30; round++) {
      const writer = world.machines[round % 3] as Machine;
      const reader = world.machines[(round * 2 + 1) % 3] as Machine;
      const written = await put(world, writer, `/k${round % 4}`);
      const blockedRead = get(reader, `/k${(round + 1) % 4}?index=${written.index}&wait=50ms`);
      const { index } = await world.answer(blockedRead);
      expect(index).toBeGreaterThanOrEqual(written.index);
      expect(index).toBeGreaterThanOrEqual(seen);
      seen = index;
    }
  });

  test("a node that stops answers them first, and refuses new ones", async () => {
    const world = await cluster();
    const [one] = followers(world);
    const { index } = await put(world, one, "/x");
    const waiting = await blocked(world, one, `/x?index=${index}`);
    one.storage.stall();
    const stopped = new Waiting(one.node.stop());
    await settled();
    expect(waiting.value).toMatchObject({ status: 200, index });
    const late = get(one, `/x?stale&index=${index}`);
    await settled();
    expect(late.value).toMatchObject({ status: 503, body: { code: "stopping" } });
    await world.until(() => !stopped.isPending);
  });

  test("a leader that stops hands over, and its readers are free by then", async () => {
    const world = await cluster();
    const { leader } = world;
    const { index } = await put(world, leader, "/x");
    const waiting = await blocked(world, leader, `/x?index=${index}&wait=10m`);
    const stopped = new Waiting(leader.node.stop());
    await world.answer(stopped, 500);
    expect(waiting.value).toMatchObject({ status: 200, index });
  });

  test("a node that fails refuses them: what it holds is not trusted", async () => {
    const world = await cluster();
    const [one] = followers(world);
    const { index } = await put(world, one, "/x");
    const waiting = await blocked(world, one, `/none?index=${index}`);
    one.storage.failNextWrite();
    await put(world, world.leader, "/x");
    await world.until(() => !waiting.isPending);
    expect(one.fatal).not.toBeNull();
    expect(waiting.value).toMatchObject({ status: 503, body: { code: "failed" } });
  });
});

describe("thousands of readers", () => {
  test("are not counted among the commands and reads that may wait, and cost the node no turns", async () => {
    const world = await cluster(["A"]);
    const [alone] = world.machines as [Machine];
    const { index } = await put(world, alone, "/x");
    const handler = createHandler(alone.node, alone.store);
    const replies: Promise<Response>[] = [];
    const readers = 10_500;
    for (let i = 0; i < readers; i++) {
      const query = i % 2 ? "?" : "/?recurse&";
      replies.push(handler(new Request(`http://a.example/v1/kv/k${i}${query}stale&index=${index}&wait=4s`)));
    }
    await world.until(() => waitsAt(alone) === readers);
    alone.turns = 0;
    let answered = 0;
    for (const reply of replies) void reply.then(() => answered++);
    for (let i = 0; i < 10; i++) await put(world, alone, `/k${i * 1001}`);
    await world.until(() => answered === 5);
    expect(metric(alone, "waits_woken_total")).toBe(5);
    expect(waitsAt(alone)).toBe(readers - 5);
    // Ten writes, a few turns each.
    expect(alone.turns).toBeLessThan(60);
    await world.run(5000);
    expect(waitsAt(alone)).toBe(0);
    // They are answered a few at a time.
    while (answered < readers) await settled();
  });
});
