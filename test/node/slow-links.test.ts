import { expect, test } from "vitest";
import type { Machine } from "./support/machine.ts";
import { cluster, isCaughtUp } from "./support/world.ts";

/** 5 Mbit/s. */
const bytesPerMs = 625;

test("a follower behind a slow link catches up with what was written while it was away", async () => {
  const world = await cluster();
  const { leader } = world;
  const slow = world.followers[0] as Machine;
  slow.crash();
  for (let i = 0; i < 20; i++) await world.answer(leader.execute(`SET k${i}=${"v".repeat(100_000)}`));
  let lost = 0;
  world.fate = ({ from, body, timeoutMs }, to) => {
    if (from !== slow && to !== slow) return "arrives";
    const afterMs = body.length / bytesPerMs;
    if (afterMs > timeoutMs) lost++;
    return { afterMs };
  };
  await slow.start();
  await world.until(() => isCaughtUp(world, slow));
  expect(slow.log.length).toBe(20);
  expect(world.leaders).toEqual([leader]);
  // At first nobody knows how slow the link is.
  expect(lost).toBeLessThan(10);
});

test("the largest command passes a slow link too", async () => {
  const world = await cluster();
  const { leader } = world;
  const slow = world.followers[0] as Machine;
  world.fate = ({ from, body }, to) => {
    return from === slow || to === slow ? { afterMs: body.length / bytesPerMs } : "arrives";
  };
  await world.answer(leader.execute(`SET x=${"v".repeat(1 << 20)}`));
  await world.until(() => isCaughtUp(world, slow), 10_000);
  expect(world.leaders).toEqual([leader]);
  await world.answer(slow.execute(`SET x=${"w".repeat(1 << 20)}`, { timeoutMs: 10_000 }));
});

test("what a proxy finds too large goes in smaller messages", async () => {
  const world = await cluster();
  const { leader } = world;
  const far = world.followers[0] as Machine;
  far.crash();
  for (let i = 0; i < 100; i++) await world.answer(leader.execute(`SET k${i}=${"v".repeat(10_000)}`));
  const arrived: number[] = [];
  world.fate = ({ from, body }, to) => {
    if (to !== far || from !== leader || body.length < 1000) return "arrives";
    if (body.length > 100_000) return { reply: { status: 413, body: "<html>too large</html>" } };
    arrived.push(body.length);
    return "arrives";
  };
  await far.start();
  await world.until(() => isCaughtUp(world, far));
  expect(leader.raft.problem).toBe(null);
  // As many as fit, not one by one.
  expect(Math.max(...arrived)).toBeGreaterThan(50_000);
});
