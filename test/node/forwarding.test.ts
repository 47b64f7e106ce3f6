import { expect, test } from "vitest";
import { deposedError } from "../../shared/node/refusals.ts";
import { append, command, exchangeAs, messagesOf } from "./support/by-hand.ts";
import type { Call, Machine } from "./support/machine.ts";
import { cluster } from "./support/world.ts";

/** What a follower does with its clients' commands. */

const forwards = ({ body }: Call) => body.includes('"type":"Forward"');
const mebibyte = 1 << 20;

test("forwards go one call at a time, in batches that are bounded, and none twice", async () => {
  const world = await cluster();
  const { leader } = world;
  const node = world.followers[0] as Machine;
  const calls: { at: number; length: number; sequences: string[] }[] = [];
  world.fate = (call) => {
    if (!forwards(call)) return "arrives";
    const sequences = call.body.match(/"sequence":\d+/g) ?? [];
    calls.push({ at: world.now, length: call.body.length, sequences });
    return { afterMs: 300 };
  };
  // In JSON each of these bytes takes six.
  const value = "\u0001".repeat(700_000);
  const commands = Array.from({ length: 12 }, (_, i) =>
    node.execute(`SET k${i}=${value}`, { timeoutMs: 60_000 }),
  );
  for (const one of commands) await world.answer(one);
  expect(calls.flatMap(({ sequences }) => sequences)).toHaveLength(commands.length);
  expect(Math.max(...calls.map(({ length }) => length))).toBeLessThan(16 * mebibyte);
  calls.reduce((previous, next) => {
    expect(next.at).toBeGreaterThan(previous.at + 300);
    return next;
  });
  expect(leader.log).toHaveLength(commands.length);
});

test("small commands share a call", async () => {
  const world = await cluster();
  const node = world.followers[0] as Machine;
  let calls = 0;
  world.fate = (call) => {
    if (forwards(call)) calls++;
    return "arrives";
  };
  const commands = Array.from({ length: 100 }, (_, i) => node.execute(`SET k${i}=1`));
  for (const one of commands) await world.answer(one);
  expect(calls).toBeLessThan(5);
});

test("what is wrong with one message says nothing of who refused it", async () => {
  const world = await cluster();
  const node = world.followers[0] as Machine;
  let refused = 0;
  const body = JSON.stringify({ code: "body-too-large", detail: "the body is too large" });
  world.fate = (call) => (forwards(call) && refused++ < 3 ? { reply: { status: 413, body } } : "arrives");
  node.events = [];
  await world.answer(node.execute("SET x=1"));
  expect(refused).toBe(4);
  expect(node.raft.problem).toBe(null);
  expect(node.eventsOf("refused")).toEqual([]);
});

test("a command that was lost with its leader's log goes again as soon as a later term is applied", async () => {
  const world = await cluster(["A", "B", "C", "D", "E"]);
  const { leader: deposed } = world;
  const [node, ...majority] = world.followers as [Machine, ...Machine[]];
  world.isolate(deposed, node);
  // The command gets an index that the log of the next leader does not reach for a long time.
  for (let i = 0; i < 50; i++) deposed.execute(`SET junk${i}=1`);
  await world.run(60);
  const mine = node.execute("SET mine=1", { timeoutMs: 20_000 });
  await world.until(() => majority.some(({ leads }) => leads));
  deposed.crash();
  world.heal();
  await world.answer(mine, 3000);
  expect(world.leader.log).toEqual(["SET mine=1"]);
});

test("a command that comes to a leader again is in its log once", async () => {
  const world = await cluster();
  const { leader } = world;
  const [node] = world.followers as [Machine];
  const { lastIndex } = leader.raft;
  world.isolate(leader);
  const forward = (call: number) => {
    const commands = [{ sequence: 1, floor: 1, cmd: "SET x=1" }];
    return exchangeAs(node, leader, [{ type: "Forward", boot: 1, call, commands }]);
  };
  const replies = [forward(1), forward(2), forward(2), forward(1)];
  await world.run(5);
  expect(leader.raft.lastIndex).toBe(lastIndex + 1);
  const taken = { type: "ForwardResponse", results: [{ outcome: "appended", index: lastIndex + 1 }] };
  expect(replies.flatMap(messagesOf)).toMatchObject([taken, taken]);
});

