import { describe, expect, test } from "vitest";
import { ack, append, preVoteReply, requestVote } from "../support/messages.ts";
import { candidate, leader, Solo, sent } from "../support/solo.ts";

/** Deadlines: paper 5.2 and 9.3, check-quorum of thesis 6.2, announced timings, peer lost, late wakes. */

describe("an election timeout", () => {
  const followerDraw = (seed: number) => new Solo({ seed }).work.deadline;
  const candidateDraw = (seed: number) => {
    const node = candidate({ seed });
    return node.work.deadline - node.now;
  };

  test.each([
    ["a follower", followerDraw],
    ["a candidate", candidateDraw],
  ])("of %s falls everywhere between least and most", (_who, drawn) => {
    const tenths = new Set<number>();
    for (let seed = 1; seed < 400; seed++) {
      const ms = drawn(seed * 0x9e3779b9);
      expect(ms).toBeGreaterThanOrEqual(500);
      expect(ms).toBeLessThan(1000);
      tenths.add(Math.floor((ms - 500) / 50));
    }
    expect(tenths.size).toBe(10);
  });

  test("of five nodes rarely meets another's: the first leads by a round trip in most rounds", () => {
    let close = 0;
    for (let round = 0; round < 1000; round++) {
      const [one = 0, two = 0] = Array.from({ length: 5 }, (_, i) =>
        followerDraw((round * 5 + i + 1) * 0x85ebca6b),
      ).sort((a, b) => a - b);
      if (two - one < 10) close++;
    }
    expect(close).toBeLessThan(300);
  });

  test("is drawn anew every time", () => {
    const node = new Solo();
    const draws = Array.from({ length: 20 }, () => node.receive(append("A", 1, [1, 1])).deadline);
    expect(new Set(draws).size).toBe(20);
  });
});

test("a deadline that is served early does nothing", () => {
  const node = new Solo();
  node.now = node.work.deadline - 1;
  node.step({ type: "unreachable", peer: "A" });
  const before = node.core.encode();
  node.step({ type: "deadline" });
  expect(node.core.encode()).toBe(before);
  const office = leader();
  expect(office.step({ type: "deadline" }).send).toEqual([]);
});

describe("the leader's announced heartbeat", () => {
  test.each([
    [0, 500],
    [100, 500],
    [166, 500],
    [200, 600],
    [1000, 3000],
  ])("of %i ms makes followers wait for at least %i ms", (heartbeatMs, least) => {
    const node = new Solo();
    for (let i = 0; i < 50; i++) {
      const { deadline } = node.receive(append("A", 1, [1, 1], [], { heartbeatMs }));
      expect(deadline).toBeGreaterThanOrEqual(least);
      expect(deadline).toBeLessThan(2 * least);
    }
    expect(node.core.electionTimeoutMs()).toBe(least);
  });

  test("is what the leader sends, and what its own patience follows", () => {
    const node = leader({ settings: { heartbeatMs: 400 } });
    expect(sent(node.timeout(), "AppendEntries")[0]).toMatchObject({ heartbeatMs: 400 });
    expect(node.core.electionTimeoutMs()).toBe(1200);
  });
});

describe("a leader that hears", () => {
  test("nobody steps down after the least election timeout, no sooner", () => {
    const node = leader();
    const since = node.now;
    for (let i = 0; i < 10 && node.view.role === "Leader"; i++) node.timeout();
    expect(node.now - since).toBe(500);
    expect(node.work.trace).toContainEqual({ type: "stepped-down", term: 2, cause: "no-quorum" });
  });

  test("one of two stays, whatever it says", () => {
    const node = leader();
    for (let i = 0; i < 30; i++) {
      node.timeout();
      node.receive(ack("A", 2, 0));
    }
    expect(node.view.role).toBe("Leader");
  });

  test("one of four steps down", () => {
    const node = leader({ peers: ["A", "B", "C", "D"] });
    for (let i = 0; i < 6; i++) {
      node.receive(ack("A", 2, 2));
      node.timeout();
    }
    expect(node.view.role).toBe("Follower");
  });

  test("nobody because there is nobody stays", () => {
    const node = leader({ peers: [] });
    for (let i = 0; i < 30; i++) node.timeout();
    expect(node.view.role).toBe("Leader");
  });

  test("a majority knows when it last did", () => {
    const node = leader();
    const heard = node.now;
    node.timeout();
    expect(node.core.contactAt()).toBe(heard);
    node.receive(ack("B", 2, 2));
    expect(node.core.contactAt()).toBe(node.now);
  });
});

