import { expect, test } from "vitest";
import { LogStore } from "../../shared/storage/log-store.ts";
import { append, command, exchangeAs } from "./support/by-hand.ts";
import type { Machine } from "./support/machine.ts";
import { Waiting } from "./support/waiting.ts";
import { cluster } from "./support/world.ts";

/** Longest of all that a host gives a node for a clean stop. */
const withinMs = 2000;

test("a leader hands over and the cluster goes on without a pause", async () => {
  const world = await cluster();
  const { leader } = world;
  const [node] = world.followers as [Machine];
  const stopped = new Waiting(leader.node.stop());
  await world.answer(stopped, 100);
  await world.answer(node.execute("SET x=1"), 100);
  expect(world.leader).not.toBe(leader);
});

test("what comes to a leader that hands over is carried out all the same", async () => {
  const world = await cluster();
  const { leader } = world;
  const stopped = new Waiting(leader.node.stop());
  const late = leader.execute("SET x=1");
  await world.answer(late, 500);
  await world.answer(stopped, 500);
});

test("what comes while the last write is under way is refused at once", async () => {
  const world = await cluster();
  const [node] = world.followers as [Machine];
  world.isolate(node);
  node.storage.stall();
  const stopped = new Waiting(node.node.stop());
  for (const waitMs of [5, 600]) {
    await world.run(waitMs);
    expect(stopped.isPending).toBe(true);
    const late = node.execute("SET late=1", { timeoutMs: 10_000 });
    const read = node.read({ timeoutMs: 10_000 });
    await world.run(1);
    expect(late.error).toMatchObject({ code: "stopping", status: 503, details: { outcome: "none" } });
    expect(read.error).toMatchObject({ code: "stopping", status: 503 });
  }
  await world.answer(stopped, withinMs);
});

test("what comes right after a stop has begun is refused at once where nobody is to take over", async () => {
  const world = await cluster();
  const [node] = world.followers as [Machine];
  world.isolate(node);
  const stopped = new Waiting(node.node.stop());
  const late = node.execute("SET late=1", { timeoutMs: 10_000 });
  await world.run(1);
  expect(late.error).toMatchObject({ code: "stopping", details: { outcome: "none" } });
  await world.answer(stopped, withinMs);
});

test("clients of a leader that cannot finish are told that the outcome is unknown", async () => {
  const world = await cluster();
  const { leader } = world;
  world.isolate(leader);
  const waiting = leader.execute("SET x=1");
  await world.run(20);
  const stopped = new Waiting(leader.node.stop());
  await world.answer(stopped, withinMs);
  expect(waiting.error).toMatchObject({ code: "stopping", details: { outcome: "unknown" } });
});

test("a node that waits for its end rests meanwhile", async () => {
  const world = await cluster();
  const { leader } = world;
  world.isolate(leader);
  leader.execute("SET x=1");
  await world.run(20);
  leader.turns = 0;
  await world.answer(new Waiting(leader.node.stop()), withinMs);
  expect(leader.turns).toBeLessThan(100);
});

test("a node that has stopped refuses everybody", async () => {
  const world = await cluster();
  const [node] = world.followers as [Machine];
  await world.answer(new Waiting(node.node.stop()));
  const refusal = { code: "stopping", status: 503, details: { outcome: "none" } };
  const command = node.execute("SET x=1");
  await world.run(1);
  expect(command.error).toMatchObject(refusal);
  expect(await node.node.exchange("{}")).toMatchObject({ status: 503, peer: null });
  expect(await node.node.single("RequestVote", "{}")).toMatchObject({ status: 503, peer: null });
  expect(node.node.health()).toEqual({ healthy: false, reason: "this node has stopped" });
});

test("a node that fails while it waits for its end writes nothing more", async () => {
  const world = await cluster();
  const { leader } = world;
  const [node] = world.followers as [Machine];
  world.isolate(node);
  await world.run(50);
  const { lastIndex } = node.raft;
  const { term } = node.status;
  exchangeAs(leader, node, [append(leader, term, [lastIndex, term], [command(term, "SET x=1")])]);
  await world.run(5);
  // It keeps the node from its end.
  node.execute("SET y=1");
  const stopped = new Waiting(node.node.stop());
  await world.run(5);
  expect(stopped.isPending).toBe(true);
  node.store.apply = () => {
    throw new Error("the disk cannot be read");
  };
  exchangeAs(leader, node, [append(leader, term, [lastIndex + 1, term])]);
  await world.answer(stopped, withinMs);
  expect(node.fatal).toMatchObject({ message: "the disk cannot be read" });
  await world.run(50);
  expect(LogStore.open(node.storage, { id: node.id, mintStoreId: () => "" }).applied).toBeLessThanOrEqual(
    lastIndex,
  );
});