test("a copy of a call that was refused is not taken in later", async () => {
  const world = await cluster();
  const [node, other] = world.followers as [Machine, Machine];
  const forward = () => {
    const commands = [{ sequence: 1, floor: 1, cmd: "SET x=1" }];
    return exchangeAs(other, node, [{ type: "Forward", boot: 1, call: 1, commands }]);
  };
  const first = forward();
  await world.run(5);
  expect(messagesOf(first)).toMatchObject([{ results: [{ outcome: "refused", reason: "not-leader" }] }]);
  exchangeAs(world.leader, node, [{ type: "TimeoutNow", term: node.status.term }]);
  await world.until(() => node.leads);
  const copy = forward();
  await world.run(5);
  expect(messagesOf(copy)).toEqual([]);
  await world.run(500);
  expect(node.log).toEqual([]);
});

test("a command that a new leader inherits and is asked for again is in its log once", async () => {
  const world = await cluster();
  const { leader } = world;
  const [node, heir] = world.followers as [Machine, Machine];
  world.part(leader, node);
  // What the heir acknowledges gets lost: it has the command, and nobody knows.
  world.cut.add(`${heir.id}>${leader.id}`);
  world.cut.delete(`${node.id}>${leader.id}`);
  const waiting = node.execute("SET x=1", { timeoutMs: 20_000 });
  await world.until(() => heir.log.length === 1);
  leader.crash();
  world.heal();
  await world.answer(waiting);
  await world.run(1000);
  expect(heir.leads).toBe(true);
  expect(heir.log).toEqual(["SET x=1"]);
});

test("a command for this node as leader only is never sent on, and its client is told so", async () => {
  const world = await cluster();
  const { leader: deposed } = world;
  world.isolate(deposed);
  const proposed = deposed.execute("SET x=1", { forward: false, timeoutMs: 20_000 });
  await world.until(() => !deposed.leads && world.leaders.length === 1);
  const later = deposed.execute("SET y=1", { forward: false });
  await world.run(1);
  expect(later.error).toMatchObject({ code: "no-leader", details: { outcome: "none" } });
  expect(proposed.isPending).toBe(true);
  world.heal();
  await world.until(() => !proposed.isPending && deposed.status.leader !== null);
  const { leader } = deposed.status;
  expect(proposed.error).toMatchObject({ ...deposedError("unknown", leader, null) });
  await world.run(3000);
  expect(deposed.log).toEqual([]);
});

test("a reply names the leader and the term that the command came by, also while they are being written", async () => {
  const world = await cluster();
  const { leader } = world;
  const [node, other] = world.followers as [Machine, Machine];
  const before = node.status;
  world.isolate(node);
  const waiting = node.execute("SET x=1", { timeoutMs: 400 });
  await world.run(50);
  node.storage.stall();
  const term = before.term + 1;
  const origin = [node.id, 1, 1, 1];
  const { lastIndex } = before.raft;
  exchangeAs(other, node, [
    append(other, term, [lastIndex, before.term], [command(term, "SET x=1", { origin })], {
      leaderCommit: lastIndex + 1,
    }),
  ]);
  await world.run(5);
  expect(node.status).toMatchObject({ term: before.term, leader: leader.id });
  expect(waiting.value).toMatchObject({ leader: other.id, term, result: "OK", ordinal: 0 });
});

test("a read names the leader and the term that it was confirmed in, also while they are being written", async () => {
  const world = await cluster();
  const [node, other] = world.followers as [Machine, Machine];
  const before = node.status;
  const term = before.term + 1;
  const { lastIndex } = before.raft;
  const asked: number[] = [];
  world.fate = ({ from, body }, to) => {
    if (from !== node && to !== node) return "arrives";
    for (const [, readId] of body.matchAll(/"readId":(\d+)/g)) asked.push(Number(readId));
    return "lost";
  };
  await world.run(50);
  node.storage.stall();
  exchangeAs(other, node, [append(other, term, [lastIndex, before.term])]);
  const read = node.read({ timeoutMs: 2000 });
  await world.until(() => asked.length > 0);
  exchangeAs(other, node, [{ type: "ReadIndexResponse", term, readId: asked[0], readIndex: lastIndex }]);
  await world.run(5);
  expect(node.status.term).toBe(before.term);
  expect(read.value).toEqual({ leader: other.id, term, ordinal: -1 });
});