describe("a lost leader", () => {
  const follower = () => {
    const node = new Solo();
    node.receive(append("A", 1, [1, 1]));
    return node;
  };
  const lost = { type: "peer-lost", peer: "A" } as const;

  test("is forgotten, and a pre-vote follows within 20 ms", () => {
    const node = follower();
    expect(node.step(lost).deadline - node.now).toBeLessThan(20);
    expect(node.view.leader).toBeNull();
    expect(sent(node.timeout(), "RequestVote")).toMatchObject([{ preVote: true }, { preVote: true }]);
    expect(node.view.term).toBe(1);
  });

  test("is asked about again every few milliseconds, for an election timeout", () => {
    const node = follower();
    node.step(lost);
    let tries = 0;
    while (node.timeout().deadline - node.now < 100 && tries < 100) tries++;
    expect(node.now).toBeGreaterThanOrEqual(490);
    expect(node.now).toBeLessThan(540);
    expect(tries).toBeGreaterThan(15);
  });

  test("that speaks again was not lost", () => {
    const node = follower();
    node.step(lost);
    expect(node.receive(append("A", 1, [1, 1])).deadline).toBeGreaterThanOrEqual(500);
    node.timeout();
    // The next silence is an ordinary one.
    expect(node.work.deadline - node.now).toBeGreaterThanOrEqual(500);
  });

  test("frees the vote of whoever saw it", () => {
    const node = follower();
    node.step(lost);
    node.receive(requestVote("B", 2, [1, 1], { preVote: true }));
    expect(node.work.trace).toContainEqual({ type: "vote-granted", term: 2, to: "B", preVote: true });
  });

  test("leaves the election to the lower id of those that lost it together, when their logs are equal", () => {
    for (const [rival, last, granted] of [
      ["A2", [1, 1], true],
      ["Z", [1, 1], false],
      ["Z", [2, 1], true],
      ["A2", [0, 0], false],
    ] as const) {
      const node = follower();
      node.step(lost);
      node.timeout();
      const work = node.receive(requestVote(rival, 2, last, { preVote: true }));
      expect(sent(work, "RequestVoteResponse")).toMatchObject([{ voteGranted: granted }]);
      // Whoever grants leaves the other the time to be elected, and would not be elected beside it.
      if (granted) expect(work.deadline - node.now).toBeGreaterThanOrEqual(20);
      node.receive(preVoteReply("B", 2, true));
      expect(node.view.role).toBe(granted ? "Follower" : "Candidate");
    }
  });

  test("is nobody's precedence for longer than an election timeout", () => {
    const node = follower();
    node.step(lost);
    node.timeout();
    for (let i = 0; i < 100 && node.work.deadline - node.now < 100; i++) node.timeout();
    node.timeout();
    node.receive(requestVote("Z", 2, [1, 1], { preVote: true }));
    expect(node.work.trace).toContainEqual({ type: "vote-granted", term: 2, to: "Z", preVote: true });
  });

  test("is not any other peer, nor anybody at a leader", () => {
    const node = follower();
    const before = node.core.encode();
    node.step({ type: "peer-lost", peer: "B" });
    expect(node.core.encode()).toBe(before);
    const office = leader();
    expect(office.step(lost).trace).toEqual([]);
  });
});

describe("a deadline served late by more than a heartbeat", () => {
  test("is put off by a heartbeat, once", () => {
    const node = new Solo();
    node.now = node.work.deadline + 101;
    expect(node.step({ type: "deadline" }).trace).toMatchObject([{ type: "late-wake", lateMs: 101 }]);
    expect(node.work.deadline).toBe(node.now + 100);
    node.now = node.work.deadline + 101;
    expect(sent(node.step({ type: "deadline" }), "RequestVote")).toHaveLength(2);
  });

  test("is put off again when something was heard in between", () => {
    const node = new Solo();
    for (let i = 0; i < 3; i++) {
      node.now = node.work.deadline + 5000;
      expect(node.step({ type: "deadline" }).trace).toMatchObject([{ type: "late-wake" }]);
      node.receive(append("A", 1, [1, 1]));
    }
  });

  test("by less counts as in time", () => {
    const node = new Solo();
    node.now = node.work.deadline + 100;
    expect(sent(node.step({ type: "deadline" }), "RequestVote")).toHaveLength(2);
  });

  test("does not depose a leader for the time it slept, and makes it look around at once", () => {
    const node = leader();
    node.now += 60_000;
    const work = node.step({ type: "deadline" });
    expect(node.view.role).toBe("Leader");
    expect(sent(work, "AppendEntries")).toHaveLength(2);
  });

  test("does not keep a leader that hears nobody in office for ever", () => {
    const node = leader();
    for (let i = 0; i < 12; i++) {
      node.now = node.work.deadline + 150;
      node.step({ type: "deadline" });
    }
    expect(node.view.role).toBe("Follower");
  });

  test("puts off the end of a hand-over", () => {
    const node = leader();
    node.propose();
    node.step({ type: "transfer", to: "A" });
    node.now += 60_000;
    node.step({ type: "deadline" });
    expect(sent(node.receive(ack("A", 2, 3)), "TimeoutNow")).toHaveLength(1);
  });
});

test("time that seems to go back stands still", () => {
  const node = new Solo();
  node.sleep(400);
  node.receive(append("A", 1, [1, 1]));
  node.now = 0;
  node.receive(preVoteReply("B", 2, true));
  expect(node.work.deadline).toBeGreaterThanOrEqual(900);
});
