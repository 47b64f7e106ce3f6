import fc from "fast-check";
import { expect, test } from "vitest";
import type { Happening, Progress, RecordedConfiguration } from "../../shared/recording/records.ts";
import { TermRuns } from "../../shared/recording/term-runs.ts";
import { cluster, judge, progress, Tape, wins } from "./support.ts";

/** The terms of logs of any length, and of as many leaders' as there were. */

type Step = { readonly append: number; readonly rise: boolean } | { readonly keep: number };

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ append: fc.integer({ min: 1, max: 5 }), rise: fc.boolean() }) },
    { weight: 1, arbitrary: fc.record({ keep: fc.nat(60) }) },
  ),
  { maxLength: 120 },
);

/** The terms of the entries from `first` on, as a list. */
function expectSame(runs: TermRuns, first: number, terms: readonly number[]): void {
  const last = first + terms.length - 1;
  expect(runs).toMatchObject({ first, last, lastTerm: terms.at(-1) ?? 0 });
  for (let index = first - 2; index <= last + 2; index++)
    expect(runs.termAt(index)).toBe(terms[index - first]);
  const middle = first + Math.floor(terms.length / 2);
  for (const [from, to] of [
    [0, last + 3],
    [middle, last],
    [first, middle],
    [middle, middle],
  ] as const) {
    const told = runs.stretches(from, to).flatMap((stretch) => {
      const count = stretch.last - stretch.first + 1;
      return Array.from({ length: count }, (_, at) => [stretch.first + at, stretch.term]);
    });
    const all = terms.map((term, at) => [first + at, term] as const);
    expect(told).toEqual(all.filter(([index]) => from <= index && index <= to));
  }
}

test("whatever is added and removed, they are those of a list; and so are copies", () => {
  const property = fc.property(fc.integer({ min: 1, max: 9 }), steps, (first, moves) => {
    let runs = new TermRuns([[first, 1]], first);
    let terms = [1];
    for (const move of moves) {
      const copy = runs.copy();
      const copied = [...terms];
      if ("append" in move) {
        const term = (terms.at(-1) ?? 0) + (move.rise || terms.length === 0 ? 1 : 0);
        runs.append(term, first + terms.length + move.append - 1);
        terms = [...terms, ...Array.from({ length: move.append }, () => term)];
      } else {
        terms = terms.slice(0, move.keep);
        runs.truncate(first + terms.length);
      }
      expectSame(copy, first, copied);
    }
    expectSame(runs, first, terms);
    const told = runs.newest(Number.POSITIVE_INFINITY);
    if (terms.length > 0) {
      runs = new TermRuns(told, first + terms.length - 1);
      expectSame(runs, first, terms);
      expect(runs.newest(3)).toEqual(told.slice(-3));
    }
  });
  fc.assert(property, { numRuns: 300 });
});

/** One node, which is elected once for every entry. */
function restless(terms: number): Tape {
  const alone: RecordedConfiguration = { ...cluster, voters: [["A", "storeA"]] };
  const tape = new Tape("A").open("started");
  for (let term = 1; term <= terms; term++) {
    const configurations = term === 1 ? { configurations: [alone] } : {};
    const entry: Progress = progress({
      first: term,
      last: term,
      runs: [[term, term]],
      hash: null,
      ...configurations,
    });
    const down: Happening = { event: "stepped-down", term, cause: "higher-term" };
    tape.add(...wins("A", term, alone.voters), { ...entry, durable: term });
    tape.add(progress({ commit: term, applied: term }), down);
  }
  return tape;
}

test("a leader for every entry costs no more than as many entries of one leader", async () => {
  // With a list of its own for every leader these are 450 million runs, and more memory than there is.
  const verdict = await judge(restless(30_000));
  expect(verdict.findings).toEqual([]);
  expect(verdict.clusters).toMatchObject([{ commit: 30_000 }]);
  expect(verdict.clusters[0]?.leaders).toHaveLength(30_000);
}, 60_000);
