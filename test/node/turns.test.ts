import { expect, test, vi } from "vitest";
import { LogStore } from "../../shared/storage/log-store.ts";
import { append, bodyOf, command, exchangeAs, messagesOf, noop, singleTo } from "./support/by-hand.ts";
import type { Machine } from "./support/machine.ts";
import type { World } from "./support/world.ts";
import { cluster } from "./support/world.ts";

/** What meets in one turn of the loop: each keeps its meaning. */

/** A follower that hears nobody but the test, which speaks for the others. */
async function cutOff(): Promise<{ world: World; node: Machine; leader: Machine; other: Machine }> {
  const world = await cluster();
  const { leader } = world;
  const [node, other] = world.followers as [Machine, Machine];
  world.isolate(node);
  await world.run(50);
  return { world, node, leader, other };
}

test("a turn that appends and truncates leaves the node running, and logs only what stays", async () => {
  const world = await cluster();
  const { leader: deposed } = world;
  const [first, second] = world.followers as [Machine, Machine];
  deposed.pause();
  const commands = [first.execute("SET a=1"), first.execute("SET b=2"), second.execute("SET c=3")];
  for (const command of commands) await world.answer(command);
  expect(world.leader).not.toBe(deposed);
  deposed.events = [];
  await deposed.resume();
  await world.run(3000);
  expect(deposed.fatal).toBe(null);
  expect(deposed.eventsOf("truncated")).not.toEqual([]);
  expect(deposed.log).toEqual(world.leader.log);
  expect(deposed.eventsOf("entry-appended").map(({ cmd }) => cmd)).toEqual(deposed.log);
});

test("an answer whose write completes in the very turn that asks for it is sent", async () => {
  const { world, node, other } = await cutOff();
  const { lastIndex } = node.raft;
  const { term } = node.status;
  const entries = [noop(term + 1)];
  node.storage.stall();
  const first = exchangeAs(other, node, [append(other, term + 1, [lastIndex, term], entries)]);
  await world.run(5);
  expect(first.isPending).toBe(true);
  const again = exchangeAs(other, node, [append(other, term + 1, [lastIndex, term], entries, { round: 2 })]);
  node.storage.resume();
  await world.run(5);
  const acknowledged = { type: "AppendEntriesResponse", success: true, matchIndex: lastIndex + 1 };
  expect(messagesOf(first)).toMatchObject([acknowledged]);
  expect(messagesOf(again)).toMatchObject([{ ...acknowledged, round: 2 }]);
});

test.each([
  ["the same entries", (term: number) => [noop(term)]],
  ["a heartbeat", () => []],
])("a person who sends %s in the leader's name takes no answer from the leader", async (_what, byHand) => {
  const { world, node, leader } = await cutOff();
  const { lastIndex } = node.raft;
  const { term } = node.status;
  const { type: _type, ...fields } = append(leader, term, [lastIndex, term], byHand(term), { round: 0 });
  node.storage.stall();
  const person = singleTo(node, "AppendEntries", fields);
  const call = exchangeAs(leader, node, [
    append(leader, term, [lastIndex, term], [noop(term)], { round: 7 }),
  ]);
  await world.run(5);
  node.storage.resume();
  await world.run(5);
  expect(messagesOf(call)).toMatchObject([{ success: true, matchIndex: lastIndex + 1, round: 7 }]);
  expect(bodyOf(person)).toMatchObject({
    success: true,
    matchIndex: lastIndex + byHand(term).length,
    round: 0,
  });
});

test("a person who asks for a vote in a candidate's name takes no answer from the candidate", async () => {
  const { world, node, other } = await cutOff();
  await world.run(600);
  const { term, raft } = node.status;
  const fields = {
    term: term + 1,
    candidateId: other.id,
    lastLogIndex: raft.lastIndex,
    lastLogTerm: term,
  };
  const person = singleTo(node, "RequestVote", fields);
  const call = exchangeAs(other, node, [{ type: "RequestVote", ...fields }]);
  await world.run(5);
  expect(bodyOf(person)).toMatchObject({ voteGranted: true, term: term + 1 });
  expect(messagesOf(call)).toMatchObject([
    { type: "RequestVoteResponse", voteGranted: true, term: term + 1 },
  ]);
});

