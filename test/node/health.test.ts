import { expect, test } from "vitest";
import { exchangeAs } from "./support/by-hand.ts";
import type { Machine } from "./support/machine.ts";
import { cluster } from "./support/world.ts";

const slow = { heartbeatMs: 1500, electionTimeoutMinMs: 4500, electionTimeoutMaxMs: 9000 };

test("followers of a leader that beats slowly are as patient as it asks them to be", async () => {
  const world = await cluster(["A", "B", "C"], { timings: { A: slow } });
  const A = world.machine("A");
  const others = world.machines.filter((machine) => machine !== A);
  if (!A.leads) exchangeAs(world.leader, A, [{ type: "TimeoutNow", term: A.status.term }]);
  await world.until(() => A.leads && others.every((machine) => machine.status.leader === "A"));
  for (let i = 0; i < 400; i++) {
    await world.run(25);
    for (const machine of others) expect(machine.node.health()).toEqual({ healthy: true });
  }
  expect(A.leads).toBe(true);
});

test("a follower is well until its leader has been silent for as long as any election timeout", async () => {
  const world = await cluster();
  const [node] = world.followers as [Machine];
  world.isolate(node);
  await world.run(800);
  // Its own pre-vote has made it forget the leader, perhaps; by now nobody says that it is well.
  await world.run(400);
  expect(node.node.health()).toEqual({ healthy: false, reason: "no leader is known" });
});

test("a leader without a majority is not well", async () => {
  const world = await cluster();
  const { leader } = world;
  expect(leader.node.health()).toEqual({ healthy: true });
  world.isolate(leader);
  await world.run(1200);
  expect(leader.node.health()).toMatchObject({ healthy: false });
});
