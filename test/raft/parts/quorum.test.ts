import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  canReachQuorum,
  committedIndex,
  findMember,
  isMember,
  members,
  quorumValue,
  voteResult,
} from "../../../shared/raft/quorum.ts";
import { configurationOf } from "../support/settings.ts";

const names = ["A", "B", "C", "D", "E", "F", "G"];

/** Members that have a name, and open slots. */
const sizes = fc
  .tuple(fc.integer({ min: 1, max: 7 }), fc.integer({ min: 0, max: 3 }))
  .map(([named, open]) => ({
    ids: names.slice(0, named),
    configuration: configurationOf(names.slice(0, named), names.slice(0, open)),
    size: named + open,
  }));

test.each([
  [1, 1],
  [2, 2],
  [3, 2],
  [4, 3],
  [5, 3],
  [6, 4],
  [7, 4],
])("of %i nodes %i must agree", (size, quorum) => {
  const ids = names.slice(0, size);
  const result = (agreed: number) =>
    voteResult(configurationOf(ids), { granted: ids.slice(0, agreed), refused: [] });
  expect([result(quorum - 1), result(quorum)]).toEqual(["pending", "won"]);
});

test("any two majorities share a member, open slots or not", () => {
  fc.assert(
    fc.property(sizes, fc.func(fc.boolean()), fc.func(fc.boolean()), ({ ids, configuration }, one, other) => {
      const voters = (choose: (id: string) => boolean) => ids.filter((id) => choose(id));
      const wins = (granted: string[]) => voteResult(configuration, { granted, refused: [] }) === "won";
      const [first, second] = [voters(one), voters(other)];
      if (wins(first) && wins(second)) expect(first.some((id) => second.includes(id))).toBe(true);
    }),
  );
});

describe("an election", () => {
  test.each([
    ["nothing yet", [], [], "pending"],
    ["one of three", ["A"], [], "pending"],
    ["two of three", ["A", "B"], [], "won"],
    ["one against one", ["A"], ["B"], "pending"],
    ["two against", ["A"], ["B", "C"], "lost"],
    ["the same one twice", ["A", "A"], [], "pending"],
    ["strangers", ["A", "X", "Y"], [], "pending"],
    ["refusals of strangers", ["A"], ["X", "Y"], "pending"],
  ] as const)("with %s", (_how, granted, refused, result) => {
    expect(voteResult(configurationOf(["A", "B", "C"]), { granted, refused })).toBe(result);
  });

  test("is won, lost or open exactly as counting every outcome says", () => {
    fc.assert(
      fc.property(
        sizes,
        fc.func(fc.constantFrom("yes", "no", "silent")),
        ({ ids, configuration, size }, answer) => {
          const answers = new Map(ids.map((id) => [id, answer(id)]));
          const count = (...of: string[]) =>
            ids.filter((id) => of.includes(answers.get(id) as string)).length;
          const needed = Math.floor(size / 2) + 1;
          const expected =
            count("yes") >= needed ? "won" : count("yes", "silent") >= needed ? "pending" : "lost";
          const by = (what: string) => ids.filter((id) => answers.get(id) === what);
          expect(voteResult(configuration, { granted: by("yes"), refused: by("no") })).toBe(expected);
        },
      ),
    );
  });
});

test.each([
  [[5], 0, 5],
  [[5, 3], 0, 3],
  [[5, 3, 1], 0, 3],
  [[5, 5, 1], 0, 5],
  [[5, 3, 2, 1], 0, 2],
  [[9, 7, 5, 3, 1], 0, 5],
  [[9, 7], 1, 7],
  [[9, 7], 2, 0],
  [[9], 1, 0],
])("members that hold up to %j and %i open slots commit up to %i", (held, open, committed) => {
  const configuration = configurationOf(names.slice(0, held.length), names.slice(0, open));
  expect(committedIndex(configuration, (id) => held[names.indexOf(id)] ?? 0)).toBe(committed);
});

test("the committed index is the highest that a quorum holds", () => {
  fc.assert(
    fc.property(sizes, fc.func(fc.nat(20)), ({ ids, configuration, size }, held) => {
      const match = new Map(ids.map((id) => [id, held(id)]));
      const holders = (index: number) => ids.filter((id) => (match.get(id) ?? 0) >= index).length;
      const index = committedIndex(configuration, (id) => match.get(id) ?? 0);
      const needed = Math.floor(size / 2) + 1;
      expect(index === 0 || holders(index) >= needed).toBe(true);
      expect(holders(index + 1)).toBeLessThan(needed);
    }),
  );
});

test("an open slot counts for what the caller says", () => {
  const configuration = configurationOf(["A"], ["b", "c"]);
  expect(quorumValue(configuration, () => 7, 0)).toBe(0);
  expect(quorumValue(configuration, () => 7, Number.POSITIVE_INFINITY)).toBe(Number.POSITIVE_INFINITY);
});

test("a majority of names is needed for anything", () => {
  expect(canReachQuorum(configurationOf(["A"], ["b", "c"]))).toBe(false);
  expect(canReachQuorum(configurationOf(["A", "B"], ["c"]))).toBe(true);
  expect(canReachQuorum(configurationOf(["A", "B"], ["c", "d"]))).toBe(false);
});

test("members are found by id; open slots have none", () => {
  const configuration = configurationOf(["A", "B"], ["c"]);
  expect(members(configuration).map(({ id }) => id)).toEqual(["A", "B"]);
  expect([isMember(configuration, "B"), isMember(configuration, "c")]).toEqual([true, false]);
  expect(findMember(configuration, "A")?.storeId).toBe("store-A");
  expect(findMember(configuration, "X")).toBeUndefined();
});
