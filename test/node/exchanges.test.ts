import { describe, expect, test } from "vitest";
import { protocolVersion } from "../../shared/node/wire.ts";
import { append, bodyOf, exchangeAs, messagesOf, noop } from "./support/by-hand.ts";
import type { Machine } from "./support/machine.ts";
import { cluster, World } from "./support/world.ts";

/** The calls between nodes: when they are made and answered, and what becomes of an answer that makes no sense. */

describe("a reply that is held for the disk", () => {
  test("leaves when it has waited for half an election timeout, and what it waited for comes by a call", async () => {
    const world = await cluster();
    const [node, other] = world.followers as [Machine, Machine];
    world.isolate(node);
    await world.run(50);
    const { term, raft } = node.status;
    node.storage.stall();
    const reply = exchangeAs(other, node, [
      append(other, term + 1, [raft.lastIndex, term], [noop(term + 1)]),
      { type: "ReadIndex", term: term + 1, readId: 5 },
    ]);
    await world.run(245);
    expect(reply.isPending).toBe(true);
    await world.run(10);
    expect(reply.value.status).toBe(200);
    expect(messagesOf(reply).filter(({ type }) => type === "AppendEntriesResponse")).toEqual([]);

    const calls: string[] = [];
    world.heal();
    world.fate = ({ from, body }, to) => {
      if (from === node && to === other) calls.push(body);
      return "arrives";
    };
    node.storage.resume();
    await world.run(5);
    expect(calls.join()).toContain(`"success":true,"matchIndex":${raft.lastIndex + 1}`);
  });

  test("does not hold up heartbeats", async () => {
    const world = await cluster();
    const [node, other] = world.followers as [Machine, Machine];
    world.isolate(node);
    await world.run(50);
    const { term, raft } = node.status;
    node.storage.stall();
    exchangeAs(world.leader, node, [append(world.leader, term, [raft.lastIndex, term], [noop(term)])]);
    await world.run(5);
    const heartbeat = exchangeAs(world.leader, node, [append(world.leader, term, [raft.lastIndex, term])]);
    await world.run(1);
    expect(messagesOf(heartbeat)).toMatchObject([{ success: true, matchIndex: raft.lastIndex }]);
    expect(other.fatal).toBe(null);
  });
});

test("a call that carries something names the data directory that is meant; one that asks who is there does not", async () => {
  const world = new World(["A", "B", "C"]);
  const calls: { readonly to: Machine; readonly head: { toStoreId?: string }; readonly isEmpty: boolean }[] =
    [];
  world.fate = ({ body }, to) => {
    const { messages, ...head } = JSON.parse(body) as { messages: unknown[]; toStoreId?: string };
    calls.push({ to: to as Machine, head, isEmpty: messages.length === 0 });
    return "arrives";
  };
  for (const machine of world.machines) await machine.start();
  await world.until(() => world.machines.every(({ status }) => status.leader !== null));
  // Who was asked first and is called afterwards, at one address, by one node.
  expect(calls.filter(({ isEmpty }) => isEmpty).length).toBeGreaterThan(0);
  expect(calls.filter(({ isEmpty }) => !isEmpty).length).toBeGreaterThan(0);
  for (const { to, head, isEmpty } of calls) {
    expect(head.toStoreId).toBe(isEmpty ? undefined : to.raft.storeId);
  }
});

