import { describe, expect, test } from "vitest";
import { append, preVoteReply, requestVote, voteReply } from "../support/messages.ts";
import { candidate, held, Solo, sent } from "../support/solo.ts";

/** Leader election, paper 5.2 and 5.4.1. */

const others = (size: number) => ["A", "B", "C", "D", "E", "F"].slice(0, size - 1);

test("a node starts as a follower that knows no leader", () => {
  expect(new Solo({ term: 4 }).view).toMatchObject({ role: "Follower", term: 4, leader: null });
});

test("a time-out raises the term, votes for itself and asks everybody else", () => {
  const node = new Solo({ log: [1, 2], term: 2 });
  node.timeout();
  const work = node.receive(preVoteReply("A", 3, true));
  expect(node.view).toMatchObject({ role: "Candidate", term: 3 });
  expect(work.persist?.hardState).toEqual({ term: 3, votedFor: "N" });
  const asked = sent(work, "RequestVote");
  expect(asked.map(({ to }) => to)).toEqual(["A", "B"]);
  expect(asked[0]).toMatchObject({ term: 3, lastLogIndex: 2, lastLogTerm: 2, preVote: false });
});

test("a candidate that hears nothing asks again, for the next term", () => {
  const node = candidate();
  node.timeout();
  node.receive(preVoteReply("A", 3, true));
  expect(node.view).toMatchObject({ role: "Candidate", term: 3 });
});

describe.each([1, 2, 3, 4, 5, 6, 7])("of %i nodes", (size) => {
  const quorum = Math.floor(size / 2) + 1;

  test.each(Array.from({ length: size }, (_, i) => i))("%i votes of others decide by majority", (granted) => {
    const node = candidate({ peers: others(size) });
    for (const id of others(size).slice(0, granted)) node.receive(voteReply(id, 2, true));
    expect(node.view.role).toBe(1 + granted >= quorum ? "Leader" : "Candidate");
  });

  test.each(Array.from({ length: size }, (_, i) => i))(
    "%i refusals end it when no majority is left",
    (refused) => {
      const node = candidate({ peers: others(size) });
      for (const id of others(size).slice(0, refused)) node.receive(voteReply(id, 2, false));
      const stillPossible = size - refused >= quorum;
      expect(node.view.role).toBe(size === 1 ? "Leader" : stillPossible ? "Candidate" : "Follower");
    },
  );
});

test("one voter counts once, and a stranger not at all", () => {
  const node = candidate({ peers: others(5) });
  for (let i = 0; i < 3; i++) node.receive(voteReply("A", 2, true));
  node.receive(voteReply("X", 2, true), voteReply("Y", 2, true));
  expect(node.view.role).toBe("Candidate");
  node.receive(voteReply("B", 2, true));
  expect(node.view.role).toBe("Leader");
});

test.each(["constructor", "__proto__", "toString"])("a member may be called %s", (id) => {
  const node = candidate({ peers: [id, "B"] });
  expect(node.view.role).toBe("Candidate");
  node.receive(voteReply(id, 2, false));
  expect(node.view.role).toBe("Candidate");
  node.receive(voteReply(id, 2, true));
  expect(node.view.role).toBe("Leader");
});

test("the own vote counts when it is durable, however many others are in (rule 2)", () => {
  const node = new Solo({ peers: others(5) });
  node.timeout();
  node.receive(preVoteReply("A", 2, true), preVoteReply("B", 2, true));
  node.receive(voteReply("A", 2, true), voteReply("B", 2, true), voteReply("C", 2, true));
  expect(node.view.role).toBe("Candidate");
  node.persist();
  expect(node.view.role).toBe("Leader");
});

test("a write that completes before the vote's own does not count for it", () => {
  const node = new Solo();
  const first = node.receive(append("A", 1, [1, 1], [{ index: 2, term: 1, kind: "command", size: 1 }]));
  node.now = first.deadline;
  node.step({ type: "deadline" });
  node.receive(preVoteReply("B", 2, true));
  node.receive(voteReply("B", 2, true));
  node.step({ type: "persisted", number: first.persist?.number ?? 0 });
  expect(node.view.role).toBe("Candidate");
  node.persist();
  expect(node.view.role).toBe("Leader");
});

