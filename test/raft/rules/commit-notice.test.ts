import { describe, expect, test } from "vitest";
import { ack } from "../support/messages.ts";
import type { Solo } from "../support/solo.ts";
import { leader, sent, spans } from "../support/solo.ts";

/** How followers learn that entries are committed (paper 5.3), where the news may wait for entries to ride on. */

const noticeMs = 2;
const patient = () => leader({ settings: { commitNoticeMs: noticeMs } });

/** Proposes one entry and has A hold it: it commits. Returns what is sent then. */
function commitOne(node: Solo): ReturnType<Solo["step"]> {
  node.propose();
  node.persist();
  return node.receive(ack("A", node.view.term, node.view.lastIndex));
}

const appends = (work: ReturnType<Solo["step"]>, to: string) => sent(work, "AppendEntries", to);

test("without patience a commit is told at once", () => {
  const node = leader();
  expect(appends(commitOne(node), "A")).toMatchObject([{ leaderCommit: node.view.lastIndex }]);
});

describe("with patience", () => {
  test("news that goes out late does not make a leader think that it slept", () => {
    const node = patient();
    node.timeout();
    commitOne(node);
    // Later than a heartbeat after the news was due, and not a heartbeat after the next heartbeat was.
    node.sleep(noticeMs + 101);
    const work = node.step({ type: "deadline" });
    expect(work.trace.filter(({ type }) => type === "late-wake")).toEqual([]);
    expect(appends(work, "A")).toHaveLength(1);
  });

  test("a commit rides on the next entries", () => {
    const node = patient();
    node.timeout();
    expect(commitOne(node).send).toEqual([]);
    const committed = node.view.commitIndex;
    node.sleep(noticeMs / 2);
    const work = node.propose();
    expect(appends(work, "A")).toMatchObject([{ leaderCommit: committed, range: { first: committed + 1 } }]);
  });

  test("or is told by itself when it has waited long enough, and once", () => {
    const node = patient();
    node.timeout();
    const at = node.now;
    commitOne(node);
    const work = node.timeout();
    expect(node.now - at).toBe(noticeMs);
    expect(appends(work, "A")).toMatchObject([{ leaderCommit: node.view.commitIndex }]);
    expect(spans(appends(work, "A"))).toEqual([String(node.view.lastIndex)]);
    node.sleep(noticeMs);
    expect(node.step({ type: "deadline" }).send).toEqual([]);
  });

  test("each follower is told when it holds the entry, within the same time", () => {
    const node = patient();
    node.timeout();
    commitOne(node);
    const at = node.now;
    node.sleep(noticeMs / 2);
    node.receive(ack("B", node.view.term, node.view.lastIndex));
    const work = node.timeout();
    expect(node.now - at).toBe(noticeMs);
    expect(appends(work, "A")).toHaveLength(1);
    expect(appends(work, "B")).toHaveLength(1);
  });

  test("a heartbeat tells it, and nothing is left to tell then", () => {
    const node = leader({ settings: { commitNoticeMs: 1000 } });
    node.timeout();
    commitOne(node);
    const work = node.timeout();
    expect(appends(work, "A")).toMatchObject([{ leaderCommit: node.view.commitIndex }]);
    const next = node.timeout();
    expect(appends(next, "A")).toMatchObject([{ round: (appends(work, "A")[0]?.round ?? 0) + 1 }]);
  });

  test("a follower whose client waits for the entry is told at once, and nobody else", () => {
    const node = patient();
    node.timeout();
    node.step({ type: "propose", proposals: [{ size: 1 }], awaitedBy: "A" });
    node.persist();
    const work = node.receive(
      ack("A", node.view.term, node.view.lastIndex),
      ack("B", node.view.term, node.view.lastIndex),
    );
    expect(appends(work, "A")).toMatchObject([{ leaderCommit: node.view.lastIndex }]);
    expect(appends(work, "B")).toEqual([]);
    expect(commitOne(node).send).toEqual([]);
  });

  test("a follower that reads is told at once of what its read must see", () => {
    const node = patient();
    node.timeout();
    // A does not hold the entry yet when it asks.
    node.propose();
    node.persist();
    node.receive(ack("B", node.view.term, node.view.lastIndex));
    const { term, commitIndex } = node.view;
    node.receive({ type: "ReadIndex", from: "A", to: "N", term, readId: 5 });
    expect(appends(node.receive(ack("A", term, commitIndex)), "A")).toMatchObject([
      { leaderCommit: commitIndex },
    ]);
  });
});
