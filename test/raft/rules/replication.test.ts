import { describe, expect, test } from "vitest";
import { ack, append, reject } from "../support/messages.ts";
import { entriesOf } from "../support/settings.ts";
import { held, leader, Solo, sent, spans } from "../support/solo.ts";

/** Log replication, paper 5.3. */

describe("a leader", () => {
  test("begins its term with an entry, sent at once to everybody behind its last one", () => {
    const node = leader({ log: [1, 1], term: 1 }, false);
    expect(node.view).toMatchObject({ lastIndex: 3, role: "Leader", leader: "N" });
  });

  test("sends a proposal beside writing it, with what stands before it and its commit index", () => {
    const node = leader();
    const work = node.propose();
    expect(node.result).toEqual({ accepted: true, first: 3, term: 2 });
    expect(work.persist?.entries).toMatchObject([{ index: 3, term: 2, kind: "command", data: "x" }]);
    expect(sent(work, "AppendEntries")).toMatchObject([
      { to: "A", prevLogIndex: 2, prevLogTerm: 2, range: { first: 3, last: 3 }, leaderCommit: 2 },
      { to: "B", prevLogIndex: 2, prevLogTerm: 2, range: { first: 3, last: 3 }, leaderCommit: 2 },
    ]);
  });

  test("sends an empty append to everybody with every heartbeat", () => {
    const node = leader();
    const at = node.now;
    const work = node.timeout();
    expect(node.now - at).toBe(100);
    expect(spans(sent(work, "AppendEntries"))).toEqual(["2", "2"]);
  });

  test("never names more commits than the very message proves (rule 14)", () => {
    const node = leader({}, false);
    node.receive(ack("A", 2, 2));
    expect(node.view.commitIndex).toBe(2);
    // B has answered nothing: for all that is known its log ends at 0.
    expect(sent(node.timeout(), "AppendEntries", "B")).toMatchObject([{ prevLogIndex: 1, leaderCommit: 1 }]);
  });

  test("goes back by whole terms where logs differ, with both sides' knowledge (rule 16)", () => {
    const node = leader({ log: [1, 1, 1, 4, 4, 5, 5, 6, 6, 6], term: 6 }, false);
    // A: 1 1 1 2 2 2 3 3 3 3 3; its refusal of 10@6 names its last entry of a term not above that.
    const work = node.receive(reject("A", 7, 10, [10, 3]));
    expect(spans(sent(work, "AppendEntries", "A"))).toEqual(["3: 4..10"]);
    // B is short.
    expect(spans(sent(node.receive(reject("B", 7, 10, [4, 4])), "AppendEntries", "B"))).toEqual(["4: 5..10"]);
  });

  test("is not sent further back by refusals that later answers have overtaken", () => {
    const node = leader({ log: [1, 1, 1, 1], term: 1 }, false);
    const first = node.receive(reject("A", 2, 4, [3, 1]));
    expect(spans(sent(first, "AppendEntries", "A"))).toEqual(["3: 4..4"]);
    expect(node.receive(reject("A", 2, 4, [3, 1])).send).toEqual([]);
    node.receive(ack("A", 2, 5));
    expect(node.receive(reject("A", 2, 4, [0, 0])).send).toEqual([]);
    expect(node.view.peers[0]).toMatchObject({ matchIndex: 5, nextIndex: 6 });
  });

  test("believes no match beyond its own log", () => {
    const node = leader({}, false);
    node.receive(ack("A", 2, 99), ack("B", 2, 99));
    expect(node.view).toMatchObject({ commitIndex: 0, role: "Leader" });
  });

  test("does not lower a match for an answer that comes late", () => {
    const node = leader();
    node.propose(3);
    node.receive(ack("A", 2, 5), ack("A", 2, 3));
    expect(node.view.peers[0]?.matchIndex).toBe(5);
  });

  test("knows how far every follower has its log, and elsewhere there is nobody to send it to", () => {
    const node = leader();
    node.propose(3);
    node.receive(ack("A", 2, 5));
    expect(node.core.replicatedIndex).toBe(2);
    node.receive(ack("B", 2, 4));
    expect(node.core.replicatedIndex).toBe(4);
    expect(new Solo({ log: [1, 1, 1] }).core.replicatedIndex).toBe(3);
  });

  test("gives a whole turn's proposals to each follower in one message", () => {
    const node = leader();
    const proposals = [{ size: 1 }];
    const work = node.step({ type: "propose", proposals }, { type: "propose", proposals });
    expect(spans(sent(work, "AppendEntries", "A"))).toEqual(["2: 3..4"]);
    expect(work.persist?.entries).toHaveLength(2);
  });

  test("does not answer an append or a match of its own term that it could not have caused", () => {
    const node = leader();
    const before = node.view;
    expect(node.receive(append("A", 2, [1, 1]), ack("X", 2, 2)).send).toEqual([]);
    expect(node.view).toEqual(before);
  });
});

