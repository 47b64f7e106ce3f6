import { describe, expect, test } from "vitest";
import type { HistoryRecord, Outcome } from "../../sim/history.ts";
import type { SequentialModel } from "../../sim/sequential-model.ts";
import { refuteHistory } from "../../sim/sequential-model.ts";

type Op = { readonly type: "command" | "read"; readonly name: string; readonly add: number };

const counter: SequentialModel<{ count: number }, Op> = {
  initial: { count: 0 },
  step: ({ count }, { add }) => ({ state: { count: count + add }, result: [count + add] }),
};

const add = (by: number): Op => ({ type: "command", name: `add ${by}`, add: by });
const look: Op = { type: "read", name: "look", add: 0 };
const ok = (count: number): Outcome => ({ type: "ok", result: [count], index: null });

function record(operation: Op, outcome: Outcome, invokedAt: number, endedAt: number): HistoryRecord<Op> {
  const rest = { run: 1, held: null, committedBefore: 0, committedAfter: 0 };
  return { client: 0, node: "A", operation, outcome, invokedAt, endedAt, ...rest };
}

describe("a history that could have happened", () => {
  test.each<[string, HistoryRecord<Op>[]]>([
    ["nothing", []],
    ["one after the other", [record(add(1), ok(1), 0, 1), record(look, ok(1), 2, 3)]],
    ["two at once, in either order", [record(add(1), ok(3), 0, 2), record(add(2), ok(2), 1, 3)]],
    ["nobody knows, and it was", [record(add(1), { type: "unknown" }, 0, 1), record(look, ok(1), 2, 3)]],
    ["nobody knows, and it was not", [record(add(1), { type: "unknown" }, 0, 1), record(look, ok(0), 2, 3)]],
    [
      "nobody knows, and it was late",
      [record(add(1), { type: "unknown" }, 0, 1), record(look, ok(0), 2, 3), record(look, ok(1), 4, 5)],
    ],
    ["certainly not", [record(add(1), { type: "none" }, 0, 1), record(look, ok(0), 2, 3)]],
    ["a read without an answer", [record(look, { type: "unknown" }, 0, 1), record(look, ok(0), 2, 3)]],
  ])("%s", (_what, history) => {
    expect(refuteHistory(counter, history)).toBeNull();
  });
});

describe("one that could not", () => {
  test.each<[string, HistoryRecord<Op>[], string]>([
    [
      "a lost command",
      [record(add(1), ok(1), 0, 1), record(look, ok(0), 2, 3)],
      "look was answered with [0]",
    ],
    [
      "a wrong result",
      [record(add(1), ok(2), 0, 1)],
      'add 1 was answered with [2] when the state was {"count":0}',
    ],
    ["carried out twice", [record(add(1), ok(1), 0, 1), record(look, ok(2), 2, 3)], "[2]"],
    ["certainly not, and yet", [record(add(1), { type: "none" }, 0, 1), record(look, ok(1), 2, 3)], "[1]"],
    [
      "a read that goes back",
      [record(add(1), { type: "unknown" }, 0, 1), record(look, ok(1), 2, 3), record(look, ok(0), 4, 5)],
      "look was answered with [0]",
    ],
    ["before it was asked for", [record(look, ok(1), 0, 1), record(add(1), ok(1), 2, 3)], "look"],
  ])("%s", (_what, history, said) => {
    expect(refuteHistory(counter, history)).toContain(said);
  });
});

test("a result that is nothing is told from one that is not known", () => {
  const silent: SequentialModel<number, Op> = {
    initial: 0,
    step: (state) => ({ state, result: undefined }),
  };
  const answered = (result: unknown) => [record(add(1), { type: "ok", result, index: 1 }, 0, 1)];
  expect(refuteHistory(silent, answered(undefined))).toBeNull();
  expect(refuteHistory(silent, answered(5))).toContain("add 1 was answered with 5");
});
