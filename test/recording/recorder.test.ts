import { describe, expect, test } from "vitest";
import { InvariantViolation, RaftLiteError } from "../../shared/errors.ts";
import type { OutgoingMessage } from "../../shared/raft/types.ts";
import { LineWriter } from "../../shared/recording/record-line.ts";
import type { Unnumbered } from "../../shared/recording/records.ts";
import { commandEntry, noopEntry } from "../node/support/entries.ts";
import { Desk } from "./desk.ts";
import { founding, openingOf } from "./turns.ts";

/** What a recorder makes of what a node tells it. */

function acknowledgement(matchIndex: number, success = true): OutgoingMessage {
  return {
    type: "AppendEntriesResponse",
    from: "A",
    to: "B",
    term: 1,
    success,
    matchIndex,
    conflictIndex: 0,
    conflictTerm: 0,
    prevLogIndex: 0,
    round: 0,
  };
}

function vote(term: number, preVote = false): OutgoingMessage {
  const answer = { type: "RequestVoteResponse", from: "A", to: "B", voteGranted: true } as const;
  return { ...answer, term, preVote, requestTerm: term };
}

test("begins with who it is and what was found", () => {
  const desk = new Desk();
  const log = [founding(), commandEntry(2), commandEntry(3, { term: 2 })];
  desk.now = 12.3456789;
  desk.recorder.opened(openingOf(log, { boot: 7, hardState: { term: 3, votedFor: "B" }, applied: 2 }));
  expect(desk.calls).toEqual([true]);
  expect(desk.recorder.take()).toEqual([
    {
      wall: 1_700_000_000_012,
      at: 12.346,
      event: "started",
      format: "raft-lite-recording",
      version: 1,
      release: "1.2.3",
      node: "A",
      store: "storeA",
      boot: 7,
      dropped: 0,
      state: {
        term: 3,
        leads: false,
        durableTerm: 3,
        vote: "B",
        last: 3,
        hash: expect.stringMatching(/^[0-9a-f]{8}$/),
        runs: [
          [1, 1],
          [3, 2],
        ],
        durable: 3,
        commit: 2,
        applied: 2,
        configuration: {
          index: 1,
          clusterId: "cluster",
          voters: [["A", "storeA"], ["B", "storeB"], null],
        },
      },
    },
  ]);
});

describe("progress", () => {
  test("of many turns is one record", () => {
    const desk = new Desk().open();
    for (let index = 1; index <= 100; index++) {
      const number = desk.work({
        entries: [index === 1 ? founding() : commandEntry(index)],
        trace: index > 2 ? [{ type: "committed", index: index - 2, previous: index - 3 }] : [],
      });
      desk.recorder.durable(number);
      desk.recorder.applied(index - 2);
      desk.recorder.served(Math.max(0, index - 2), 3);
    }
    expect(desk.calls.filter(Boolean)).toEqual([true]);
    expect(desk.take()).toEqual([
      {
        event: "progress",
        first: 1,
        last: 100,
        runs: [[1, 1]],
        hash: expect.any(String),
        blocks: [expect.any(String)],
        configurations: [expect.objectContaining({ index: 1, clusterId: "cluster" })],
        durable: 100,
        commit: 98,
        applied: 98,
        reads: 300,
        readIndex: 98,
      },
    ]);
    expect(desk.take()).toEqual([]);
  });

  test("is recorded before what comes after it", () => {
    const desk = new Desk().open();
    desk.work({ entries: [founding()] });
    desk.work({ trace: [{ type: "peer-lost", peer: "B" }] });
    expect(desk.take()).toMatchObject([
      { event: "progress", first: 1 },
      { event: "peer-lost", peer: "B" },
    ]);
  });

  test("within a turn comes after what raised the term, whatever the order of the trace", () => {
    const desk = new Desk().open();
    desk.work({
      trace: [
        { type: "committed", index: 1, previous: 0 },
        { type: "term", term: 2 },
        { type: "follows", term: 2, leader: "B" },
        { type: "appended", first: 1, last: 2, term: 2, leader: false },
      ],
      entries: [founding(2), noopEntry(2, 2)],
      hardState: { term: 2, votedFor: null },
    });
    expect(desk.take()).toMatchObject([
      { event: "term", term: 2 },
      { event: "follows" },
      { event: "progress", first: 1, last: 2, commit: 1 },
    ]);
  });

  test("nothing is recorded of heartbeats", () => {
    const desk = new Desk().open([founding(), commandEntry(2)]);
    desk.work({ send: [acknowledgement(2)] });
    desk.take();
    for (let beat = 0; beat < 10; beat++) desk.work({ send: [acknowledgement(2)] });
    expect(desk.take()).toEqual([]);
  });
});

