import { describe, expect, test } from "vitest";
import { ack, reject } from "../support/messages.ts";
import { leader, sent, spans } from "../support/solo.ts";

/** Flow control: what a leader has under way, and what it takes in. */

const appends = (work: Parameters<typeof sent>[0], to = "A") => spans(sent(work, "AppendEntries", to));

describe("the window", () => {
  test("closes after so many messages, reopens with acknowledgements", () => {
    const node = leader({ settings: { maxInflightMessages: 2 } });
    expect(appends(node.propose())).toEqual(["2: 3..3"]);
    expect(appends(node.propose())).toEqual(["3: 4..4"]);
    expect(appends(node.propose())).toEqual([]);
    expect(appends(node.propose())).toEqual([]);
    // What was held back goes out in one message.
    expect(appends(node.receive(ack("A", 2, 3)))).toEqual(["4: 5..6"]);
    expect(appends(node.receive(ack("A", 2, 3)))).toEqual([]);
  });

  test("closes after so many bytes", () => {
    const node = leader({
      settings: { maxMessageEntries: 1, maxInflightMessages: 99, maxInflightBytes: 250 },
    });
    expect(appends(node.propose(5))).toEqual(["2: 3..3", "3: 4..4", "4: 5..5"]);
  });

  test("lets heartbeats and commit indexes through", () => {
    const node = leader({ settings: { maxInflightMessages: 1 } });
    node.propose();
    node.propose();
    expect(appends(node.timeout())).toEqual(["2"]);
    node.persist();
    node.receive(ack("B", 2, 4));
    expect(sent(node.timeout(), "AppendEntries", "A")).toMatchObject([{ prevLogIndex: 2, leaderCommit: 2 }]);
  });

  test("is one message while the point where the logs agree is sought", () => {
    const node = leader({ settings: { maxMessageEntries: 1 } }, false);
    expect(appends(node.propose(3))).toEqual([]);
    expect(appends(node.receive(reject("A", 2, 1, [0, 0])))).toEqual(["0: 1..1"]);
    expect(appends(node.receive(ack("A", 2, 1)))).toEqual(["1: 2..2", "2: 3..3", "3: 4..4", "4: 5..5"]);
  });
});

describe("a message", () => {
  test("holds at most so many entries", () => {
    const node = leader({ settings: { maxMessageEntries: 2 } });
    expect(appends(node.propose(5))).toEqual(["2: 3..4", "4: 5..6", "6: 7..7"]);
  });

  test("holds at most so many bytes beyond its first entry", () => {
    // 36 bytes and a header of 64 each.
    for (const [maxMessageBytes, spans] of [
      [1, ["2: 3..3", "3: 4..4", "4: 5..5"]],
      [199, ["2: 3..3", "3: 4..4", "4: 5..5"]],
      [200, ["2: 3..4", "4: 5..5"]],
      [300, ["2: 3..5"]],
    ] as const) {
      expect(appends(leader({ settings: { maxMessageBytes } }).propose(3))).toEqual(spans);
    }
  });

  test("of entries whose sizes are not known may be cut short by its sender", () => {
    const node = leader({ log: [1, 1, 1, 1], term: 1 }, false);
    node.propose();
    const [message] = sent(node.receive(reject("A", 2, 4, [1, 1])), "AppendEntries", "A");
    expect(message).toMatchObject({
      prevLogIndex: 1,
      range: { first: 2, last: 4 },
      upTo: true,
      leaderCommit: 0,
    });
    // Only that one, until it is known how far it went.
    expect(appends(node.propose())).toEqual([]);
    expect(appends(node.receive(ack("A", 2, 3)))).toEqual(["3: 4..4"]);
    expect(appends(node.receive(ack("A", 2, 4)))).toEqual(["4: 5..7"]);
  });
});

describe("what is lost", () => {
  test("is sent again when a later message is refused", () => {
    const node = leader();
    node.propose();
    node.propose();
    expect(appends(node.receive(reject("A", 2, 3, [2, 2])))).toEqual(["2: 3..4"]);
  });

  test("is sent again when the call failed: once, then after a sign of life", () => {
    const node = leader();
    node.propose();
    expect(appends(node.step({ type: "unreachable", peer: "A" }))).toEqual(["2: 3..3"]);
    expect(appends(node.step({ type: "unreachable", peer: "A" }))).toEqual([]);
    expect(appends(node.receive(ack("A", 2, 2)))).toEqual(["2: 3..3"]);
  });

  test("is sent again after two election timeouts without progress", () => {
    const node = leader();
    node.propose();
    const since = node.now;
    const again = () => appends(node.work).some((span) => span.includes(":"));
    for (let i = 0; i < 30 && (i === 0 || !again()); i++) {
      node.timeout();
      if (!again()) node.receive(ack("A", 2, 2), ack("B", 2, 2));
    }
    expect(node.now - since).toBeGreaterThanOrEqual(1000);
    expect(node.now - since).toBeLessThanOrEqual(1100);
  });

  test("is not what a slow follower is still acknowledging", () => {
    const node = leader({ settings: { maxInflightMessages: 99 } });
    for (let i = 0; i < 40; i++) node.propose();
    for (let i = 0; i < 30; i++) {
      node.timeout();
      expect(appends(node.work)).toHaveLength(1);
      node.receive(ack("A", 2, 3 + i), ack("B", 2, 42));
    }
    expect(node.view.peers[0]?.state).toBe("replicate");
  });
});

describe("proposals", () => {
  const settings = { maxUncommittedBytes: 1000, maxInflightMessages: 9999 };
  const overloaded = { accepted: false, reason: "overloaded" };

  test("are refused while too much is uncommitted, and taken again when it is not", () => {
    const node = leader({ settings });
    node.propose(10);
    node.propose();
    node.propose();
    expect(node.result).toEqual(overloaded);
    node.persist();
    node.receive(ack("A", 2, 13));
    node.propose();
    expect(node.result.accepted).toBe(true);
  });

  test("of this term count, the tail of an earlier one does not, coming or going", () => {
    const node = leader({ log: Array.from({ length: 40 }, () => 1), term: 1, settings }, false);
    node.propose(11);
    node.receive(ack("A", 2, 41));
    expect(node.view.commitIndex).toBe(41);
    node.propose();
    expect(node.result).toEqual(overloaded);
  });

  test("stay bounded when so many small ones wait that their sizes are no longer known", () => {
    const node = leader({ settings: { ...settings, maxUncommittedBytes: 2_000_000 } });
    const fill = () => {
      let taken = 0;
      do {
        node.propose(1000);
        taken += node.result.accepted ? 1000 : 0;
      } while (node.result.accepted);
      return taken;
    };
    expect(fill()).toBe(21_000);
    node.persist();
    node.receive(ack("A", 2, 10));
    expect(fill()).toBe(0);
    node.receive(ack("A", 2, node.view.lastIndex));
    expect(fill()).toBe(21_000);
  });

  test("are refused by whoever does not lead", () => {
    const node = leader();
    for (let i = 0; i < 10 && node.view.role === "Leader"; i++) node.timeout();
    node.propose();
    expect(node.result).toEqual({ accepted: false, reason: "not-leader" });
  });
});
