import { describe, expect, test } from "vitest";
import type { AppendEntriesRange } from "../../../shared/raft/types.ts";
import { ack, append, requestVote, self } from "../support/messages.ts";
import type { SoloOptions } from "../support/solo.ts";
import { leader, Solo, sent } from "../support/solo.ts";

/** When a cluster falls silent, and what wakes it. The scripts `quiesce-*` show how the nodes do it together. */

const quiesceAfterMs = 1000;

/** A leader whose followers hold everything, at the heartbeat that is the first to be able to ask for silence. */
function idleLeader(options: SoloOptions = {}): Solo {
  const node = leader({ ...options, settings: { quiesceAfterMs, ...options.settings } });
  beat(node, quiesceAfterMs - 100);
  return node;
}

/** Lets heartbeats pass for so long; every one is answered. */
function beat(node: Solo, ms: number, ids: readonly string[] = ["A", "B"]): void {
  const end = node.now + ms;
  while (node.work.deadline <= end) {
    const work = node.timeout();
    for (const { to, round } of appends(work)) {
      if (ids.includes(to)) node.receive(ack(to, node.view.term, node.view.lastIndex, { round }));
    }
  }
}

const appends = ({ send }: Solo["work"]): AppendEntriesRange[] =>
  send.filter((message) => message.type === "AppendEntries");
const asks = (work: Solo["work"]) => appends(work).filter(({ quiesce }) => quiesce === true);

/** What A and B answer to being asked. */
function agree(node: Solo, asked: Solo["work"], ...ids: readonly string[]): void {
  for (const { to, round } of asks(asked)) {
    if (ids.includes(to)) node.receive(ack(to, node.view.term, node.view.lastIndex, { round, quiet: true }));
  }
}

describe("a leader asks for silence", () => {
  test("when nothing has come for so long, with a heartbeat", () => {
    const node = idleLeader();
    const work = node.timeout();
    expect(asks(work).map(({ to }) => to)).toEqual(["A", "B"]);
    expect(node.view.quiet).toBe(false);
    agree(node, work, "A");
    expect(node.view.quiet).toBe(false);
    agree(node, work, "B");
    expect(node.view.quiet).toBe(true);
    expect(node.work).toMatchObject({ send: [], deadline: Number.POSITIVE_INFINITY });
  });

  test("and never where it was not told to", () => {
    const node = leader();
    beat(node, 3_600_000);
    expect(node.view.quiet).toBe(false);
    expect(asks(node.timeout())).toEqual([]);
  });

  test.each<[string, (node: Solo) => void]>([
    ["a command came", (node) => void commit(node)],
    ["a read came", (node) => void readOnce(node)],
    ["a follower's read came", (node) => void readOnce(node, "A")],
  ])("not while %s less than that ago", (_what, disturb) => {
    const node = idleLeader();
    disturb(node);
    const since = node.now;
    while (asks(node.timeout()).length === 0) answerAll(node);
    expect(node.now - since).toBeGreaterThanOrEqual(quiesceAfterMs);
    expect(node.now - since).toBeLessThanOrEqual(quiesceAfterMs + 100);
  });

  test("not while a follower lacks entries, or has not answered the last heartbeat", () => {
    const behind = leader({ settings: { quiesceAfterMs } });
    behind.propose();
    behind.persist();
    behind.receive(ack("A", behind.view.term, behind.view.lastIndex));
    beat(behind, 2 * quiesceAfterMs, ["A"]);
    expect(asks(behind.timeout())).toEqual([]);
    const silent = idleLeader();
    silent.receive(ack("A", silent.view.term, silent.view.lastIndex));
    beat(silent, 500, ["A"]);
    expect(asks(silent.timeout())).toEqual([]);
  });

  test("not while something is uncommitted, or it hands over", () => {
    const uncommitted = idleLeader();
    uncommitted.propose();
    beat(uncommitted, 5 * quiesceAfterMs, []);
    expect(uncommitted.view.quiet).toBe(false);
    const handing = idleLeader();
    handing.step({ type: "transfer", to: "A" });
    expect(asks(handing.timeout())).toEqual([]);
  });

  test("what was refused is asked again after as long as before", () => {
    const node = idleLeader();
    const [asked] = asks(node.timeout());
    node.receive(ack("A", node.view.term, 2, { round: asked?.round ?? 0 }));
    const first = node.timeout();
    expect(asks(first)).toEqual([]);
    expect(appends(first)).toHaveLength(2);
    const since = node.now;
    answerAll(node);
    while (asks(node.timeout()).length === 0) answerAll(node);
    expect(node.now - since).toBeGreaterThanOrEqual(quiesceAfterMs - 100);
  });

  test("for longer than a heartbeat, if need be: answers may take so long", () => {
    const node = idleLeader();
    const first = node.timeout();
    const second = node.timeout();
    expect(asks(second).map(({ to }) => to)).toEqual(["A", "B"]);
    agree(node, first, "A", "B");
    expect(node.view.quiet).toBe(true);
  });

  test("not for so long that those who agreed are missed: then all are woken", () => {
    const node = idleLeader();
    const since = node.now;
    agree(node, node.timeout(), "A");
    const onlyB = node.timeout();
    expect(appends(onlyB).map(({ to }) => to)).toEqual(["B"]);
    while (appends(node.timeout()).length < 2) expect(node.view.role).toBe("Leader");
    expect(asks(node.work)).toEqual([]);
    expect(node.now - since).toBeLessThan(500);
    answerAll(node);
    expect(node.view).toMatchObject({ role: "Leader", quiet: false });
  });

  test("an agreement to an earlier request counts for nothing", () => {
    const node = idleLeader();
    const earlier = node.timeout();
    agree(node, earlier, "A");
    node.propose();
    node.persist();
    for (const id of ["A", "B"]) node.receive(ack(id, node.view.term, node.view.lastIndex));
    while (asks(node.timeout()).length === 0) answerAll(node);
    const asked = node.work;
    agree(node, asked, "A");
    agree(node, earlier, "B");
    expect(node.view.quiet).toBe(false);
    agree(node, asked, "B");
    expect(node.view.quiet).toBe(true);
  });
});