describe("votes", () => {
  test("are recorded when they leave, and not before they are durable", () => {
    const desk = new Desk().open();
    const number = desk.work({
      trace: [
        { type: "term", term: 3 },
        { type: "vote-granted", term: 3, to: "B", preVote: false },
      ],
      hardState: { term: 3, votedFor: "B" },
      sendAfter: [vote(3)],
    });
    expect(desk.take()).toEqual([{ event: "term", term: 3 }]);
    desk.recorder.durable(number);
    expect(desk.take()).toEqual([
      { event: "hard-state", term: 3, vote: "B" },
      { event: "vote-granted", term: 3, to: "B", preVote: false },
    ]);
  });

  test("that leave at once are recorded at once", () => {
    const desk = new Desk().open();
    desk.work({ send: [vote(3)], hardState: { term: 3, votedFor: "B" } });
    expect(desk.take()).toMatchObject([{ event: "vote-granted", term: 3 }]);
  });

  test("wait for the newest write, whichever turn it was of", () => {
    const desk = new Desk().open();
    const number = desk.work({ hardState: { term: 3, votedFor: "B" } });
    desk.work({ sendAfter: [vote(3)] });
    expect(desk.take()).toEqual([]);
    desk.recorder.durable(number);
    expect(desk.take()).toMatchObject([{ event: "hard-state" }, { event: "vote-granted" }]);
    desk.work({ sendAfter: [vote(3)] });
    expect(desk.take()).toMatchObject([{ event: "vote-granted" }]);
  });

  test("promised for an election that may come are no votes", () => {
    const desk = new Desk().open();
    desk.work({ trace: [{ type: "vote-granted", term: 3, to: "B", preVote: true }], send: [vote(3, true)] });
    expect(desk.take()).toEqual([{ event: "vote-granted", term: 3, to: "B", preVote: true }]);
  });
});

describe("the log", () => {
  test("is durable as far as its writes went", () => {
    const desk = new Desk().open();
    const first = desk.work({ entries: [founding(), commandEntry(2), commandEntry(3)] });
    const second = desk.work({ entries: [commandEntry(4)] });
    desk.recorder.durable(first);
    expect(desk.take().at(-1)).toMatchObject({ last: 4, durable: 3 });
    desk.recorder.durable(second);
    expect(desk.take()).toEqual([{ event: "progress", durable: 4 }]);
  });

  test("is not durable where a later write replaces it", () => {
    const desk = new Desk().open();
    const first = desk.work({ entries: [founding(), commandEntry(2), commandEntry(3)] });
    const second = desk.work({
      trace: [{ type: "truncated", from: 3, last: 3 }],
      entries: [noopEntry(3, 2)],
      hardState: { term: 2, votedFor: null },
    });
    expect(desk.take()).toMatchObject([
      { event: "progress", first: 1, last: 3 },
      { event: "truncated", from: 3, last: 3 },
      { event: "progress", first: 3, last: 3, runs: [[3, 2]] },
    ]);
    desk.recorder.durable(first);
    expect(desk.take()).toEqual([{ event: "progress", durable: 2 }]);
    desk.recorder.durable(second);
    expect(desk.take()).toMatchObject([{ event: "hard-state" }, { event: "progress", durable: 3 }]);
  });

  test("what came and went within a turn was never there", () => {
    const desk = new Desk().open([founding(), commandEntry(2)]);
    desk.work({
      trace: [
        { type: "appended", first: 3, last: 5, term: 1, leader: false },
        { type: "truncated", from: 4, last: 5 },
        { type: "appended", first: 4, last: 4, term: 2, leader: false },
      ],
      entries: [commandEntry(3), noopEntry(4, 2)],
    });
    expect(desk.take()).toMatchObject([
      {
        event: "progress",
        first: 3,
        last: 4,
        runs: [
          [3, 1],
          [4, 2],
        ],
      },
    ]);
  });

  test("acknowledgements are recorded when they leave", () => {
    const desk = new Desk().open();
    const number = desk.work({ entries: [founding()], sendAfter: [acknowledgement(1)] });
    expect(desk.take()).not.toContainEqual(expect.objectContaining({ acknowledged: 1 }));
    desk.recorder.durable(number);
    expect(desk.take()).toMatchObject([{ durable: 1, acknowledged: 1 }]);
    desk.work({ send: [acknowledgement(9, false)] });
    expect(desk.take()).toEqual([]);
  });

  test("an acknowledgement that was too early does not look as if it had not been", () => {
    const desk = new Desk().open();
    const number = desk.work({ entries: [founding()], send: [acknowledgement(1)] });
    desk.recorder.durable(number);
    expect(desk.take()).toMatchObject([{ acknowledged: 1 }, { first: 1, durable: 1 }]);
  });

  test("an acknowledgement of what is being replaced says no more than what stays", () => {
    const desk = new Desk().open();
    const first = desk.work({ entries: [founding(), commandEntry(2)], sendAfter: [acknowledgement(2)] });
    desk.work({ trace: [{ type: "truncated", from: 2, last: 2 }], entries: [noopEntry(2, 2)] });
    desk.take();
    desk.recorder.durable(first);
    expect(desk.take()).toEqual([{ event: "progress", durable: 1, acknowledged: 1 }]);
  });

  test("a leader tells who could vote, before its first entry is in the log too", () => {
    const desk = new Desk().open();
    desk.work({ trace: [{ type: "leader", term: 1 }], entries: [founding()] });
    const voters = [["A", "storeA"], ["B", "storeB"], null];
    expect(desk.take()[0]).toEqual({ event: "leader", term: 1, clusterId: "cluster", voters });
    desk.work({ trace: [{ type: "leader", term: 2 }] });
    expect(desk.take()[0]).toEqual({ event: "leader", term: 2, clusterId: "cluster", voters });
  });
});