test("a turn that takes long to apply is not taken for a disk that does not write", async () => {
  const world = await cluster(["A"]);
  const { leader } = world;
  const { store } = leader;
  const apply = store.apply.bind(store);
  store.apply = (entry) => {
    leader.workedMs += 3 * leader.timings.electionTimeoutMinMs;
    return apply(entry);
  };
  const { term } = leader.status;
  const first = leader.execute("SET x=1");
  // While the first is written: it begins its write in the turn that applies the first.
  await world.run(0.2);
  const second = leader.execute("SET x=2");
  for (const command of [first, second]) await world.answer(command);
  await world.run(100);
  expect(leader.status).toMatchObject({ state: "Leader", term });
  expect(leader.eventsOf("stepped-down")).toEqual([]);
});

test("a turn begins its write before it applies what was committed", async () => {
  const { world, node, leader } = await cutOff();
  const { lastIndex } = node.raft;
  const { term } = node.status;
  exchangeAs(leader, node, [append(leader, term, [lastIndex, term], [command(term, "SET x=1")])]);
  await world.run(5);
  const steps: string[] = [];
  const { storage, store } = node;
  const write = storage.transactionSync.bind(storage);
  storage.transactionSync = (work) => {
    steps.push("write");
    return write(work);
  };
  const apply = store.apply.bind(store);
  store.apply = (entry) => {
    steps.push("apply");
    return apply(entry);
  };
  exchangeAs(leader, node, [append(leader, term, [lastIndex + 1, term], [command(term, "SET x=2")])]);
  await world.run(5);
  expect(steps).toEqual(["write", "apply"]);
});

test("a turn whose write fails applies nothing", async () => {
  const { world, node, leader } = await cutOff();
  const { lastIndex } = node.raft;
  const { term } = node.status;
  exchangeAs(leader, node, [append(leader, term, [lastIndex, term], [command(term, "SET x=1")])]);
  await world.run(5);
  const apply = vi.spyOn(node.store, "apply");
  node.storage.failNextWrite();
  exchangeAs(leader, node, [append(leader, term, [lastIndex + 1, term], [command(term, "SET x=2")])]);
  await world.run(5);
  expect(node.fatal).toMatchObject({ code: "storage-failed" });
  expect(apply).not.toHaveBeenCalled();
});

test("a turn that hears of a commit and falls silent writes all of what it applied", async () => {
  const { world, node, leader } = await cutOff();
  const { lastIndex } = node.raft;
  const { term } = node.status;
  exchangeAs(leader, node, [append(leader, term, [lastIndex, term], [command(term, "SET x=1")])]);
  await world.run(5);
  exchangeAs(leader, node, [append(leader, term, [lastIndex + 1, term], [], { quiesce: true })]);
  await world.run(5);
  expect(node.node.isQuiet).toBe(true);
  expect(LogStore.open(node.storage, { id: node.id, mintStoreId: () => "" }).applied).toBe(lastIndex + 1);
});

test("a leader has in memory what a follower lacks, and of the rest the newest alone", async () => {
  const world = await cluster();
  const { leader } = world;
  const [late] = world.followers as [Machine];
  const read = vi.spyOn(LogStore.prototype, "commandsUpTo");
  /** The last entry that is shown out of storage. */
  const lastStored = (): number => {
    read.mockClear();
    expect(leader.log.slice(0, 600)).toEqual(texts);
    return Math.max(0, ...read.mock.calls.map(([index]) => index));
  };
  const texts = Array.from({ length: 600 }, (_, at) => `SET x=${at}`);
  try {
    late.pause();
    const commands = texts.map((text) => leader.execute(text));
    for (const command of commands) await world.answer(command);
    expect(lastStored()).toBeLessThan(10);
    await late.resume();
    await world.run(1000);
    await world.answer(leader.execute("SET last=1"));
    await world.run(1000);
    expect(lastStored()).toBe(leader.raft.lastIndex - 256);
  } finally {
    read.mockRestore();
  }
});
