import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { TermLog } from "../../../shared/raft/term-log.ts";
import {
  appendEntry,
  bytesOf,
  createTermLog,
  findConflictByTerm,
  isUpToDate,
  lastTerm,
  termAt,
  truncateFrom,
} from "../../../shared/raft/term-log.ts";

/** The log as a plain list of entries: what the runs and sizes must agree with. */
type Naive = { term: number; size: number }[];

function logOf(terms: readonly number[]): TermLog {
  const log = createTermLog([], 0);
  for (const [i, term] of terms.entries())
    appendEntry(log, { index: i + 1, term, kind: "command", size: i + 1 });
  return log;
}

const risingTerms = fc
  .array(fc.nat(2), { maxLength: 12 })
  .map((rises) => rises.map((_, i) => 1 + rises.slice(0, i + 1).reduce((sum, rise) => sum + rise, 0)));

const change = fc.oneof(
  { weight: 4, arbitrary: fc.record({ rise: fc.nat(2), size: fc.integer({ min: 1, max: 9 }) }) },
  { weight: 1, arbitrary: fc.record({ cut: fc.nat(5) }) },
);

test("appending and cutting leave what a list would hold", () => {
  fc.assert(
    fc.property(risingTerms, fc.array(change, { maxLength: 30 }), (start, changes) => {
      // Restored: the sizes of these are not known.
      const runs = start.flatMap((term, i) => (start[i - 1] === term ? [] : [{ term, first: i + 1 }]));
      const log = createTermLog(runs, start.length);
      const naive: Naive = start.map((term) => ({ term, size: Number.NaN }));
      for (const next of changes) {
        if ("cut" in next) {
          const from = Math.max(1, naive.length + 1 - next.cut);
          naive.length = from - 1;
          truncateFrom(log, from);
        } else {
          const term = (naive.at(-1)?.term ?? 0) + next.rise || 1;
          naive.push({ term, size: next.size });
          appendEntry(log, { index: naive.length, term, kind: "command", size: next.size });
        }
        expect(log.lastIndex).toBe(naive.length);
        expect(lastTerm(log)).toBe(naive.at(-1)?.term ?? 0);
        for (const [i, { term }] of naive.entries()) expect(termAt(log, i + 1)).toBe(term);
        for (let first = 1; first <= naive.length + 1; first++) {
          const bytes = naive.slice(first - 1).reduce((sum, { size }) => sum + size, 0);
          const known = bytesOf(log, { first, last: log.lastIndex });
          expect(known ?? Number.NaN).toBe(bytes);
        }
      }
    }),
  );
});

test("there is a term before the first entry and none past the last", () => {
  const log = logOf([1, 1, 3]);
  expect([0, 1, 2, 3, 4, -1].map((index) => termAt(log, index))).toEqual([0, 1, 1, 3, undefined, undefined]);
});

test("the log is contiguous and its terms never fall", () => {
  const log = logOf([1, 3]);
  const entry = { kind: "command", size: 1 } as const;
  expect(() => appendEntry(log, { ...entry, index: 4, term: 3 })).toThrow("log is contiguous");
  expect(() => appendEntry(log, { ...entry, index: 3, term: 2 })).toThrow("terms never fall along the log");
});

test("what is cut off is not durable any more", () => {
  const log = createTermLog([{ term: 1, first: 1 }], 5);
  expect(log.durableIndex).toBe(5);
  truncateFrom(log, 3);
  expect(log.durableIndex).toBe(2);
  appendEntry(log, { index: 3, term: 2, kind: "command", size: 1 });
  expect(log.durableIndex).toBe(2);
});

test("sizes are kept for the newest entries, far more than a window holds", () => {
  const log = createTermLog([], 0);
  const entries = 50_000;
  for (let index = 1; index <= entries; index++)
    appendEntry(log, { index, term: 1, kind: "command", size: 2 });
  expect(bytesOf(log, { first: entries - 8000, last: entries })).toBe(2 * 8001);
  expect(bytesOf(log, { first: 1, last: 5 })).toBeUndefined();
  expect(log.sizes.length).toBeLessThanOrEqual(16_384);
  truncateFrom(log, 10);
  expect(bytesOf(log, { first: 10, last: 9 })).toBe(0);
  appendEntry(log, { index: 10, term: 1, kind: "command", size: 7 });
  expect(bytesOf(log, { first: 10, last: 10 })).toBe(7);
});

describe("the place where logs may still agree", () => {
  test.each([
    // own terms, asked index and term, answer
    [[1, 1, 4, 4, 5, 5, 6, 6, 6], 9, 6, 9],
    [[1, 1, 4, 4, 5, 5, 6, 6, 6], 12, 6, 9],
    [[1, 1, 4, 4, 5, 5, 6, 6, 6], 9, 5, 6],
    [[1, 1, 4, 4, 5, 5, 6, 6, 6], 9, 3, 2],
    [[1, 1, 4, 4, 5, 5, 6, 6, 6], 5, 9, 5],
    [[2, 2], 2, 1, 0],
    [[], 5, 3, 0],
    [[1], 0, 0, 0],
  ] as const)("in %j for %i@%i is %i", (terms, index, term, agreed) => {
    expect(findConflictByTerm(logOf(terms), index, term)).toBe(agreed);
  });

  test("is the last one at or before the index whose term is not above the other's", () => {
    fc.assert(
      fc.property(risingTerms, fc.nat(15), fc.nat(15), (terms, index, term) => {
        let expected = Math.min(index, terms.length);
        while (expected > 0 && (terms[expected - 1] as number) > term) expected--;
        expect(findConflictByTerm(logOf(terms), index, term)).toBe(expected);
      }),
    );
  });

  test("is never behind the last entry that two logs share", () => {
    fc.assert(
      fc.property(risingTerms, risingTerms, risingTerms, (common, mine, theirs) => {
        const base = common.at(-1) ?? 0;
        // From here on the terms differ: one took the odd ones.
        const own = [...common, ...mine.map((term) => base + 2 * term)];
        const other = [...common, ...theirs.map((term) => base + 2 * term + 1)];
        // A leader asks at its end; the follower's hint and the leader's own search in turn.
        const hint = findConflictByTerm(logOf(own), other.length, other.at(-1) ?? 0);
        const next = findConflictByTerm(logOf(other), hint, own[hint - 1] ?? 0);
        expect(next).toBeGreaterThanOrEqual(common.length);
      }),
    );
  });
});

test.each([
  [[1, 2], 2, 2, true],
  [[1, 2], 2, 1, false],
  [[1, 2], 1, 9, false],
  [[1, 2], 3, 1, true],
  [[], 0, 0, true],
] as const)("log %j finds last entry term %i index %i up to date: %s", (terms, term, index, upToDate) => {
  expect(isUpToDate(logOf(terms), term, index)).toBe(upToDate);
});
