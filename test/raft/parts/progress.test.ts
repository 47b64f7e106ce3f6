import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Progress } from "../../../shared/raft/progress.ts";
import {
  createProgress,
  recordAcknowledged,
  recordLost,
  recordRejected,
  recordSent,
  windowIsOpen,
} from "../../../shared/raft/progress.ts";

const most = 1 << 20;
const acknowledged = (progress: Progress, matchIndex: number, now: number) =>
  recordAcknowledged(progress, matchIndex, now, most);
const window = { maxInflightMessages: 3, maxInflightBytes: 100 };
const probe = (nextIndex = 10, matchIndex = 0): Progress => ({
  ...createProgress("A", nextIndex, 0, most),
  matchIndex,
});
const replicate = (matchIndex = 9): Progress => {
  const progress = probe(matchIndex + 1, matchIndex);
  acknowledged(progress, matchIndex, 0);
  return progress;
};

describe("while probing", () => {
  test("one message is out at a time", () => {
    const progress = probe();
    expect(windowIsOpen(progress, window)).toBe(true);
    recordSent(progress, 12, 5, 1);
    expect(windowIsOpen(progress, window)).toBe(false);
    expect(progress.nextIndex).toBe(10);
  });

  test.each([
    // next, match, rejected, hint → new next, or null when it is stale
    [10, 0, 9, 8, 9],
    [10, 0, 9, 3, 4],
    [10, 0, 9, 9, 9],
    [10, 0, 9, 20, 9],
    [10, 0, 9, 0, 1],
    [10, 6, 9, 2, 7],
    [10, 0, 8, 3, null],
    [10, 0, 12, 3, null],
    [10, 9, 9, 3, null],
  ])("next %i, match %i: a refusal of %i with hint %i", (next, match, rejected, hint, expected) => {
    const progress = probe(next, match);
    progress.paused = true;
    expect(recordRejected(progress, rejected, hint)).toBe(expected !== null);
    expect(progress).toMatchObject({
      nextIndex: expected ?? next,
      paused: expected === null,
      state: "probe",
    });
  });

  test.each([
    [10, 0, 12, "replicate", 13],
    [10, 0, 9, "replicate", 10],
    [10, 0, 4, "replicate", 5],
    [10, 4, 4, "probe", 10],
    [10, 9, 9, "replicate", 10],
    [10, 4, 2, "probe", 10],
  ])("next %i, match %i: an acknowledgement of %i leads to %s", (next, match, acked, state, expected) => {
    const progress = probe(next, match);
    acknowledged(progress, acked, 1);
    expect(progress).toMatchObject({ state, nextIndex: expected });
  });
});

describe("while replicating", () => {
  test("messages go ahead until the window is full", () => {
    const progress = replicate();
    for (const last of [10, 11, 12]) {
      expect(windowIsOpen(progress, window)).toBe(true);
      recordSent(progress, last, 1, 1);
    }
    expect(windowIsOpen(progress, window)).toBe(false);
    acknowledged(progress, 10, 2);
    expect(windowIsOpen(progress, window)).toBe(true);
    expect(progress).toMatchObject({ nextIndex: 13, matchIndex: 10 });
  });

  test("a window of bytes closes when it is filled or overfilled", () => {
    const progress = replicate();
    recordSent(progress, 10, 99, 1);
    expect(windowIsOpen(progress, window)).toBe(true);
    recordSent(progress, 11, 500, 1);
    expect(windowIsOpen(progress, window)).toBe(false);
    acknowledged(progress, 11, 2);
    expect(windowIsOpen(progress, window)).toBe(true);
  });

  test("a message of unknown size is alone, and its acknowledgement says where to go on", () => {
    const progress = replicate();
    recordSent(progress, 50, undefined, 1);
    expect(windowIsOpen(progress, window)).toBe(false);
    acknowledged(progress, 9, 2);
    expect(windowIsOpen(progress, window)).toBe(false);
    acknowledged(progress, 20, 3);
    expect(windowIsOpen(progress, window)).toBe(true);
    expect(progress.nextIndex).toBe(21);
  });

  test("an acknowledgement beyond what was sent moves on from there", () => {
    const progress = replicate();
    acknowledged(progress, 30, 1);
    expect(progress).toMatchObject({ matchIndex: 30, nextIndex: 31 });
  });

  test("one refusal sends it back to probing, behind what is certain", () => {
    const progress = replicate();
    recordSent(progress, 20, 1, 1);
    recordSent(progress, 30, 1, 1);
    expect(recordRejected(progress, 20, 15)).toBe(true);
    expect(progress).toMatchObject({ state: "probe", nextIndex: 16, inflight: [], paused: false });
    const behind = replicate();
    expect(recordRejected(behind, 9, 3)).toBe(false);
    expect(recordRejected(behind, 12, 3)).toBe(true);
    expect(behind.nextIndex).toBe(10);
  });

  test("what is lost is sent again from what is certain", () => {
    const progress = replicate();
    recordSent(progress, 20, 1, 1);
    progress.sentCommit = 20;
    recordLost(progress);
    expect(progress).toMatchObject({ state: "probe", nextIndex: 10, inflight: [], sentCommit: 9 });
  });
});

