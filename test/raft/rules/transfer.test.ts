import { describe, expect, test } from "vitest";
import type { RaftEvent } from "../../../shared/raft/types.ts";
import { ack, append, requestVote } from "../support/messages.ts";
import { leader, Solo, sent } from "../support/solo.ts";

/** Leadership transfer: thesis 3.10, rule 22; and the hand-over of a node whose disk stops, rule 24. */

const transfer = (to?: string): RaftEvent =>
  to === undefined ? { type: "transfer" } : { type: "transfer", to };

test("an up-to-date target is told at once, any other when it is", () => {
  const node = leader();
  expect(node.step(transfer("A")).send).toMatchObject([{ type: "TimeoutNow", to: "A", term: 2 }]);
  const behind = leader();
  behind.propose();
  expect(sent(behind.step(transfer("A")), "TimeoutNow")).toEqual([]);
  expect(sent(behind.receive(ack("B", 2, 3)), "TimeoutNow")).toEqual([]);
  expect(sent(behind.receive(ack("A", 2, 3)), "TimeoutNow")).toHaveLength(1);
  // Once.
  expect(sent(behind.receive(ack("A", 2, 3)), "TimeoutNow")).toEqual([]);
});

test("proposals and claims are refused until it is over, one way or the other", () => {
  const node = leader();
  node.propose();
  node.step(transfer("A"));
  expect([node.propose(), node.result][1]).toEqual({ accepted: false, reason: "transferring" });
  node.step({ type: "claim", member: { id: "C", storeId: "store-C", address: "" } });
  expect(node.result.accepted).toBe(false);
});

test("after an election timeout the leader gives up and goes on", () => {
  const node = leader();
  node.step(transfer("A"));
  const until = node.now + 500;
  for (let i = 0; i < 20 && node.now < until; i++) {
    node.receive(ack("A", 2, 2), ack("B", 2, 2));
    node.timeout();
  }
  expect(node.work.trace).toContainEqual({ type: "transfer-aborted", to: "A" });
  node.propose();
  expect(node.result.accepted).toBe(true);
});

test("a second request changes nothing", () => {
  const node = leader();
  node.propose();
  node.step(transfer("A"));
  expect(node.step(transfer("B")).trace).toEqual([]);
});

test("without a name it goes to whoever is furthest along", () => {
  const node = leader();
  node.propose();
  node.receive(ack("B", 2, 3));
  node.persist();
  expect(node.step(transfer()).trace).toEqual([{ type: "transfer-started", to: "B" }]);
});

test.each(["X", "N"])(
  "there is no handing over to %s, nor to one that was silent for an election timeout",
  (to) => {
    const node = leader();
    expect(node.step(transfer(to)).trace).toEqual([]);
    expect(new Solo().step(transfer("A")).send).toEqual([]);
  },
);

test("a target that has been silent for an election timeout is none", () => {
  const node = leader({ peers: ["A", "B", "C", "D"] });
  for (let i = 0; i < 5; i++) {
    node.timeout();
    node.receive(ack("B", 2, 2), ack("C", 2, 2));
  }
  expect(node.step(transfer("A")).trace).toEqual([]);
  expect(node.step(transfer("B")).trace).toEqual([{ type: "transfer-started", to: "B" }]);
});

test("a leader that hands over and is deposed says whether the order had left", () => {
  const node = leader();
  node.propose();
  node.step(transfer("A"));
  expect(node.receive(append("B", 3, [2, 2])).trace).toContainEqual({ type: "transfer-aborted", to: "A" });
});

test("the ordered one stands at once, without a pre-vote, and says who sent it", () => {
  const node = new Solo();
  node.receive(append("A", 1, [1, 1]));
  const work = node.receive({ type: "TimeoutNow", from: "A", to: "N", term: 1 });
  expect(node.view).toMatchObject({ role: "Candidate", term: 2 });
  expect(sent(work, "RequestVote")).toMatchObject([
    { preVote: false, leadershipTransfer: true, term: 2 },
    { preVote: false, leadershipTransfer: true, term: 2 },
  ]);
});

test.each([
  ["of another than its leader", "B", 1],
  ["of an earlier term", "A", 0],
  ["of a term that it has not heard of from its leader", "A", 2],
])("an order %s moves nobody", (_what, from, term) => {
  const node = new Solo();
  node.receive(append("A", 1, [1, 1]));
  expect(node.receive({ type: "TimeoutNow", from, to: "N", term }).send).toEqual([]);
  expect(node.view).toMatchObject({ role: "Follower", term: 1, leader: "A" });
});

