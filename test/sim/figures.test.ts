import { expect, test } from "vitest";
import { proveEnough } from "../../sim/coverage.ts";
import { countOverlapping } from "../../sim/overlap.ts";
import type { HistoryFigures } from "../../sim/store/figures.ts";
import { figuresOf, isEvidence, kindsOf } from "../../sim/store/figures.ts";
import { evidenceLine } from "../../sim/summary.ts";
import type { Line } from "./store-history.ts";
import {
  all,
  answer,
  del,
  delUnder,
  done,
  each,
  found,
  history,
  local,
  nothing,
  open,
  put,
  read,
  refused,
  text,
  watch,
} from "./store-history.ts";

const good: HistoryFigures = { operations: 500, unknown: 0, overlapping: 0.2, leaderChanges: 1 };

test.each([
  ["enough of everything", good, true],
  ["no change of leader", { ...good, leaderChanges: 0 }, false],
  ["too little at once", { ...good, overlapping: 0.19 }, false],
  ["too short", { ...good, operations: 499 }, false],
])("a history with %s", (_, figures, expected) => {
  expect(isEvidence(figures)).toBe(expected);
});

test("three histories in five must count", () => {
  const bad = { ...good, leaderChanges: 0 };
  expect(proveEnough([good, good, good, bad, bad])).toBe(true);
  expect(proveEnough([good, good, bad, bad, bad])).toBe(false);
  expect(evidenceLine([good, bad, { ...good, unknown: 3, overlapping: 0.5 }])).toBe(
    "histories that count: 2 of 3 (1500 operations, 2 leader changes, 3 unknown outcomes, 30% overlapping in the mean)",
  );
});

test("who is under way together overlaps, whoever came first", () => {
  const count = (...pairs: [number, number][]) => {
    return countOverlapping(pairs.map(([invokedAt, endedAt]) => ({ invokedAt, endedAt })));
  };
  expect(count()).toBe(0);
  expect(count([0, 1], [2, 3], [4, 5])).toBe(0);
  expect(count([0, 9], [1, 2], [3, 4], [10, 11])).toBe(3);
  expect(count([3, 4], [1, 2], [0, 9])).toBe(3);
});

test("only operations on the same keys overlap, and neither those that wait nor those that look at one node", () => {
  const lines: Line[] = [
    [0, 10, each(put("a/1", "v1")), answer(done(1))],
    [1, 11, each(put("x", "v2")), answer(done(2))],
    [2, 12, watch("x", 1), found(2, "x=v2@2")],
    [3, 13, local("x"), found(2, "x=v2@2")],
  ];
  expect(figuresOf(history(lines), 3)).toEqual({
    operations: 4,
    unknown: 0,
    overlapping: 0,
    leaderChanges: 3,
  });
  lines.push([4, open, each(del("x"))], [5, 6, read("a/"), found(2, "a/1=v1@1")]);
  expect(figuresOf(history(lines), 3)).toEqual({
    operations: 6,
    unknown: 1,
    overlapping: 1,
    leaderChanges: 3,
  });
});

test("every kind of operation, and of what came of it, has a name", () => {
  const lines: Line[] = [
    [0, 1, text(put("x", "v1")), answer(done())],
    [2, open, text(put("x", "v2"))],
    [3, open, each(put("x", "v3"))],
    [4, 5, each(put("a/1", "v4", { index: 0 }), delUnder("b/")), answer(done(4), nothing(0))],
    [6, 7, all(put("a/1", "v5", { index: 9 }), del("a/1", { index: 4 })), answer(refused(4), refused(4))],
    [8, 9, each(del("a/1", { index: 4 }), put("a/1", "v6", { index: 4 })), answer(done(5), refused(0))],
    [10, 11, all(delUnder("a/")), answer(done(6))],
    [12, 13, read("a/"), found(6)],
    [14, 15, read("x"), found(6)],
    [16, 17, local("x"), found(5)],
    [18, 19, local("a/"), found(6)],
    [20, 21, watch("x", 2), found(7, "x=v7@7")],
    [22, 23, watch("a/", 7), found(7)],
  ];
  expect(kindsOf(history(lines))).toEqual([
    "text command",
    "text command of unknown outcome",
    "batch of unknown outcome",
    "put by index done",
    "independent batch done",
    "put by index refused",
    "delete by index refused",
    "atomic batch rolled back",
    "delete by index done",
    "put by index refused",
    "independent batch done in part",
    "recursive delete",
    "atomic batch done",
    "recurse read",
    "read of a key",
    "stale read of a key, behind",
    "stale recurse read, up to date",
    "blocking read of a key, changed",
    "blocking recurse read, unchanged",
  ]);
});