function commit(node: Solo): void {
  node.propose();
  node.persist();
  for (const id of ["A", "B"]) node.receive(ack(id, node.view.term, node.view.lastIndex));
}

function readOnce(node: Solo, from?: string): void {
  const work =
    from === undefined
      ? node.step({ type: "read", readId: 9 })
      : node.receive({ type: "ReadIndex", from, to: self, term: node.view.term, readId: 9 });
  for (const { to, round } of appends(work)) {
    node.receive(ack(to, node.view.term, node.view.lastIndex, { round }));
  }
}

function answerAll(node: Solo): void {
  for (const { to, round } of appends(node.work)) {
    node.receive(ack(to, node.view.term, node.view.lastIndex, { round }));
  }
}

describe("a follower falls silent", () => {
  const follower = (log: readonly number[] = [1, 1]): Solo => {
    const node = new Solo({ log, settings: { electionTimeoutMaxMs: 500 } });
    node.receive(append("A", 2, [log.length, log.at(-1) ?? 0], [], { leaderCommit: log.length }));
    node.persist();
    return node;
  };
  const request = (index: number, term: number) =>
    append("A", 2, [index, term], [], { leaderCommit: index, quiesce: true });

  test("when it has all of the log, committed and durable", () => {
    const node = follower();
    const work = node.receive(request(2, 1));
    expect(sent(work, "AppendEntriesResponse")).toMatchObject([
      { success: true, matchIndex: 2, quiet: true },
    ]);
    expect(work.deadline).toBe(Number.POSITIVE_INFINITY);
    expect(node.view).toMatchObject({ quiet: true, leader: "A", role: "Follower" });
    expect(work.trace).toMatchObject([{ type: "quiet", term: 2, leader: "A" }]);
  });

  test.each<[string, (node: Solo) => void, Parameters<typeof request>]>([
    ["its log goes on", (node) => follow(node, 3), [2, 1]],
    ["its log is not so long", () => undefined, [3, 2]],
    ["its disk does not answer", (node) => void node.step({ type: "storage-stalled" }), [2, 1]],
  ])("not when %s", (_what, prepare, at) => {
    const node = follower();
    prepare(node);
    const work = node.receive(request(...at));
    expect(node.view.quiet).toBe(false);
    expect(work.deadline).toBeLessThan(Number.POSITIVE_INFINITY);
    expect(sent(work, "AppendEntriesResponse")[0]?.quiet).toBeUndefined();
  });

  test("not before its entries and its term are on disk", () => {
    const entries = follower();
    entries.receive(
      append("A", 2, [2, 1], [{ index: 3, term: 2, kind: "command", size: 1 }], { leaderCommit: 2 }),
    );
    entries.receive(request(3, 2));
    expect(entries.view.quiet).toBe(false);
    const term = new Solo({ log: [1, 1] });
    term.receive(request(2, 1));
    expect(term.view.quiet).toBe(false);
  });

  function follow(node: Solo, index: number): void {
    node.receive(append("A", 2, [index - 1, 1], [{ index, term: 2, kind: "command", size: 1 }]));
    node.persist();
  }

  test("and holds nobody for alive then, once it has asked", () => {
    const node = follower();
    node.receive(request(2, 1));
    node.sleep(10_000);
    // The first request for a vote wakes it: it asks its leader before it agrees.
    const first = node.receive(requestVote("B", 3, [2, 1], { preVote: true }));
    expect(sent(first, "RequestVoteResponse")).toMatchObject([{ voteGranted: false }]);
    expect(sent(first, "ReadIndex", "A")).toHaveLength(1);
    node.sleep(250);
    const second = node.receive(requestVote("B", 3, [2, 1], { preVote: true }));
    expect(sent(second, "RequestVoteResponse")).toMatchObject([{ voteGranted: true }]);
  });

  test("and believes a leader at once that asks for votes itself", () => {
    const node = follower();
    node.receive(request(2, 1));
    const work = node.receive(requestVote("A", 3, [2, 1], { preVote: true }));
    expect(sent(work, "RequestVoteResponse")).toMatchObject([{ voteGranted: true }]);
    expect(sent(work, "ReadIndex")).toEqual([]);
  });
});