describe("an answer", () => {
  const acknowledged = (term: number, matchIndex: number) => ({
    type: "AppendEntriesResponse",
    term,
    success: true,
    matchIndex,
    conflictIndex: 0,
    conflictTerm: 0,
    prevLogIndex: 0,
    round: 1,
  });

  test.each<[string, readonly string[] | null]>([
    ["two-ids-at-one-address", null],
    ["wrong-id", []],
  ])("of another member than the one that was called is refused (%s)", async (code, peers) => {
    const world = await cluster();
    const { leader } = world;
    const [node, other] = world.followers as [Machine, Machine];
    if (peers !== null) {
      // Later starts may list nobody: then the addresses are the log's.
      leader.peers = peers;
      leader.crash();
      await leader.start();
      await world.until(() => leader.status.leader !== null && world.leaders.length === 1);
      if (!leader.leads) exchangeAs(world.leader, leader, [{ type: "TimeoutNow", term: leader.status.term }]);
      await world.until(() => leader.leads && other.status.leader === leader.id);
      await world.run(10);
    }
    const { clusterId, storeId } = other.raft;
    const introduction = { version: protocolVersion, clusterId, id: other.id, storeId };
    const messages = [acknowledged(leader.status.term, leader.raft.lastIndex + 1)];
    world.fate = ({ from }, to) => {
      if (from === leader && to === node) {
        return { reply: { status: 200, body: JSON.stringify({ ...introduction, messages }) } };
      }
      return from === leader || to === leader ? "lost" : "arrives";
    };
    leader.events = [];
    const command = leader.execute("SET x=1");
    await world.run(400);
    expect(command.isPending).toBe(true);
    expect(new Set(leader.eventsOf("refused").map((refused) => refused.code))).toEqual(new Set([code]));
    expect(leader.raft.peers.find(({ id }) => id === other.id)?.matchIndex).toBe(leader.raft.lastIndex - 1);
  });

  test.each([
    ["is no JSON", "<html>hello</html>"],
    ["is none of a node", '{"ok":true}'],
    ["holds a message that no node sends", '{"clusterId":null,"id":"B","storeId":"s","messages":[5]}'],
  ])("that %s makes a problem of who gave it, until a node is there", async (_what, body) => {
    const world = new World(["A", "B"]);
    const [A, B] = world.machines as [Machine, Machine];
    world.fate = (_call, to) => (to === B ? { reply: { status: 200, body } } : "arrives");
    await A.start();
    await B.start();
    await world.run(2000);
    expect(A.raft.problem).toContain(`${B.address} is no node of ours`);
    expect(new Set(A.eventsOf("refused").map(({ code }) => code))).toEqual(new Set(["not-a-node"]));
    world.heal();
    await world.until(() => world.leaders.length === 1 && A.raft.problem === null);
  });

  test.each([
    [401, "unauthorized", "the secret is missing or wrong"],
    [403, "raft-routes-closed", "set a secret first"],
    [404, "not-found", "no such route"],
  ])(
    "of %i to whoever only asks who is there is a problem, in the other's words",
    async (status, code, detail) => {
      const world = new World(["A", "B"]);
      const [A, B] = world.machines as [Machine, Machine];
      const body = JSON.stringify({ code, detail });
      world.fate = (_call, to) => (to === B ? { reply: { status, body } } : "arrives");
      await A.start();
      await world.run(1000);
      expect(A.raft.problem).toBe(`${B.address} refuses this node: ${detail}`);
      expect(A.eventsOf("refused")[0]).toMatchObject({ address: B.address, code });
    },
  );
});

test("a caller that expects another data directory here is refused, and nothing of it is taken in", async () => {
  const world = await cluster();
  const [node, other] = world.followers as [Machine, Machine];
  const { term, raft } = node.status;
  const messages = [append(other, term + 1, [raft.lastIndex, term])];
  const reply = exchangeAs(other, node, messages, { toStoreId: "another" });
  const right = exchangeAs(other, node, [], { toStoreId: raft.storeId });
  await world.run(1);
  expect(reply.value.status).toBe(403);
  expect(bodyOf(reply)).toMatchObject({ code: "wrong-store" });
  expect(right.value.status).toBe(200);
  expect(node.status.term).toBe(term);
});

describe("an address where nobody answers", () => {
  test("is asked again and again, more seldom each time, once a second in the end", async () => {
    const world = new World(["A", "B"]);
    const [A] = world.machines as [Machine];
    const times: number[] = [];
    world.fate = () => {
      times.push(world.now);
      return "arrives";
    };
    await A.start();
    await world.run(6000);
    const pauses = times.slice(1).map((at, i) => Math.round((at - (times[i] ?? 0)) / 100) * 100);
    expect(pauses.slice(0, 6)).toEqual([200, 400, 800, 1000, 1000, 1000]);
  });

  test("is asked at once when somebody calls from where nobody was", async () => {
    const world = new World(["A", "B", "C"]);
    const [A, B, C] = world.machines as [Machine, Machine, Machine];
    await A.start();
    await B.start();
    await world.until(() => world.leaders.length === 1);
    await world.run(5000);
    const since = world.now;
    await C.start();
    await world.until(() => world.leader.knowsAll && C.raft.clusterId !== null);
    expect(world.now - since).toBeLessThan(200);
  });
});

test("whoever calls under a name that nobody knows is answered and forgotten", async () => {
  const world = await cluster();
  const [node, other] = world.followers as [Machine, Machine];
  const { term, raft } = node.status;
  for (let i = 0; i < 20; i++) {
    const id = `Z${i}`;
    const vote = {
      type: "RequestVote",
      term: term + 1,
      candidateId: id,
      lastLogIndex: raft.lastIndex,
      lastLogTerm: term,
    };
    const reply = exchangeAs(other, node, [{ ...vote, preVote: true }], { id, storeId: "z" });
    await world.run(1);
    expect(messagesOf(reply)).toMatchObject([{ type: "RequestVoteResponse", voteGranted: false }]);
  }
  const calls = new Set<string>();
  world.fate = ({ from, address }) => {
    if (from === node) calls.add(address);
    return "arrives";
  };
  await world.run(2000);
  expect([...calls].filter((address) => address.includes("z"))).toEqual([]);
  expect(node.status).toMatchObject({ term, leader: world.leader.id });
});
