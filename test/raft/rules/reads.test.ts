import { expect, test } from "vitest";
import type { ReadIndexRequest, ReadIndexResponse } from "../../../shared/raft/types.ts";
import { ack, append, reject } from "../support/messages.ts";
import { candidate, leader, Solo, sent } from "../support/solo.ts";

/** Linearizable reads by ReadIndex: thesis 6.4, rules 7 and 19. Leases are not there yet (rule 20). */

const request = (from: string, readId: number): ReadIndexRequest => ({
  type: "ReadIndex",
  from,
  to: "N",
  term: 2,
  readId,
});
const read = (readId: number) => ({ type: "read", readId }) as const;

const settledRound = 1;

test("a read starts a round and is answered when a majority has acknowledged it", () => {
  const node = leader();
  const work = node.step(read(7));
  expect(sent(work, "AppendEntries")).toMatchObject([
    { round: settledRound + 1 },
    { round: settledRound + 1 },
  ]);
  expect(work.reads).toEqual([]);
  expect(node.receive(ack("A", 2, 2, { round: 2 })).reads).toEqual([{ readId: 7, readIndex: 2 }]);
});

test("acknowledgements of what was sent before the read do not confirm it (rule 19)", () => {
  const node = leader();
  node.timeout();
  node.step(read(7));
  expect(node.receive(ack("A", 2, 2, { round: 2 }), ack("B", 2, 2, { round: 2 })).reads).toEqual([]);
  expect(node.receive(ack("A", 2, 2, { round: 3 })).reads).toHaveLength(1);
});

test("nor do those that come in beside it, before its round has left", () => {
  const node = leader();
  const round = 9;
  const event = (from: string) => ({ type: "message", message: ack(from, 2, 2, { round }) }) as const;
  expect(node.step(read(7), event("A"), event("B")).reads).toEqual([]);
});

test("acknowledgements of a round that was never started confirm nothing later", () => {
  const node = leader();
  node.receive(ack("A", 2, 2, { round: 1000 }), ack("B", 2, 2, { round: 1000 }));
  expect(node.step(read(7)).reads).toEqual([]);
});

test("a refused append confirms as well: it comes from a follower of this term", () => {
  const node = leader({ log: [1, 1, 1], term: 1 }, false);
  node.receive(ack("A", 2, 4));
  node.step(read(7));
  expect(node.receive({ ...reject("B", 2, 3, [0, 0]), round: 2 }).reads).toHaveLength(1);
});

test("reads of one turn share a round; the next one needs another", () => {
  const node = leader();
  expect(sent(node.step(read(1), read(2)), "AppendEntries", "A")).toHaveLength(1);
  node.step(read(3));
  expect(node.receive(ack("A", 2, 2, { round: 2 })).reads.map(({ readId }) => readId)).toEqual([1, 2]);
  expect(node.receive(ack("B", 2, 2, { round: 3 })).reads.map(({ readId }) => readId)).toEqual([3]);
});

test("the round rides on entries that are due anyway", () => {
  const node = leader();
  const work = node.step(read(1), { type: "propose", proposals: [{ size: 1 }] });
  expect(sent(work, "AppendEntries", "A")).toMatchObject([{ round: 2, range: { first: 3, last: 3 } }]);
});

test("the index is that of the moment the read came in, not of its confirmation", () => {
  const node = leader();
  node.step(read(1));
  node.propose();
  node.persist();
  expect(node.receive(ack("A", 2, 3, { round: 2 })).reads).toEqual([{ readId: 1, readIndex: 2 }]);
});

test("before the term's first entry is committed no read has an index (rule 7)", () => {
  const node = leader({ log: [1, 1, 1], term: 1, commit: 1 }, false);
  node.step(read(1));
  expect(node.receive(ack("A", 2, 3, { round: 9 }), ack("B", 2, 3, { round: 9 })).reads).toEqual([]);
  expect(node.receive(ack("A", 2, 4)).reads).toEqual([]);
  expect(node.receive(ack("A", 2, 4, { round: 2 })).reads).toEqual([{ readId: 1, readIndex: 4 }]);
});

test("of five, two others must confirm; strangers and the same one twice do not", () => {
  const node = leader({ peers: ["A", "B", "C", "D"] });
  node.step(read(1));
  node.receive(ack("A", 2, 2, { round: 2 }), ack("A", 2, 2, { round: 2 }), ack("X", 2, 2, { round: 2 }));
  expect(node.work.reads).toEqual([]);
  expect(node.receive(ack("B", 2, 2, { round: 2 })).reads).toHaveLength(1);
});

test("a cluster of one answers at once", () => {
  expect(leader({ peers: [] }).step(read(1)).reads).toEqual([{ readId: 1, readIndex: 2 }]);
});

test("a deposed leader refuses what it had not confirmed, its followers' reads included", () => {
  const node = leader();
  node.step(read(1));
  node.receive(request("B", 5));
  const work = node.receive(append("A", 3, [2, 2]));
  expect(work.reads).toEqual([{ readId: 1, readIndex: null }]);
  expect(sent(work, "ReadIndexResponse")).toMatchObject([{ to: "B", readId: 5, readIndex: null }]);
});

test("so does one that lost its majority", () => {
  const node = leader();
  node.step(read(1));
  for (let i = 0; i < 10 && node.view.role === "Leader"; i++) node.timeout();
  expect(node.work.reads).toEqual([{ readId: 1, readIndex: null }]);
});

test("a follower asks its leader and takes its answer", () => {
  const node = new Solo();
  node.receive(append("A", 1, [1, 1]));
  expect(node.step(read(4)).send).toMatchObject([{ type: "ReadIndex", to: "A", readId: 4 }]);
  const answer: ReadIndexResponse = {
    type: "ReadIndexResponse",
    from: "A",
    to: "N",
    term: 1,
    readId: 4,
    readIndex: 1,
  };
  expect(node.receive(answer).reads).toEqual([{ readId: 4, readIndex: 1 }]);
  expect(node.receive({ ...answer, readIndex: null }).reads).toEqual([{ readId: 4, readIndex: null }]);
});

test("a leader answers a follower's read when a round after it is confirmed", () => {
  const node = leader();
  expect(sent(node.receive(request("B", 5)), "AppendEntries")).toHaveLength(2);
  expect(sent(node.receive(ack("A", 2, 2, { round: 2 })), "ReadIndexResponse")).toMatchObject([
    { to: "B", readId: 5, readIndex: 2 },
  ]);
});

test.each([
  ["a follower without a leader", () => new Solo()],
  ["a candidate", () => candidate()],
])("%s refuses at once, its own reads and others'", (_who, make) => {
  const node = make();
  expect(node.step(read(1)).reads).toEqual([{ readId: 1, readIndex: null }]);
  expect(sent(node.receive(request("B", 5)), "ReadIndexResponse")).toMatchObject([
    { readId: 5, readIndex: null },
  ]);
});