test("a message for a slow link is halved with every loss, down to a floor, and grows again with what arrives", () => {
  const progress = replicate();
  const sizes = Array.from({ length: 8 }, () => {
    recordSent(progress, progress.nextIndex, 1, 1);
    recordLost(progress);
    return progress.maxBytes >> 10;
  });
  expect(sizes).toEqual([512, 256, 128, 64, 32, 16, 16, 16]);
  const grown = Array.from({ length: 8 }, (_, i) => {
    acknowledged(progress, 10 + i, 1);
    return progress.maxBytes >> 10;
  });
  expect(grown).toEqual([32, 64, 128, 256, 512, 1024, 1024, 1024]);
});

test("a loss makes no message larger, however small the limit", () => {
  const progress = createProgress("A", 1, 0, 100);
  recordLost(progress);
  expect(progress.maxBytes).toBe(100);
});

test("a probe that is lost waits for a sign of life", () => {
  const progress = probe();
  recordSent(progress, 12, 5, 1);
  recordLost(progress);
  expect(progress).toMatchObject({ state: "probe", paused: true, nextIndex: 10 });
});

test("a stretch without progress begins with the first message and with every advance", () => {
  const progress = replicate();
  recordSent(progress, 10, 1, 50);
  recordSent(progress, 11, 1, 60);
  expect(progress.movedAt).toBe(50);
  acknowledged(progress, 10, 70);
  expect(progress.movedAt).toBe(70);
  acknowledged(progress, 10, 80);
  expect(progress.movedAt).toBe(70);
});

/** A follower that holds what the leader's messages brought, over a network that loses, repeats and reorders. */
test("whatever happens to messages, progress never passes the follower and reaches it when they get through", () => {
  const event = fc.record({
    kind: fc.constantFrom("send", "send", "deliver", "deliver", "answer", "answer", "lose", "lost", "beat"),
    pick: fc.nat(5),
    span: fc.integer({ min: 1, max: 4 }),
    known: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(event, { maxLength: 80 }), fc.nat(20), (events, start) => {
      const last = 20;
      const progress = createProgress("A", last, 0, most);
      let held = start;
      const requests: { prev: number; to: number }[] = [];
      const answers: { prev: number; match: number; ok: boolean }[] = [];
      const send = (span: number, known: boolean) => {
        if (progress.nextIndex > last || !windowIsOpen(progress, window)) return;
        if (!known && progress.inflight.length > 0) return;
        const to = Math.min(last, progress.nextIndex + span - 1);
        requests.push({ prev: progress.nextIndex - 1, to });
        recordSent(progress, to, known ? 10 : undefined, 0);
      };
      const beat = () => {
        const prev = progress.state === "probe" ? progress.nextIndex - 1 : progress.matchIndex;
        requests.push({ prev, to: prev });
      };
      const deliver = (at: number) => {
        const [request] = requests.splice(at % Math.max(1, requests.length), 1);
        if (!request) return;
        const ok = request.prev <= held;
        if (ok) held = Math.max(held, request.to);
        answers.push({ prev: request.prev, match: ok ? request.to : held, ok });
      };
      const answer = (at: number) => {
        const [reply] = answers.splice(at % Math.max(1, answers.length), 1);
        if (!reply) return;
        if (reply.ok) acknowledged(progress, reply.match, 0);
        else recordRejected(progress, reply.prev, reply.match);
      };
      for (const { kind, pick, span, known } of events) {
        if (kind === "send") send(span, known);
        else if (kind === "deliver") deliver(pick);
        else if (kind === "answer") answer(pick);
        else if (kind === "beat") beat();
        else if (kind === "lose") (pick % 2 ? requests : answers).splice(pick, 1);
        else if (progress.state === "replicate") recordLost(progress);
        expect(progress.matchIndex).toBeLessThanOrEqual(held);
        expect(progress.nextIndex).toBeGreaterThan(progress.matchIndex);
        expect(progress.nextIndex).toBeLessThanOrEqual(last + 1);
      }
      for (let round = 0; round < 60 && progress.matchIndex < last; round++) {
        if (progress.state === "replicate" && round % 10 === 9) recordLost(progress);
        send(4, true);
        beat();
        while (requests.length > 0) deliver(0);
        while (answers.length > 0) answer(0);
      }
      expect(progress.matchIndex).toBe(last);
    }),
  );
});