test("nothing of what clients wrote is recorded", () => {
  const desk = new Desk().open();
  desk.work({ entries: [founding(), commandEntry(2, { text: "SET secret=hunter2" })] });
  desk.recorder.failed(new Error("SET secret=hunter2"));
  const lines = new LineWriter({ segment: 0, seq: 0, crc: null });
  const text = lines.write(desk.recorder.take());
  expect(text).toContain('"event":"failed","code":"Error"');
  expect(text).not.toMatch(/secret|hunter2/);
});

test.each([
  [new RaftLiteError("storage-full", "no room"), "storage-full"],
  [new InvariantViolation("terms never fall", "3 after 4"), "terms never fall"],
  ["thrown", "unknown"],
])("a failure is told by its name", (error, code) => {
  const desk = new Desk().open();
  desk.recorder.failed(error);
  desk.recorder.stopped();
  expect(desk.take()).toEqual([{ event: "failed", code }, { event: "stopped" }]);
});

describe("files", () => {
  test("a new one begins with the state that the records before lead to", () => {
    const desk = new Desk().open();
    desk.work({
      trace: [{ type: "term", term: 1 }],
      entries: [founding(), commandEntry(2)],
      hardState: { term: 1, votedFor: "A" },
    });
    desk.recorder.durable(1);
    desk.work({
      trace: [
        { type: "leader", term: 1 },
        { type: "committed", index: 1, previous: 0 },
      ],
    });
    desk.take();
    desk.recorder.rotate();
    desk.work({ trace: [{ type: "stepped-down", term: 1, cause: "no-quorum" }] });
    expect(desk.take()).toMatchObject([
      {
        event: "rotated",
        dropped: 0,
        state: {
          term: 1,
          leads: true,
          durableTerm: 1,
          vote: "A",
          last: 2,
          durable: 2,
          commit: 1,
          applied: 0,
        },
      },
      { event: "stepped-down" },
    ]);
  });

  test("what could not be written is counted, and told by the next one", () => {
    const desk = new Desk().open();
    desk.recorder.stalled();
    desk.recorder.pause(2);
    expect(desk.recorder.isPaused).toBe(true);
    desk.recorder.stalled();
    desk.work({ entries: [founding()] });
    expect(desk.take()).toEqual([]);
    desk.recorder.resume();
    expect(desk.take()).toMatchObject([{ event: "resumed", dropped: 5, state: { last: 1 } }]);
    desk.recorder.rotate();
    expect(desk.take()).toMatchObject([{ event: "rotated", dropped: 0 }]);
  });

  test("a queue that nobody takes does not grow for ever", () => {
    const desk = new Desk().open();
    for (let round = 0; round < 20_000; round++) desk.recorder.stalled();
    expect(desk.recorder.isPaused).toBe(true);
    expect(desk.take()).toEqual([]);
    expect(desk.recorder.dropped).toBe(20_000);
  });

  test("progress that nobody takes is recorded in parts", () => {
    const desk = new Desk().open();
    const entries = Array.from({ length: 64 * 1024 }, (_, at) =>
      at === 0 ? founding() : commandEntry(at + 1),
    );
    desk.work({ entries });
    desk.work({ entries: [commandEntry(64 * 1024 + 1)] });
    expect(desk.take()).toMatchObject([{ last: 64 * 1024 }, { first: 64 * 1024 + 1 }]);
  });
});

test("the last line of all is numbered and chained by the one that writes", () => {
  const lines = new LineWriter({ segment: 4, seq: 17, crc: "0000beef" });
  const desk = new Desk();
  desk.open();
  desk.recorder.rotate();
  desk.recorder.stalled();
  const [opener, next] = lines
    .write(desk.recorder.take() as Unnumbered[])
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line));
  expect(opener).toMatchObject({ seq: 17, event: "rotated", segment: 5, after: "0000beef" });
  expect(next).toMatchObject({ seq: 18, event: "stalled", crc: expect.stringMatching(/^[0-9a-f]{8}$/) });
  expect(lines.segment).toBe(5);
});

test("whoever has stopped does not fail any more: a write may, that nobody waits for", () => {
  const desk = new Desk().open();
  desk.recorder.stopped();
  desk.recorder.failed(new Error("disk is gone"));
  expect(desk.take()).toEqual([{ event: "stopped" }]);
});
