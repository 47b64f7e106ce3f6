import { expect, test } from "vitest";
import { append, preVoteReply, requestVote, voteReply } from "../support/messages.ts";
import { candidate, leader, Solo, sent } from "../support/solo.ts";

/** Pre-vote and stickiness: thesis 9.6 and 4.2.3, rules 11 to 13. */

test("asking changes neither term nor vote, here and at the voter (rule 12)", () => {
  const asker = new Solo();
  expect(asker.timeout().persist).toBeNull();
  expect(asker.view).toMatchObject({ role: "Follower", term: 1, leader: null });
  const voter = new Solo();
  const work = voter.receive(requestVote("A", 2, [1, 1], { preVote: true }));
  expect(work.persist).toBeNull();
  expect(sent(work, "RequestVoteResponse")).toMatchObject([{ voteGranted: true, term: 1, requestTerm: 2 }]);
  expect(voter.view.term).toBe(1);
  // It may grant as many as ask.
  expect(
    sent(voter.receive(requestVote("B", 2, [1, 1], { preVote: true })), "RequestVoteResponse"),
  ).toMatchObject([{ to: "B", voteGranted: true }]);
});

test("a pre-vote leaves the voter's patience as it is", () => {
  const voter = new Solo();
  const { deadline } = voter.work;
  voter.sleep(100);
  expect(voter.receive(requestVote("A", 2, [1, 1], { preVote: true })).deadline).toBe(deadline);
});

test("a refusal for an old term carries the voter's own, and the asker learns it", () => {
  const voter = new Solo({ term: 7 });
  const work = voter.receive(requestVote("A", 2, [9, 9], { preVote: true }));
  expect(sent(work, "RequestVoteResponse")).toMatchObject([{ voteGranted: false, term: 7, requestTerm: 2 }]);
  const asker = new Solo();
  asker.timeout();
  asker.receive(voteReply("A", 7, false, { preVote: true, requestTerm: 2 }));
  expect(asker.view).toMatchObject({ role: "Follower", term: 7 });
});

test.each([
  ["grants for another term", voteReply("A", 1, true, { requestTerm: 3, preVote: true })],
  ["votes", voteReply("A", 1, true, { requestTerm: 2 })],
  ["grants of a stranger", preVoteReply("X", 2, true)],
])("%s do not carry a pre-candidate further", (_what, message) => {
  const node = new Solo({ term: 1 });
  node.timeout();
  node.receive(message);
  expect(node.view).toMatchObject({ role: "Follower", term: 1 });
});

test("grants of a pre-vote do not elect a candidate", () => {
  const node = candidate();
  node.receive(preVoteReply("A", 2, true), preVoteReply("B", 2, true));
  expect(node.view.role).toBe("Candidate");
});

test("a pre-candidate is a follower still: it grants votes and follows a leader of its term", () => {
  const node = new Solo();
  node.timeout();
  node.receive(requestVote("A", 1, [1, 1]));
  node.receive(preVoteReply("A", 2, true));
  expect(node.view).toMatchObject({ role: "Follower", term: 1 });
  node.timeout();
  node.receive(append("B", 1, [1, 1]));
  node.receive(preVoteReply("A", 2, true));
  expect(node.view).toMatchObject({ role: "Follower", term: 1, leader: "B" });
});

test("a leader does not answer for another while it is in office, not even in a later term", () => {
  const node = leader();
  const work = node.receive(requestVote("A", 9, [9, 9], { preVote: true }), requestVote("A", 9, [9, 9]));
  expect(sent(work, "RequestVoteResponse")).toMatchObject([{ voteGranted: false }, { voteGranted: false }]);
  expect(node.view).toMatchObject({ role: "Leader", term: 2 });
});

test.each([false, true])(
  "a follower sticks to a leader it heard within the least timeout (pre-vote: %s)",
  (preVote) => {
    for (const [silence, sticks] of [
      [0, true],
      [499, true],
      [500, false],
    ] as const) {
      const node = new Solo();
      node.receive(append("A", 1, [1, 1]));
      node.sleep(silence);
      node.receive(requestVote("B", 2, [1, 1], { preVote }));
      const granted = node.work.trace.some(({ type }) => type === "vote-granted");
      expect(granted).toBe(!sticks);
      expect(node.view.term).toBe(sticks || preVote ? 1 : 2);
    }
  },
);

test("a candidate that the leader sent is heard at once (thesis 3.10)", () => {
  const node = new Solo();
  node.receive(append("A", 1, [1, 1]));
  node.receive(requestVote("B", 2, [1, 1], { leadershipTransfer: true }));
  expect(node.work.trace).toContainEqual({ type: "vote-granted", term: 2, to: "B", preVote: false });
});

test("refusals of an earlier try do not stand against grants of a later one", () => {
  const node = new Solo();
  node.timeout();
  node.receive(preVoteReply("A", 2, false), preVoteReply("B", 2, false));
  node.receive(preVoteReply("A", 2, true));
  expect(node.view).toMatchObject({ role: "Candidate", term: 2 });
});

test("after losing, the next try comes at the deadline that was drawn, not at once", () => {
  const node = new Solo();
  node.timeout();
  node.receive(preVoteReply("A", 2, false), preVoteReply("B", 2, false));
  expect(node.work.deadline - node.now).toBeGreaterThanOrEqual(500);
});