describe("a voter", () => {
  test.each([
    ["nobody yet", null, true],
    ["the same candidate", "A", true],
    ["another", "B", false],
  ])("that has voted for %s", (_whom, votedFor, granted) => {
    const node = new Solo({ term: 3, ...(votedFor === null ? {} : { votedFor }) });
    const work = node.receive(requestVote("A", 3, [1, 1]));
    const answers = [...sent(work, "RequestVoteResponse"), ...held(work, "RequestVoteResponse")];
    expect(answers).toMatchObject([{ to: "A", voteGranted: granted, term: 3 }]);
    // Repeating what is durable costs no write.
    expect(work.persist === null).toBe(votedFor !== null);
  });

  test("writes its vote before it tells it", () => {
    const work = new Solo().receive(requestVote("A", 5, [1, 1]));
    expect(work.persist?.hardState).toEqual({ term: 5, votedFor: "A" });
    expect(work.send).toEqual([]);
    expect(held(work, "RequestVoteResponse")).toHaveLength(1);
  });

  test("that is stopped in between votes once: the second asks in vain", () => {
    const node = new Solo();
    node.receive(requestVote("A", 2, [1, 1]));
    const work = node.receive(requestVote("B", 2, [1, 1]));
    expect(held(work, "RequestVoteResponse")).toMatchObject([{ to: "B", voteGranted: false }]);
  });

  test("starts its patience anew when it grants, and not when it refuses in its own term", () => {
    const node = new Solo({ log: [1, 1], term: 1 });
    const { deadline } = node.work;
    node.sleep(100);
    expect(node.receive(requestVote("A", 1, [1, 1])).deadline).toBe(deadline);
    expect(node.receive(requestVote("A", 1, [2, 1])).deadline).toBeGreaterThanOrEqual(600);
  });

  // Paper 5.4.1: the later last term wins, whatever the lengths; within one term the longer log.
  test.each([
    [[1, 1], [2, 1], true],
    [[1, 1], [1, 1], false],
    [[1, 1, 1], [2, 1], false],
    [[1, 1, 1], [1, 2], true],
    [[1, 2], [9, 1], false],
    [[1, 2], [2, 2], true],
    [[1, 1, 2], [2, 2], false],
  ] as const)("with log %j judges a candidate with last entry %j", (log, last, granted) => {
    for (const preVote of [false, true]) {
      const node = new Solo({ log, term: 3 });
      const work = node.receive(requestVote("A", 4, last, { preVote }));
      const [answer] = [...sent(work, "RequestVoteResponse"), ...held(work, "RequestVoteResponse")];
      expect(answer?.voteGranted).toBe(granted);
    }
  });

  test("votes for a candidate that its own configuration does not know (rule 9)", () => {
    const work = new Solo().receive(requestVote("X", 2, [1, 1]));
    expect(held(work, "RequestVoteResponse")).toMatchObject([{ to: "X", voteGranted: true }]);
  });
});

test.each([2, 3])("an append of term %i ends a candidacy for term 2", (term) => {
  const node = candidate();
  node.receive(append("A", term, [1, 1]));
  expect(node.view).toMatchObject({ role: "Follower", term, leader: "A" });
});

test("a vote is asked for with a log that a crash cannot shorten", () => {
  const node = new Solo();
  const { persist } = node.receive(append("A", 1, [1, 1], [{ index: 2, term: 1, kind: "command", size: 1 }]));
  node.timeout();
  // The question whether one could win promises nothing, and is not kept waiting.
  expect(sent(node.work, "RequestVote")).toMatchObject([{ preVote: true, lastLogIndex: 2 }, { to: "B" }]);
  const work = node.receive(preVoteReply("B", 2, true));
  expect(sent(work, "RequestVote")).toEqual([]);
  expect(held(work, "RequestVote")).toMatchObject([{ lastLogIndex: 2 }, { lastLogIndex: 2 }]);
  expect(persist?.number).toBeLessThan(work.persist?.number ?? 0);
});

test("a node that its configuration does not name, or names with another directory, does not stand", () => {
  for (const id of ["A", "N"]) {
    const node = new Solo({ peers: ["A"] });
    const slots = [{ id, storeId: "another", address: "" }];
    const configuration = { clusterId: "cluster", slots };
    node.receive(
      append("A", 1, [1, 1], [{ index: 2, term: 1, kind: "configuration", size: 1, configuration }]),
    );
    node.timeout();
    expect(sent(node.work, "RequestVote")).toEqual([]);
    expect(node.work.deadline).toBeGreaterThan(node.now);
  }
});