describe("a follower", () => {
  // Log 1@1 2@1 3@2, committed up to 1.
  const follower = () => new Solo({ log: [1, 1, 2], term: 2, commit: 1 });

  test.each([
    ["agrees", [3, 2], null],
    ["agrees before its end", [2, 1], null],
    ["is short", [4, 2], [3, 2]],
    ["is far short", [9, 9], [3, 2]],
    ["differs", [3, 3], [3, 2]],
    ["differs, and skips its own later terms", [3, 1], [2, 1]],
  ] as const)("whose log %s with what stands before the entries", (_how, prev, hint) => {
    const work = follower().receive(append("A", 3, prev, []));
    const [answer] = held(work, "AppendEntriesResponse");
    expect(answer?.success).toBe(hint === null);
    if (hint) expect([answer?.conflictIndex, answer?.conflictTerm]).toEqual(hint);
  });

  test.each([
    ["new ones", [3, 2], [3], [4], 0],
    ["one it has", [2, 1], [2], [], 0],
    ["some it has, some new", [2, 1], [2, 3], [4], 0],
    ["a conflict", [2, 1], [3, 3], [3, 4], 3],
    ["a conflict at the end of known ones", [1, 1], [1, 3], [3], 3],
    ["fewer than it has", [1, 1], [1], [], 0],
  ] as const)("takes in %s", (_what, prev, terms, written, truncated) => {
    const node = follower();
    const entries = entriesOf(terms, prev[0] + 1);
    const work = node.receive(append("A", 3, prev, entries));
    expect(work.persist?.entries.map(({ index }) => index)).toEqual(written);
    const cut = work.trace.find((event) => event.type === "truncated");
    expect(cut?.from ?? 0).toBe(truncated);
    expect(held(work, "AppendEntriesResponse")).toMatchObject([
      { success: true, matchIndex: prev[0] + terms.length },
    ]);
  });

  test.each([
    [0, [3, 2], 1, 1],
    [2, [3, 2], 1, 2],
    [9, [3, 2], 0, 3],
    [9, [2, 1], 0, 2],
    [9, [2, 1], 1, 3],
    [9, [3, 2], 2, 5],
  ] as const)(
    "told commit %i with previous %j and %i entries commits to %i",
    (leaderCommit, prev, more, to) => {
      const node = follower();
      const terms = prev[0] === 2 ? [2] : [3, 3];
      const entries = entriesOf(terms.slice(0, more), prev[0] + 1);
      node.receive(append("A", 3, prev, entries, { leaderCommit }));
      expect(node.view.commitIndex).toBe(to);
      expect(node.work.commit).toEqual(to > 1 ? { first: 2, last: to } : null);
    },
  );

  test("answers what lies below its commit index with that index (rule 15)", () => {
    const node = new Solo({ log: [1, 1, 2, 2], term: 2, commit: 3 });
    const work = node.receive(append("A", 2, [1, 1], entriesOf([1], 2)));
    expect(sent(work, "AppendEntriesResponse")).toMatchObject([{ success: true, matchIndex: 3 }]);
    expect(node.view.lastIndex).toBe(4);
    // And goes on behind it.
    node.receive(append("A", 2, [1, 1], entriesOf([1, 2, 2, 2], 2)));
    expect(node.view.lastIndex).toBe(5);
  });

  test("ignores whoever disagrees with what is committed (leader completeness, paper 5.4)", () => {
    for (const message of [
      append("A", 3, [1, 1], entriesOf([7], 2)),
      append("A", 3, [2, 2], entriesOf([3], 3)),
      append("A", 3, [0, 0], entriesOf([2, 2, 2, 3], 1)),
    ]) {
      const node = new Solo({ log: [1, 1, 2, 2], term: 2, commit: 3 });
      const before = node.core.encode();
      expect(node.receive(message).send).toEqual([]);
      expect(node.core.encode()).toBe(before);
    }
  });

  test("ignores a second leader of one term (paper 5.2: there is none)", () => {
    const node = follower();
    node.receive(append("A", 3, [3, 2]));
    const before = node.core.encode();
    expect(node.receive(append("B", 3, [2, 1], entriesOf([3], 3))).send).toEqual([]);
    expect(node.core.encode()).toBe(before);
  });

  test("starts its patience anew with every message of its leader, refused ones too", () => {
    const node = follower();
    node.sleep(400);
    expect(node.receive(append("A", 2, [9, 2])).deadline).toBeGreaterThanOrEqual(900);
  });
});
