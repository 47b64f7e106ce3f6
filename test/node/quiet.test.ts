import { describe, expect, test } from "vitest";
import type { Timings } from "../../shared/node/defaults.ts";
import { defaultTimings, labTimings } from "../../shared/node/defaults.ts";
import type { Machine } from "./support/machine.ts";
import type { World } from "./support/world.ts";
import { cluster } from "./support/world.ts";

/** Whole nodes that fall silent: who wakes them, and who does not. */

const limits = { quiesceAfterMs: 2000 };

const isQuiet = (machine: Machine) => machine.isUp && machine.node.isQuiet;
const up = (world: World) => world.machines.filter((machine) => machine.isUp);

async function quietCluster(ids?: readonly string[]): Promise<World> {
  const world = await cluster(ids, { limits });
  await world.until(() => world.machines.every(isQuiet));
  await world.run(60_000);
  return world;
}

/** All lose their memory, as objects do that nobody uses. */
async function evict(...machines: readonly Machine[]): Promise<void> {
  for (const machine of machines) {
    machine.crash();
    await machine.start({ quiet: true });
  }
}

/** How many calls nodes make to each other in so long. */
async function callsIn(world: World, ms: number): Promise<number> {
  let calls = 0;
  world.fate = () => {
    calls++;
    return "arrives";
  };
  await world.run(ms);
  world.fate = () => "arrives";
  return calls;
}

test("an hour goes by without a call or a turn", async () => {
  const world = await quietCluster();
  const turns = world.machines.map((machine) => machine.turns);
  expect(await callsIn(world, 3_600_000)).toBe(0);
  expect(world.machines.map((machine) => machine.turns)).toEqual(turns);
});

test("those who look at it do not wake it; whoever asks for the leader's own answer does", async () => {
  const world = await quietCluster();
  const [follower] = world.followers as [Machine];
  for (const { node } of world.machines) {
    expect(node.health()).toEqual({ healthy: true, quiet: true });
    node.status(10);
    node.metrics();
  }
  expect(await callsIn(world, 10_000)).toBe(0);
  await expect(world.answer(follower.execute("SET x=1", { forward: false }))).rejects.toMatchObject({
    code: "not-leader",
  });
  await world.until(() => !world.machines.some(isQuiet));
});

test("nodes that lost their memory are woken by who asks them for the leader, and know one then", async () => {
  const world = await quietCluster();
  await evict(...world.machines);
  const [first] = world.machines as [Machine];
  expect(first.node.addresses().leader).toBeNull();
  await world.until(() => first.node.addresses().leader !== null);
});

describe("clients that take no forwarding find a leader", () => {
  async function findLeader(world: World): Promise<void> {
    for (let round = 0; round < 20; round++) {
      for (const machine of up(world)) {
        const outcome = await world.answer(machine.execute("SET x=1", { forward: false })).catch(() => null);
        if (outcome !== null) return;
      }
      await world.run(200);
    }
    throw new Error("nobody leads");
  }

  test("where the quiet leader died", async () => {
    const world = await quietCluster();
    world.leader.crash();
    await findLeader(world);
  });

  test("where all lost their memory", async () => {
    const world = await quietCluster();
    await evict(...world.machines);
    await findLeader(world);
  });
});

test("a client comes to a follower without memory: a leader that has its own stays", async () => {
  for (const ids of [
    ["A", "B", "C"],
    ["A", "B", "C", "D", "E"],
  ]) {
    const world = await quietCluster(ids);
    const { leader, followers } = world;
    const { term } = leader.status;
    await evict(...followers);
    await world.answer(followers[0]!.execute("SET x=1"));
    expect(leader.status).toMatchObject({ state: "Leader", term });
  }
});