describe("a quiet leader", () => {
  function quietLeader(): Solo {
    const node = idleLeader();
    agree(node, node.timeout(), "A", "B");
    node.sleep(60_000);
    return node;
  }

  test("confirms its office before it answers a read", () => {
    const node = quietLeader();
    const work = node.step({ type: "read", readId: 5 });
    expect(work.reads).toEqual([]);
    expect(appends(work).map(({ to }) => to)).toEqual(["A", "B"]);
    const [asked] = appends(work);
    const answered = node.receive(
      ack("A", node.view.term, node.view.lastIndex, { round: asked?.round ?? 0 }),
    );
    expect(answered.reads).toMatchObject([{ readId: 5 }]);
  });

  test("gives its followers an election timeout to answer, and steps down when none does", () => {
    const node = quietLeader();
    node.step({ type: "wake" });
    const since = node.now;
    while (node.view.role === "Leader") node.timeout();
    expect(node.now - since).toBe(500);
  });

  test("is not woken by answers that it knows already", () => {
    const node = quietLeader();
    node.receive(ack("A", node.view.term, node.view.lastIndex, { round: 3 }));
    expect(node.view.quiet).toBe(true);
  });

  test("is woken by a follower that lost what it had agreed to", () => {
    const node = quietLeader();
    const refusal = ack("A", node.view.term, 0, { success: false, prevLogIndex: 2 });
    expect(node.receive(refusal).deadline).toBeLessThan(Number.POSITIVE_INFINITY);
  });

  test("refuses who would depose it, and lets itself be heard", () => {
    const node = quietLeader();
    const work = node.receive(requestVote("A", node.view.term + 1, [2, 1], { preVote: true }));
    expect(sent(work, "RequestVoteResponse")).toMatchObject([{ voteGranted: false }]);
    expect(appends(work)).toHaveLength(2);
  });
});

test("a node that was quiet before it was started again stays so, and stands as soon as it is needed", () => {
  const node = new Solo({ log: [1, 1], commit: 2, quiet: true });
  expect(node.work.deadline).toBe(Number.POSITIVE_INFINITY);
  const work = node.step({ type: "wake" });
  expect(work.deadline).toBeLessThanOrEqual(20);
  expect(sent(node.timeout(), "RequestVote")).toMatchObject([{ preVote: true }, { preVote: true }]);
});