test("the old leader itself votes for whom it sent", () => {
  const node = leader();
  node.step(transfer("A"));
  const work = node.receive(requestVote("A", 3, [2, 2], { leadershipTransfer: true }));
  expect(work.trace).toContainEqual({ type: "vote-granted", term: 3, to: "A", preVote: false });
});

test("a leader whose disk stops hands over without waiting for the last entries, and takes no more", () => {
  const node = leader();
  node.propose();
  const work = node.step({ type: "storage-stalled" });
  expect(sent(work, "TimeoutNow")).toMatchObject([{ to: "A" }]);
  node.propose();
  expect(node.result).toEqual({ accepted: false, reason: "stalled" });
});

test("nobody takes over from a stopped disk: the leader steps down at the end of the hand-over", () => {
  const node = leader();
  node.propose();
  node.step({ type: "storage-stalled" });
  const until = node.now + 500;
  for (let i = 0; i < 20 && node.now < until; i++) {
    node.receive(ack("A", 2, 2), ack("B", 2, 2));
    node.timeout();
  }
  expect(node.work.trace).toContainEqual({ type: "stepped-down", term: 2, cause: "storage-stalled" });
});

test("a hand-over under way is speeded up when the disk stops", () => {
  const node = leader();
  node.propose();
  expect(sent(node.step(transfer("A")), "TimeoutNow")).toEqual([]);
  expect(sent(node.step({ type: "storage-stalled" }), "TimeoutNow")).toMatchObject([{ to: "A" }]);
});

test("a node with a stopped disk neither votes nor answers pre-votes nor stands, until a write succeeds", () => {
  const node = new Solo();
  node.step({ type: "storage-stalled" });
  expect(
    node.receive(requestVote("A", 2, [1, 1]), requestVote("A", 2, [1, 1], { preVote: true })),
  ).toMatchObject({
    send: [],
    sendAfter: [],
    persist: null,
  });
  expect(node.timeout().send).toEqual([]);
  node.receive(append("A", 1, [1, 1], [{ index: 2, term: 1, kind: "command", size: 1 }]));
  node.persist();
  expect(sent(node.timeout(), "RequestVote")).toHaveLength(2);
});

test("a pre-vote that is won while the disk stands still raises no term", () => {
  const node = new Solo();
  node.timeout();
  node.step({ type: "storage-stalled" });
  node.receive({ ...requestVoteAnswer("A"), voteGranted: true });
  expect(node.view.term).toBe(1);
});

function requestVoteAnswer(from: string) {
  return {
    type: "RequestVoteResponse",
    from,
    to: "N",
    term: 1,
    requestTerm: 2,
    voteGranted: true,
    preVote: true,
  } as const;
}

describe("a leader of low priority", () => {
  const settings = { electionPriority: "low" } as const;

  test("hands over under load, too: whoever holds what was committed a heartbeat ago has caught up", () => {
    const node = leader({ settings });
    let work = node.work;
    for (let beat = 0; beat < 3 && sent(work, "TimeoutNow").length === 0; beat++) {
      const before = node.view.lastIndex;
      node.propose(5);
      node.persist();
      // A holds everything, and gives way as this node does; B holds what there was.
      node.receive(ack("A", node.view.term, node.view.lastIndex, { lowPriority: true }));
      node.receive(ack("B", node.view.term, before));
      work = node.timeout();
      if (work.trace.some(({ type }) => type === "transfer-started")) break;
    }
    expect(work.trace).toContainEqual({ type: "transfer-started", to: "B" });
  });

  test("and to nobody who is further behind, or gives way as well", () => {
    const node = leader({ settings });
    for (let beat = 0; beat < 5; beat++) {
      node.propose(5);
      node.persist();
      node.receive(ack("A", node.view.term, node.view.lastIndex, { lowPriority: true }));
      node.receive(ack("B", node.view.term, 2));
      expect(node.timeout().trace.map(({ type }) => type)).not.toContain("transfer-started");
    }
  });
});

test("of two that are as far along the one hands over to that is not there for the quorum alone", () => {
  const node = leader();
  node.receive(ack("A", node.view.term, node.view.lastIndex, { lowPriority: true }));
  node.receive(ack("B", node.view.term, node.view.lastIndex));
  expect(node.step({ type: "transfer" }).trace).toContainEqual({ type: "transfer-started", to: "B" });
});