describe("from waking to an answer it takes", () => {
  const ids = ["A", "B", "C", "D", "E"];
  const clusters = [3, 5].flatMap((size) => {
    return (
      [
        ["default", defaultTimings],
        ["the lab's", labTimings],
      ] as const
    ).map(([name, timings]) => [size, name, timings] as const);
  });

  /** What a client waits at a follower, at most, of so many clusters to which `happens` something while they sleep. */
  async function longestWait(
    size: number,
    timings: Timings,
    happens: (world: World) => unknown,
  ): Promise<number> {
    let longest = 0;
    for (let seed = 1; seed <= 15; seed++) {
      const names = ids.slice(0, size);
      const all = Object.fromEntries(names.map((id) => [id, timings]));
      const world = await cluster(names, { limits, seed, timings: all });
      await world.until(() => world.machines.every(isQuiet));
      await world.run(60_000);
      const [follower] = world.followers as [Machine];
      await happens(world);
      const since = world.now;
      await world.answer(follower.execute("SET x=1"));
      longest = Math.max(longest, world.now - since);
    }
    return longest;
  }

  test.each(clusters)(
    "%i nodes, %s timings: a heartbeat and an election timeout, where the leader is silent",
    async (size, _name, timings) => {
      const wait = await longestWait(size, timings, (world) => world.isolate(world.leader));
      expect(wait).toBeLessThanOrEqual(timings.heartbeatMs + timings.electionTimeoutMaxMs);
    },
  );

  test.each(clusters)(
    "%i nodes, %s timings: as much, where all have lost their memory",
    async (size, _name, timings) => {
      const wait = await longestWait(size, timings, (world) => evict(...world.machines));
      expect(wait).toBeLessThanOrEqual(timings.heartbeatMs + timings.electionTimeoutMaxMs);
    },
  );

  test.each(clusters)(
    "%i nodes, %s timings: a few round trips, where the leader lives",
    async (size, _name, timings) => {
      expect(await longestWait(size, timings, () => undefined)).toBeLessThan(timings.heartbeatMs / 2);
    },
  );
});

test("a member that takes longer to answer than a heartbeat keeps nobody awake", async () => {
  const world = await cluster(undefined, { limits });
  const [far] = world.followers as [Machine];
  world.fate = ({ from }, to) => (from === far || to === far ? { afterMs: 150 } : "arrives");
  await world.until(() => world.machines.every(isQuiet));
  const { term } = world.leader.status;
  await world.run(60_000);
  await world.answer(far.execute("SET x=1"));
  expect(world.leader.status.term).toBe(term);
});

test("a stranger for whom there is no place may knock, and wakes nobody", async () => {
  const world = await quietCluster();
  const [gone] = world.followers as [Machine];
  gone.crash();
  await world.run(120_000);
  const stranger = world.add(
    "D",
    up(world).map(({ id }) => id),
    gone.address,
  );
  await stranger.start();
  await world.run(5000);
  expect(
    up(world)
      .filter((machine) => machine !== stranger)
      .every(isQuiet),
  ).toBe(true);
});

test("a member that is started again is heard, and hears of what it missed", async () => {
  const world = await quietCluster();
  const [gone] = world.followers as [Machine];
  gone.crash();
  await world.answer(world.leader.execute("SET x=1"));
  await world.run(120_000);
  expect(up(world).every(isQuiet)).toBe(true);
  const { term } = world.leader.status;
  await gone.start();
  await world.until(() => world.machines.every(isQuiet));
  expect(gone.status).toMatchObject({ term, log: [{ cmd: "SET x=1" }] });
});

test("a quiet leader that is stopped hands over to one that is there", async () => {
  const world = await quietCluster(["A", "B", "C", "D", "E"]);
  const { leader } = world;
  const [first] = leader.status.raft.peers;
  world.machine(first!.id!).crash();
  let isStopped = false;
  void leader.node.stop().then(() => {
    isStopped = true;
  });
  await world.until(() => isStopped);
  const events = leader.events.map(({ type }) => type);
  expect(events).toContain("transfer-started");
  expect(events).not.toContain("transfer-aborted");
  await world.until(() => up(world).some((machine) => machine !== leader && machine.leads), 50);
});
