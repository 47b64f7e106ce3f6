import { describe, expect, test } from "vitest";
import { ack } from "../support/messages.ts";
import { leader, sent } from "../support/solo.ts";

/** When an entry is committed: paper 5.3 and 5.4.2, rules 1 and 5. */

const others = (size: number) => ["A", "B", "C", "D", "E", "F"].slice(0, size - 1);

describe.each([1, 2, 3, 4, 5, 6, 7])("of %i nodes", (size) => {
  test.each(Array.from({ length: size }, (_, i) => i))("%i acknowledgements commit by majority", (acks) => {
    const node = leader({ peers: others(size) });
    const { commitIndex } = node.view;
    node.propose();
    node.persist();
    for (const id of others(size).slice(0, acks)) node.receive(ack(id, 2, 3));
    const committed = acks + 1 >= Math.floor(size / 2) + 1;
    expect(node.view.commitIndex).toBe(committed ? 3 : commitIndex);
  });
});

test("the leader counts itself only as far as its own disk is (rule 5)", () => {
  const node = leader();
  node.propose();
  expect(node.receive(ack("A", 2, 3)).commit).toBeNull();
  expect(node.persist().commit).toEqual({ first: 3, last: 3 });
  // The others may be the majority without it.
  node.propose();
  expect(node.receive(ack("A", 2, 4), ack("B", 2, 4)).commit).toEqual({ first: 4, last: 4 });
});

test("a write that was overtaken does not count for what came after it (rule 6)", () => {
  const node = leader();
  const first = node.propose().persist?.number ?? 0;
  node.propose();
  node.receive(ack("A", 2, 4));
  expect(node.step({ type: "persisted", number: first }).commit).toEqual({ first: 3, last: 3 });
});

test("entries of earlier terms are not committed by counting (rule 1), and follow with the own term's", () => {
  const node = leader({ log: [1, 1, 2, 2], term: 2 }, false);
  node.receive(ack("A", 3, 4), ack("B", 3, 4));
  expect(node.view.commitIndex).toBe(0);
  expect(node.receive(ack("A", 3, 5)).commit).toEqual({ first: 1, last: 5 });
});

test("a commit is handed out once, in order, and told to the followers that hold it", () => {
  const node = leader();
  node.propose(2);
  node.persist();
  const work = node.receive(ack("A", 2, 4));
  expect(work.commit).toEqual({ first: 3, last: 4 });
  expect(sent(work, "AppendEntries")).toMatchObject([{ to: "A", prevLogIndex: 4, leaderCommit: 4 }]);
  expect(node.receive(ack("A", 2, 4)).commit).toBeNull();
  // B is told when it has them.
  expect(sent(node.receive(ack("B", 2, 4)), "AppendEntries")).toMatchObject([{ to: "B", leaderCommit: 4 }]);
});

test("one node's acknowledgements count once", () => {
  const node = leader({ peers: others(5) });
  node.propose();
  node.persist();
  node.receive(ack("A", 2, 3), ack("A", 2, 3), ack("A", 2, 3), ack("X", 2, 3), ack("Y", 2, 3));
  expect(node.view.commitIndex).toBe(2);
});
