import { expect, test } from "vitest";
import type { Configuration, Entry } from "../../../shared/raft/types.ts";
import { ack, append, preVoteReply, requestVote, voteReply } from "../support/messages.ts";
import { configurationOf, entriesOf } from "../support/settings.ts";
import { held, leader, Solo, sent } from "../support/solo.ts";

/** The first configuration and claims of open slots: the design's page on identity, thesis 4.1, rules 8 and 23. */

const empty = (configuration: Configuration | null) => {
  const node = new Solo({ log: [] });
  node.step({ type: "discovered", configuration });
  return node;
};
const claim = (id: string, address = `http://${id}`) =>
  ({ type: "claim", member: { id, storeId: `store-${id}`, address } }) as const;
const names = ({ view }: Solo) => view.configuration?.slots.map(({ id }) => id);

/** A leader of N, A and open slots, whose first entry is committed unless it is to be fresh. */
function founder(open: string[], fresh = false): Solo {
  const node = empty(configurationOf(["N", "A"], open));
  node.timeout();
  node.receive(preVoteReply("A", 1, true));
  node.persist();
  node.receive(voteReply("A", 1, true));
  node.persist();
  if (!fresh) node.receive(ack("A", 1, 1));
  return node;
}

test("an empty node stands when it knows a majority of the listed ones, not before", () => {
  expect(new Solo({ log: [] }).timeout().send).toEqual([]);
  expect(empty(configurationOf(["N"], ["a", "b"])).timeout().send).toEqual([]);
  expect(empty(configurationOf(["N", "A"], ["b"])).timeout().send).toMatchObject([
    { type: "RequestVote", to: "A" },
  ]);
  expect(empty(configurationOf(["N", "A"], ["b", "c"])).timeout().send).toEqual([]);
  const withdrawn = empty(configurationOf(["N", "A"], ["b"]));
  withdrawn.step({ type: "discovered", configuration: null });
  expect(withdrawn.timeout().send).toEqual([]);
});

test("an empty node votes for those it was told of, and for no stranger", () => {
  for (const [configuration, granted] of [
    [null, false],
    [configurationOf(["N", "B"]), false],
    [configurationOf(["N", "A"]), true],
  ] as const) {
    for (const preVote of [false, true]) {
      const work = empty(configuration).receive(requestVote("A", 1, [0, 0], { preVote }));
      expect([...sent(work, "RequestVoteResponse"), ...held(work, "RequestVoteResponse")]).toMatchObject([
        { voteGranted: granted },
      ]);
    }
  }
});

test("an empty node votes for a stranger that has a log: that log says who votes", () => {
  const work = empty(null).receive(requestVote("A", 1, [1, 1]));
  expect(held(work, "RequestVoteResponse")).toMatchObject([{ voteGranted: true }]);
});

const founded = (clusterId: string, term: number): Entry => ({
  index: 1,
  term,
  kind: "configuration",
  size: 1,
  configuration: { ...configurationOf(["N", "A", "B"]), clusterId },
});

test("another founding of the same term gives way as a whole while nothing is committed", () => {
  const node = new Solo({ log: [] });
  node.receive(append("A", 1, [0, 0], [founded("mine", 1), ...entriesOf([1, 1], 2)]));
  const refused = node.receive(append("B", 2, [1, 1], [], { logClusterId: "theirs" }));
  expect(held(refused, "AppendEntriesResponse")).toMatchObject([{ success: false, conflictIndex: 0 }]);
  expect(node.view.lastIndex).toBe(3);
  const work = node.receive(append("B", 2, [0, 0], [founded("theirs", 1)], { logClusterId: "theirs" }));
  expect(work.persist?.entries).toMatchObject([{ index: 1, configuration: { clusterId: "theirs" } }]);
  expect(node.view).toMatchObject({ lastIndex: 1, configuration: { clusterId: "theirs" } });
});

test("a founding that is committed never gives way", () => {
  const node = new Solo({ log: [] });
  node.receive(append("A", 1, [0, 0], [founded("mine", 1)], { leaderCommit: 1 }));
  const before = node.core.encode();
  expect(
    node.receive(append("B", 5, [0, 0], [founded("theirs", 5)], { logClusterId: "theirs" })).send,
  ).toEqual([]);
  expect(node.core.encode()).toBe(before);
});

test("the first entry of the first leader says who the cluster is", () => {
  const node = founder(["b"], true);
  expect(node.view).toMatchObject({ role: "Leader", lastIndex: 1, configurationIndex: 1 });
  expect(names(node)).toEqual(["N", "A", null]);
});

test("what was discovered counts only while the log has no configuration", () => {
  const node = founder(["b"]);
  node.step({ type: "discovered", configuration: configurationOf(["N", "X", "Y"]) });
  expect(names(node)).toEqual(["N", "A", null]);
});

