import { describe, expect, test } from "vitest";
import { ack, append } from "../support/messages.ts";
import { entriesOf } from "../support/settings.ts";
import { held, leader, Solo, sent } from "../support/solo.ts";

/** What must be on disk before what is said: paper Figure 2, thesis 10.2.1, rules 2, 3, 5 and 6. */

describe("an acknowledgement", () => {
  test("of new entries waits for their write", () => {
    const node = new Solo();
    const work = node.receive(append("A", 1, [1, 1], entriesOf([1], 2)));
    expect(sent(work, "AppendEntriesResponse")).toEqual([]);
    expect(held(work, "AppendEntriesResponse")).toMatchObject([{ success: true, matchIndex: 2 }]);
  });

  test("of entries whose write is still under way waits for that", () => {
    const node = new Solo();
    node.receive(append("A", 1, [1, 1], entriesOf([1], 2)));
    const again = node.receive(append("A", 1, [1, 1], entriesOf([1], 2)));
    expect(again.persist).toBeNull();
    expect(held(again, "AppendEntriesResponse")).toMatchObject([{ matchIndex: 2 }]);
    node.persist();
    const later = node.receive(append("A", 1, [1, 1], entriesOf([1], 2)));
    expect(sent(later, "AppendEntriesResponse")).toMatchObject([{ matchIndex: 2 }]);
  });

  test("of a heartbeat does not wait, and promises no more than is durable", () => {
    const node = new Solo();
    node.receive(append("A", 1, [1, 1], entriesOf([1, 1], 2)));
    const work = node.receive(append("A", 1, [3, 1]));
    expect(sent(work, "AppendEntriesResponse")).toMatchObject([{ success: true, matchIndex: 1 }]);
  });

  test("of entries that are known to be committed waits all the same", () => {
    const node = new Solo();
    node.receive(append("A", 1, [1, 1], entriesOf([1, 1], 2), { leaderCommit: 3 }));
    const work = node.receive(append("A", 1, [1, 1], entriesOf([1], 2)));
    expect(node.view.commitIndex).toBe(3);
    expect(sent(work, "AppendEntriesResponse")).toEqual([]);
    expect(held(work, "AppendEntriesResponse")).toMatchObject([{ matchIndex: 3 }]);
  });
});

describe("a write", () => {
  test("holds term and vote beside the entries, so that neither is on disk without the other (rule 3)", () => {
    const { persist } = new Solo().receive(append("A", 5, [1, 1], entriesOf([5], 2)));
    expect(persist).toMatchObject({
      number: 1,
      hardState: { term: 5, votedFor: null },
      entries: [{ index: 2 }],
    });
  });

  test("is numbered, holds a turn's entries, and names term and vote only when they changed", () => {
    const node = leader();
    const first = node.propose(2).persist;
    const second = node.propose().persist;
    expect(second?.number).toBe((first?.number ?? 0) + 1);
    expect(first?.hardState).toBeUndefined();
    expect(node.persist().persist).toBeNull();
  });

  test("replaces what the log held from its first entry on, what was never handed out included", () => {
    const node = new Solo();
    const work = node.step(
      { type: "message", message: append("A", 2, [1, 1], entriesOf([2, 2, 2], 2)) },
      { type: "message", message: append("B", 3, [2, 2], entriesOf([3], 3)) },
    );
    expect(work.persist?.entries.map(({ index, term }) => `${index}@${term}`)).toEqual(["2@2", "3@3"]);
  });

  test("that is overtaken does not make durable what replaces its entries (rule 6)", () => {
    const node = new Solo();
    const numbers = [
      append("A", 2, [1, 1], entriesOf([2, 2, 2], 2)),
      append("B", 3, [2, 2], entriesOf([3], 3)),
      append("C", 4, [1, 1], entriesOf([4], 2)),
    ].map((message) => node.receive(message).persist?.number ?? 0);
    const durable = numbers.map((number) => {
      node.step({ type: "persisted", number });
      return node.view.durableIndex;
    });
    expect(durable).toEqual([1, 1, 2]);
  });

  test("that is overtaken in the very turn in which it completes does not count either", () => {
    const node = new Solo();
    const { persist } = node.receive(append("A", 2, [1, 1], entriesOf([2, 2, 2], 2)));
    node.step(
      { type: "message", message: append("B", 3, [2, 2], entriesOf([3, 3], 3)) },
      { type: "persisted", number: persist?.number ?? 0 },
    );
    expect(node.view.durableIndex).toBe(2);
    node.persist();
    expect(node.view.durableIndex).toBe(4);
  });

  test("of several at once counts as far as the last one went", () => {
    const node = new Solo();
    node.receive(append("A", 2, [1, 1], entriesOf([2, 2, 2], 2)));
    const { persist } = node.receive(append("B", 3, [2, 2], entriesOf([3], 3)));
    node.step({ type: "persisted", number: persist?.number ?? 0 });
    expect(node.view).toMatchObject({ durableIndex: 3, lastIndex: 3 });
  });

  test("of an earlier boot, or one never handed out, moves nothing beyond the log", () => {
    const node = new Solo();
    node.step({ type: "persisted", number: 99 });
    expect(node.view.durableIndex).toBe(1);
  });

  test("never names an entry again in the term of a leader that could not write it (rule 5)", () => {
    const node = leader();
    const first = node.propose();
    node.step({ type: "storage-stalled" });
    node.propose();
    expect(node.result).toEqual({ accepted: false, reason: "stalled" });
    expect(first.persist?.entries[0]?.index).toBe(3);
  });
});

test("a core starts from what was restored: term, vote, log, configuration and commit index", () => {
  const node = new Solo({ log: [1, 2, 2], term: 4, votedFor: "B", commit: 2 });
  expect(node.view).toMatchObject({
    role: "Follower",
    term: 4,
    lastIndex: 3,
    durableIndex: 3,
    commitIndex: 2,
    configurationIndex: 1,
  });
  expect(node.work.commit).toBeNull();
});

test("applied entries are committed, and a log that ends before them is refused (rule 2)", () => {
  expect(() => new Solo({ log: [1], commit: 2 })).toThrow("restored state is consistent");
  expect(() => new Solo({ log: [1, 5], term: 4 })).toThrow("restored state is consistent");
});

test("an acknowledgement of the term before does not commit in this one", () => {
  const node = leader({ log: [1, 1], term: 1 }, false);
  node.receive(ack("A", 1, 3));
  expect(node.view.commitIndex).toBe(0);
});
