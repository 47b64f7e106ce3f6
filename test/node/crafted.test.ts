import { beforeEach, describe, expect, test } from "vitest";
import type { Fields } from "./support/by-hand.ts";
import { append, bodyOf, command, exchangeAs, messagesOf, noop, singleTo } from "./support/by-hand.ts";
import type { Machine } from "./support/machine.ts";
import type { World } from "./support/world.ts";
import { cluster, isCaughtUp } from "./support/world.ts";

/** Messages that no node of ours would send, from somebody who knows the cluster's id. */

let world: World;
let leader: Machine;
let node: Machine;
let other: Machine;
let term: number;
let last: number;

beforeEach(async () => {
  world = await cluster();
  // Into a second term: the log holds entries of two.
  const [next] = world.followers as [Machine];
  exchangeAs(world.leader, next, [{ type: "TimeoutNow", term: next.status.term }]);
  await world.until(() => next.leads);
  ({ leader } = world);
  [node, other] = world.followers as [Machine, Machine];
  await world.answer(node.execute("SET x=1"));
  await world.until(() => world.machines.every((machine) => isCaughtUp(world, machine)));
  term = node.status.term;
  last = node.raft.lastIndex;
});

/** Nothing has come of it: no term, no entry, no leader, and nobody has died of it. */
async function expectUnmoved(): Promise<void> {
  await world.run(3000);
  for (const machine of world.machines) {
    expect(machine.fatal).toBe(null);
    expect(machine.status).toMatchObject({ term, leader: leader.id });
    expect(machine.log).toEqual(["SET x=1"]);
    expect(machine.raft.lastIndex).toBe(last);
    expect(machine.node.health()).toEqual({ healthy: true });
  }
  await world.answer(node.execute("SET y=1"), 1000);
}

const vote = (rest: Fields): Fields => ({
  type: "RequestVote",
  candidateId: other.id,
  lastLogIndex: 99,
  lastLogTerm: 99,
  leadershipTransfer: true,
  ...rest,
});

const founding = (clusterId: string | null, slots: readonly Fields[]): Fields => ({
  term: term + 1,
  kind: "configuration",
  time: 1,
  configuration: { clusterId, slots },
});
const member = (id: string): Fields => ({ id, storeId: "s", address: "http://s" });

describe.each<[string, () => Fields]>([
  ["a term that no election reaches", () => vote({ term: Number.MAX_SAFE_INTEGER })],
  ["a term that is no number", () => vote({ term: "7" })],
  ["a candidate that is not the sender", () => vote({ term: term + 1, candidateId: "Z" })],
  ["a leader that is not the sender", () => append(other, term + 1, [last, term], [], { leaderId: "Z" })],
  ["a heartbeat in a thousand years", () => append(other, term + 1, [last, term], [], { heartbeatMs: 9e15 })],
  ["entries whose terms fall", () => append(other, 7, [last, term], [noop(7), noop(6)])],
  ["entries of no term", () => append(other, 7, [0, 0], [noop(0)])],
  ["entries of a later term than the message", () => append(other, 7, [last, term], [noop(8)])],
  ["an entry before the first", () => append(other, 7, [0, 5], [noop(7)])],
  ["a configuration of nobody", () => append(other, term + 1, [last, term], [founding(null, [])])],
  [
    "a configuration without names",
    () => append(other, term + 1, [last, term], [founding("c", [{ id: null, address: "http://a" }])]),
  ],
  [
    "a configuration that names one twice",
    () => append(other, term + 1, [last, term], [founding("c", [member("A"), member("A")])]),
  ],
])("%s", (_what, message) => {
  test("is a bad message and changes nothing", async () => {
    const reply = exchangeAs(other, node, [message()]);
    await world.run(1);
    expect(reply.value.status).toBe(400);
    expect(bodyOf(reply)).toMatchObject({ code: "bad-message" });
    await expectUnmoved();
  });

  test("is refused by its own route too", async () => {
    const { type, ...fields } = message();
    const reply = singleTo(node, type as "RequestVote" | "AppendEntries", fields);
    await world.run(1);
    const sender = fields.candidateId ?? fields.leaderId;
    if (sender === "Z") {
      // There the sender is whom the message names: a stranger, whom a voter may hear.
      expect(reply.value.status).toBe(200);
      return;
    }
    expect(reply.value.status).toBe(400);
    await expectUnmoved();
  });
});

describe.each<[string, () => Fields]>([
  ["a term far ahead", () => vote({ term: 2 ** 40 })],
  ["an append of a term far ahead", () => append(other, 2 ** 40, [last, term], [noop(2 ** 40)])],
  ["another leader of the same term", () => append(other, term, [last, term], [command(term, "SET evil=1")])],
  [
    "low terms past the commit index",
    () =>
      append(
        other,
        7,
        [0, 0],
        Array.from({ length: last + 1 }, () => noop(1)),
        { leaderCommit: last + 1 },
      ),
  ],
  [
    "other terms below the commit index",
    () =>
      append(
        other,
        7,
        [0, 0],
        Array.from({ length: last + 1 }, () => noop(7)),
        { leaderCommit: last + 1 },
      ),
  ],
  ["another term before the commit index", () => append(other, 7, [last - 1, 7], [noop(7)])],
  [
    "a configuration of another cluster",
    () => append(other, term + 1, [last, term], [founding("other", [member("A"), member("B")])]),
  ],
])("%s", (_what, message) => {
  test("is not answered and changes nothing", async () => {
    const reply = exchangeAs(other, node, [message()]);
    await world.run(1);
    expect(messagesOf(reply)).toEqual([]);
    await expectUnmoved();
  });
});

test("a leap of terms moves nobody, after a restart of all neither", async () => {
  for (const machine of world.machines) exchangeAs(other, machine, [vote({ term: 2 ** 47 })]);
  await world.run(100);
  for (const machine of world.machines) {
    machine.crash();
    await machine.start();
  }
  await world.until(() => world.leaders.length === 1);
  expect(world.leader.status.term).toBeLessThan(100);
});

test("a forward of a boot that has not been yet takes nothing from the node's own commands", async () => {
  exchangeAs(node, leader, [
    { type: "Forward", boot: 1, call: 1e9, commands: [{ sequence: 1e9, floor: 1, cmd: "SET evil=1" }] },
  ]);
  await world.run(100);
  await world.answer(leader.execute("SET y=1"));
});

test("whoever calls under another's id with another data directory is refused", async () => {
  const reply = exchangeAs(other, node, [vote({ term: term + 1 })], { storeId: "elsewhere" });
  await world.run(1);
  expect(reply.value.status).toBe(403);
  expect(bodyOf(reply)).toMatchObject({ code: "wrong-store" });
  await expectUnmoved();
});

test("whoever calls for another cluster is refused", async () => {
  const reply = exchangeAs(other, node, [vote({ term: term + 1 })], { clusterId: "elsewhere" });
  await world.run(1);
  expect(reply.value.status).toBe(403);
  expect(bodyOf(reply)).toMatchObject({ code: "foreign-cluster" });
  await expectUnmoved();
});

test("whoever calls for no cluster is answered with this one's, unheard", async () => {
  const reply = exchangeAs(other, node, [vote({ term: term + 1 })], { clusterId: null });
  await world.run(1);
  expect(bodyOf(reply)).toMatchObject({ clusterId: node.raft.clusterId, messages: [] });
  await expectUnmoved();
});

test("a stranger does not tell a node where it is", async () => {
  const { address } = node.raft;
  exchangeAs(other, node, [], { id: "Z", storeId: "z", to: "http://evil" });
  await world.run(10);
  expect(node.raft.address).toBe(address);
});