test("an open slot counts in the size and never agrees", () => {
  const node = empty(configurationOf(["N", "A", "B"], ["c", "d"]));
  node.timeout();
  node.receive(preVoteReply("A", 1, true));
  expect(node.view.term).toBe(0);
  node.receive(preVoteReply("B", 1, true));
  node.persist();
  node.receive(voteReply("A", 1, true), voteReply("B", 1, true));
  node.persist();
  node.receive(ack("A", 1, 1));
  expect(node.view.commitIndex).toBe(0);
  node.receive(ack("B", 1, 1));
  expect(node.view.commitIndex).toBe(1);
});

test("a claim fills the slot listed under the member's address, or the first open one", () => {
  const node = founder(["http://B", "http://C"].map((url) => url.replace("http://", "")));
  const wide = empty(configurationOf(["N", "A", "X"], ["B", "C"]));
  expect(wide.view.configuration?.slots).toHaveLength(5);
  const five = leaderOf(wide);
  five.step(claim("C"));
  expect(names(five)).toEqual(["N", "A", "X", null, "C"]);
  five.persist();
  five.receive(ack("A", 1, 2), ack("X", 1, 2));
  five.step(claim("D", "http://elsewhere"));
  expect(names(five)).toEqual(["N", "A", "X", "D", "C"]);
  expect(names(node)).toEqual(["N", "A", null, null]);
});

function leaderOf(node: Solo): Solo {
  node.timeout();
  node.receive(preVoteReply("A", 1, true), preVoteReply("X", 1, true));
  node.persist();
  node.receive(voteReply("A", 1, true), voteReply("X", 1, true));
  node.persist();
  node.receive(ack("A", 1, 1), ack("X", 1, 1));
  return node;
}

test("the claimed member is sent entries at once and counts at once", () => {
  const node = founder(["B"]);
  const work = node.step(claim("B"));
  expect(sent(work, "AppendEntries").map(({ to }) => to)).toEqual(["A", "B"]);
  node.persist();
  expect(node.receive(ack("B", 1, 2)).commit).toEqual({ first: 2, last: 2 });
});

test("no claim before an entry of the own term is committed, though the configuration long is (rule 7)", () => {
  const node = founder(["B"]);
  for (let i = 0; i < 10 && node.view.role === "Leader"; i++) node.timeout();
  node.timeout();
  node.receive(preVoteReply("A", 2, true));
  node.persist();
  node.receive(voteReply("A", 2, true));
  node.step(claim("B"));
  expect(node.result.accepted).toBe(false);
  node.persist();
  node.receive(ack("A", 2, 2));
  node.step(claim("B"));
  expect(node.result.accepted).toBe(true);
});

test.each([
  ["before an entry of the own term is committed (rule 7)", () => founder(["B"], true), "B"],
  ["of a member", () => founder(["B"]), "A"],
  ["of the leader itself", () => founder(["B"]), "N"],
  ["when no slot is open", () => leader(), "C"],
  ["at a follower", () => new Solo(), "B"],
])("no claim %s", (_when, make, id) => {
  const node = make();
  const { lastIndex } = node.view;
  node.step(claim(id));
  expect(node.result.accepted).toBe(false);
  expect(node.view.lastIndex).toBe(lastIndex);
});

test("one change at a time (rule 8)", () => {
  const node = founder(["B", "C"].slice(0, 1));
  node.step(claim("B"));
  node.step(claim("C"));
  expect(node.result.accepted).toBe(false);
});

test("a configuration is in effect on append, and is rolled back with its entry", () => {
  const entry = (index: number, term: number, configuration: Configuration): Entry => ({
    index,
    term,
    kind: "configuration",
    size: 1,
    configuration,
  });
  const node = new Solo();
  const [two, three] = [configurationOf(["N", "A"], ["b"]), configurationOf(["N", "A", "B"])];
  node.receive(append("A", 2, [1, 1], [entry(2, 2, two), entry(3, 2, three)]));
  expect(node.view).toMatchObject({ configuration: three, configurationIndex: 3 });
  node.receive(append("B", 3, [2, 2], [{ index: 3, term: 3, kind: "noop", size: 1 }]));
  expect(node.view).toMatchObject({ configuration: two, configurationIndex: 2 });
  node.receive(append("A", 4, [1, 1], [{ index: 2, term: 4, kind: "noop", size: 1 }]));
  expect(node.view.configurationIndex).toBe(1);
});

test("a whole log that goes away takes the configuration with it; what was discovered stands in again", () => {
  const node = empty(configurationOf(["N", "A"]));
  const mine = {
    index: 1,
    term: 1,
    kind: "configuration",
    size: 1,
    configuration: configurationOf(["N", "B"]),
  } as const;
  node.receive(append("B", 1, [0, 0], [mine]));
  node.receive(append("A", 2, [0, 0], [{ index: 1, term: 2, kind: "noop", size: 1 }]));
  expect(node.view).toMatchObject({ configurationIndex: 0, configuration: configurationOf(["N", "A"]) });
});

test("older configurations are kept only as far back as they could be needed", () => {
  const node = founder(["B"]);
  node.step(claim("B"));
  node.persist();
  node.receive(ack("A", 1, 2), ack("B", 1, 2));
  expect(node.core.encode().match(/"clusterId"/g)).toHaveLength(2);
});
