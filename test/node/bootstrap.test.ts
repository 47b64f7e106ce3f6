import { expect, test } from "vitest";
import type { Call, Machine } from "./support/machine.ts";
import { isCaughtUp, World } from "./support/world.ts";

/** How a cluster comes to be, with nodes that come late, that are not there, and that forget. */

const carriesEntries = ({ body }: Call) => body.includes('"entries":[{');

async function start(world: World, ...machines: readonly Machine[]): Promise<void> {
  for (const machine of machines) await machine.start();
  await world.until(() => machines.some(({ leads }) => leads));
}

function three(): [World, Machine, Machine, Machine] {
  const world = new World(["A", "B", "C"]);
  return [world, ...(world.machines as [Machine, Machine, Machine])];
}

test("a member that heard of the cluster but has none of its log helps to elect", async () => {
  const [world, A, B, C] = three();
  await start(world, A, B);
  const leader = world.leader;
  const follower = leader === A ? B : A;
  await world.answer(leader.execute("SET x=1"));
  world.fate = (call, to) => (to === C && carriesEntries(call) ? "lost" : "arrives");
  await C.start();
  await world.until(() => follower.knowsAll);
  expect(C.raft.lastIndex).toBe(0);
  leader.crash();
  world.heal();
  await world.until(() => follower.leads || C.leads);
  await world.until(() => C.log.length === 1);
});

test("a member that missed the very first entry helps to elect", async () => {
  const [world, ...machines] = three();
  let victim: Machine | undefined;
  world.fate = (call, to) => {
    if (!carriesEntries(call)) return "arrives";
    victim ??= to;
    return to === victim ? "lost" : "arrives";
  };
  await start(world, ...machines);
  const { leader } = world;
  await world.until(() => victim !== undefined);
  const follower = machines.find((machine) => machine !== leader && machine !== victim) as Machine;
  await world.until(() => follower.raft.clusterId !== null);
  expect(victim?.raft.lastIndex).toBe(0);
  leader.crash();
  world.heal();
  await world.until(() => world.leaders.length === 1);
  await world.answer(world.leader.execute("SET x=1"));
});

test.each([
  [503, '{"code":"stopped","detail":"this node has been stopped"}'],
  [502, "<html>bad gateway</html>"],
])("a listed address that answers %i keeps nobody from founding a cluster", async (status, body) => {
  const [world, A, B, C] = three();
  world.fate = (_call, to) => (to === C ? { reply: { status, body } } : "arrives");
  await start(world, A, B);
  await world.answer(A.execute("SET x=1"));
  expect(A.raft.problem).toBe(null);
});

test("a lone first entry gives way to another founding of the same term", async () => {
  const [world, ...machines] = three();
  for (const machine of machines) await machine.start();
  // Whoever stands first leads by one other's vote, and its first entry reaches nobody.
  const [founder, voter, third] = await (async () => {
    let pair: [Machine, Machine] | undefined;
    world.fate = ({ from, body }, to) => {
      if (body.includes('"AppendEntries"')) return "lost";
      if (!body.includes('"RequestVote"')) return "arrives";
      pair ??= [from, to as Machine];
      return from === pair[0] && to === pair[1] ? "arrives" : "lost";
    };
    await world.until(() => pair?.[0].leads === true);
    const [first, second] = pair as [Machine, Machine];
    return [first, second, machines.find((machine) => machine !== first && machine !== second) as Machine];
  })();
  await world.run(5);
  expect(founder.status).toMatchObject({ term: 1, raft: { durableIndex: 1, commitIndex: 0 } });

  // The voter forgets its vote, and gives it to another in the same term.
  founder.crash();
  voter.crash({ wipe: true });
  third.crash();
  world.fate = ({ from, body }) => (from === voter && body.includes('"RequestVote"') ? "lost" : "arrives");
  await start(world, voter, third);
  expect(third.status).toMatchObject({ term: 1, state: "Leader" });
  await world.answer(third.execute("SET x=1"));

  await founder.start();
  await world.until(() => isCaughtUp(world, founder) && founder.raft.problem === null);
  expect(founder.fatal).toBe(null);
  expect(founder.raft.clusterId).toBe(third.raft.clusterId);
  expect(founder.log).toEqual(["SET x=1"]);
  expect(founder.rows).toEqual(third.rows);
});

test("a node under a new id at a member's address does not take the place of another", async () => {
  const world = new World(["A", "B", "C", "D", "E"]);
  const [A, B, C, D, E] = world.machines as [Machine, Machine, Machine, Machine, Machine];
  await start(world, A, B, C, D);
  const names = () => world.leader.raft.peers.map(({ id }) => id).filter((id) => id !== null);
  await world.until(() => names().length === 3 && [A, B, C, D].every((one) => isCaughtUp(world, one)));
  D.crash();
  const X = world.add("X", ["A", "B", "C", "E"], D.address);
  // What they found at the address is forgotten; the log knows who belongs there.
  for (const machine of [A, B, C]) machine.crash();
  await start(world, A, B, C, X);
  await world.run(10_000);
  expect([...names(), world.leader.id].sort()).toEqual(["A", "B", "C", "D"]);
  await E.start();
  await world.until(() => names().includes("E"));
  expect([...names(), world.leader.id].sort()).toEqual(["A", "B", "C", "D", "E"]);
});

test("a directory that is wiped before there is a cluster is refused every time by whoever found it before", async () => {
  const [world, A, B] = three();
  await A.start();
  await B.start();
  // They find each other, and cannot agree on anything.
  world.fate = ({ body }) => (body.includes('"messages":[]') ? "arrives" : "lost");
  await world.run(2000);
  B.crash({ wipe: true });
  A.events = [];
  await B.start();
  world.heal();
  await world.run(10_000);
  expect(world.leaders).toEqual([]);
  expect(A.raft.problem).toContain("wiped");
  const refusals = A.eventsOf("refused").filter(({ peer }) => peer === "B");
  expect(refusals.length).toBeGreaterThan(3);
  expect(new Set(refusals.map(({ code }) => code))).toEqual(new Set(["wrong-store"]));
});

test("a wiped directory is refused every time it comes back under its id", async () => {
  const [world, A, B, C] = three();
  await start(world, A, B, C);
  await world.until(() => world.machines.every(({ knowsAll }) => knowsAll));
  const follower = world.followers[0] as Machine;
  const others = world.machines.filter((machine) => machine !== follower);
  follower.crash({ wipe: true });
  for (const machine of others) machine.events = [];
  await follower.start();
  await world.run(10_000);
  expect(follower.raft).toMatchObject({
    clusterId: null,
    lastIndex: 0,
    problem: expect.stringContaining("wiped"),
  });
  for (const machine of others) {
    const refusals = machine.eventsOf("refused").filter(({ peer }) => peer === follower.id);
    expect(refusals.length).toBeGreaterThan(3);
    expect(new Set(refusals.map(({ code }) => code))).toEqual(new Set(["wrong-store"]));
  }
});
