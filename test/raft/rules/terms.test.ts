import { describe, expect, test } from "vitest";
import { ack, append, reject, requestVote, voteReply } from "../support/messages.ts";
import { candidate, held, leader, Solo, sent } from "../support/solo.ts";

/** Terms, paper 5.1. */

const roles = {
  follower: () => new Solo({ log: [1], term: 3 }),
  candidate: () => candidate({ log: [1], term: 2 }),
  leader: () => leader({ log: [1], term: 2 }),
};

describe.each(Object.entries(roles))("a %s in term 3", (_role, make) => {
  test.each([
    ["append", append("A", 7, [1, 1])],
    ["append's answer", reject("A", 7, 1, [0, 0])],
    ["vote's answer", voteReply("A", 7, false)],
    ["candidate of a transfer", requestVote("A", 7, [9, 9], { leadershipTransfer: true })],
  ])("follows the later term of an %s", (_kind, message) => {
    const node = make();
    const { trace, persist } = node.receive(message);
    expect(node.view).toMatchObject({ role: "Follower", term: 7 });
    expect(trace).toContainEqual({ type: "term", term: 7 });
    // Term and a vote that is free again become durable before anything of that term is said.
    expect(persist?.hardState?.term).toBe(7);
  });

  test.each([
    ["append", append("A", 2, [1, 1], [], { leaderCommit: 1 })],
    ["acknowledgement", ack("A", 2, 9)],
    ["vote", voteReply("A", 2, true)],
    ["order to stand", { type: "TimeoutNow", from: "A", to: "N", term: 2 } as const],
  ])("is not moved by an %s of an earlier term", (_kind, message) => {
    const node = make();
    const before = node.view;
    node.receive(message);
    expect(node.view).toEqual(before);
  });

  test("refuses an earlier term's candidate and tells it the term", () => {
    const { send } = make().receive(requestVote("A", 2, [9, 9]));
    expect(send).toMatchObject([{ type: "RequestVoteResponse", voteGranted: false, term: 3 }]);
  });

  test("answers an earlier term's append, by which a leader left behind learns the term (rule 13)", () => {
    const { send } = make().receive(append("A", 2, [1, 1]));
    expect(send).toMatchObject([{ type: "AppendEntriesResponse", success: false, term: 3 }]);
  });
});

test("says nothing that depends on a new term before that is durable", () => {
  const node = new Solo();
  const work = node.receive(append("A", 5, [9, 9]));
  expect(work.send).toEqual([]);
  expect(held(work, "AppendEntriesResponse")).toHaveLength(1);
  expect(node.core.hardStateIsDurable()).toBe(false);
  // Nor does the next answer overtake it.
  expect(held(node.receive(append("A", 5, [9, 9])), "AppendEntriesResponse")).toHaveLength(1);
  node.persist();
  expect(node.core.hardStateIsDurable()).toBe(true);
  expect(sent(node.receive(append("A", 5, [9, 9])), "AppendEntriesResponse")).toHaveLength(1);
});

test("takes in nothing that is meant for another node, or comes from itself", () => {
  const node = new Solo();
  const before = node.core.encode();
  node.receive({ ...append("A", 5, [1, 1]), to: "B" }, { ...append("A", 5, [1, 1]), from: "N" });
  expect(node.core.encode()).toBe(before);
});

test("does not follow into a term that no election can have reached", () => {
  const node = new Solo();
  const before = node.core.encode();
  node.receive(append("A", 2 ** 53 - 1, [1, 1]), requestVote("A", 2 ** 40, [9, 9]), ack("A", 2 ** 33, 1));
  expect(node.core.encode()).toBe(before);
});

test("names the leader again when the same one leads a later term", () => {
  const node = new Solo();
  node.receive(append("A", 2, [1, 1]));
  expect(node.receive(append("A", 2, [1, 1])).trace).toEqual([]);
  expect(node.receive(append("A", 3, [1, 1])).trace).toContainEqual({
    type: "follows",
    term: 3,
    leader: "A",
  });
});
