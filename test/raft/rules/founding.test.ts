import { describe, expect, test } from "vitest";
import type { AppendEntries, Entry } from "../../../shared/raft/types.ts";
import { append, reject } from "../support/messages.ts";
import { configurationEntry, configurationOf, entriesOf } from "../support/settings.ts";
import { held, leader, Solo, sent, spans } from "../support/solo.ts";

/**
 * Two first entries of one term: a voter that lost its disk before anything was committed can have elected twice in
 * it. Index and term do not tell such logs apart; the cluster that each founds does.
 */

const own = "cluster";
const theirs = "theirs";
const founding = (clusterId: string, term = 1): Entry =>
  configurationEntry(1, term, configurationOf(["N", "A", "B"], [], clusterId));

/** A follower whose log begins with an entry of its own cluster in term 1. */
const follower = (log: readonly number[] = [1], commit = 0) => new Solo({ log, commit, term: 1 });

const fromA = (
  previous: readonly [index: number, term: number],
  entries: readonly Entry[],
  rest: Partial<AppendEntries> = {},
) => append("A", 1, previous, entries, { logClusterId: theirs, ...rest });

const clusterIdOf = ({ view }: Solo) => view.configuration?.clusterId;
const answersOf = (node: Solo) => [
  ...sent(node.work, "AppendEntriesResponse"),
  ...held(node.work, "AppendEntriesResponse"),
];

describe("a log that begins with another founding of the same term", () => {
  test("does not match after its first entry: the leader is sent back to the beginning", () => {
    const node = follower([1, 1, 1]);
    node.receive(fromA([1, 1], []));
    expect(answersOf(node)).toMatchObject([{ success: false, conflictIndex: 0, conflictTerm: 0 }]);
    expect(node.view.lastIndex).toBe(3);
  });

  test("gives way as a whole", () => {
    const node = follower([1, 1, 1]);
    node.receive(fromA([0, 0], [founding(theirs)]));
    expect(node.view).toMatchObject({ lastIndex: 1, configurationIndex: 1 });
    expect(clusterIdOf(node)).toBe(theirs);
    expect(node.work.trace).toContainEqual({ type: "truncated", from: 1, last: 3 });
    expect(node.work.persist?.entries.map(({ index }) => index)).toEqual([1]);
    expect(held(node.work, "AppendEntriesResponse")).toMatchObject([{ success: true, matchIndex: 1 }]);
  });

  test("stays for a heartbeat that brings nothing in its place", () => {
    const node = follower([1, 1]);
    node.receive(fromA([0, 0], []));
    expect(node.view.lastIndex).toBe(2);
    expect(answersOf(node)).toMatchObject([{ success: true, matchIndex: 0 }]);
  });

  test("commits nothing by the other's word before it has given way", () => {
    const node = follower([1, 1]);
    node.receive(fromA([1, 1], [], { leaderCommit: 1 }));
    node.receive(fromA([0, 0], [], { leaderCommit: 1 }));
    expect(node.view.commitIndex).toBe(0);
  });
});

describe("a log stays", () => {
  test.each<[string, Partial<AppendEntries>]>([
    ["of the same cluster", { logClusterId: own }],
    ["of a leader that does not say which, as one by hand", {}],
  ])("for a leader %s", (_what, rest) => {
    const node = follower([1, 1]);
    node.receive(append("A", 1, [1, 1], entriesOf([1], 2), rest));
    expect(node.view.lastIndex).toBe(2);
    expect(clusterIdOf(node)).toBe(own);
    expect(answersOf(node)).toMatchObject([{ success: true, matchIndex: 2 }]);
  });

  test("once anything of it is committed", () => {
    const node = follower([1, 1], 1);
    node.receive(fromA([0, 0], [founding(theirs)]));
    expect(node.view).toMatchObject({ lastIndex: 2, commitIndex: 1, leader: null });
    expect(clusterIdOf(node)).toBe(own);
    expect(answersOf(node)).toEqual([]);
  });
});

test("an empty log takes whatever is founded", () => {
  const node = new Solo({ log: [] });
  node.receive(fromA([0, 0], [founding(theirs)]));
  expect(clusterIdOf(node)).toBe(theirs);
});

test("a leader says which cluster its log founds, with entries and without", () => {
  const node = leader({ log: [1] }, false);
  node.receive(reject("A", 2, 1, [0, 0]));
  const appends = sent(node.work, "AppendEntries");
  expect(spans(appends)).toContain("0: 1..1");
  node.timeout();
  for (const message of [...appends, ...sent(node.work, "AppendEntries")]) {
    expect(message.logClusterId).toBe(own);
  }
});
