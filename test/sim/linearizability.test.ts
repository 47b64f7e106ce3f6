import { describe, expect, test } from "vitest";
import { Random } from "../../sim/random.ts";
import type { RegisterCall, RegisterOperation } from "./register.ts";
import { refuteRegister } from "./register.ts";

const open = Number.POSITIVE_INFINITY;

/** `[from, to, operation, answer]`; without an answer the outcome is unknown. */
type Line = readonly [from: number, to: number, operation: string, answer?: unknown];

function calls(lines: readonly Line[]): RegisterCall[] {
  return lines.map(([invokedAt, returnedAt, operation, output]) => {
    return { input: parse(operation), output, invokedAt, returnedAt };
  });
}

function parse(operation: string): RegisterOperation {
  const [verb, first = "", second = ""] = operation.split(" ");
  if (verb === "SET") return { verb, value: first };
  if (verb === "CAS") return { verb, expected: first, value: second };
  return { verb: verb === "DEL" ? "DEL" : "GET" };
}

describe("could have happened", () => {
  test.each<[string, readonly Line[]]>([
    ["nothing at all", []],
    ["a read of what was never written", [[0, 1, "GET", null]]],
    [
      "one after the other",
      [
        [0, 1, "SET a", "OK"],
        [2, 3, "GET", "a"],
        [4, 5, "CAS a b", true],
        [6, 7, "CAS a c", false],
        [8, 9, "DEL", 1],
        [10, 11, "DEL", 0],
        [12, 13, "GET", null],
      ],
    ],
    [
      "a read beside a write sees it",
      [
        [0, 3, "SET a", "OK"],
        [1, 2, "GET", "a"],
      ],
    ],
    [
      "a read beside a write does not see it",
      [
        [0, 3, "SET a", "OK"],
        [1, 2, "GET", null],
      ],
    ],
    [
      "two writes at once, seen in either order",
      [
        [0, 5, "SET a", "OK"],
        [1, 6, "SET b", "OK"],
        [2, 3, "GET", "b"],
        [7, 8, "GET", "a"],
      ],
    ],
    [
      "a write of unknown outcome that never happened",
      [
        [0, open, "SET a"],
        [1, 2, "GET", null],
        [3, 4, "GET", null],
      ],
    ],
    [
      "a write of unknown outcome that happened long after",
      [
        [0, open, "SET a"],
        [1, 2, "SET b", "OK"],
        [3, 4, "GET", "b"],
        [5, 6, "GET", "a"],
      ],
    ],
    [
      "what only a write of unknown outcome explains, though nobody saw its value",
      [
        [0, 1, "SET a", "OK"],
        [2, open, "SET b"],
        [3, 4, "CAS a c", false],
      ],
    ],
    [
      "a deletion that only one of two of unknown outcome explains",
      [
        [0, 1, "SET a", "OK"],
        [2, open, "DEL"],
        [3, open, "DEL"],
        [4, 5, "DEL", 0],
        [6, 7, "SET b", "OK"],
        [8, 9, "GET", null],
      ],
    ],
    [
      "an empty value is not absence",
      [
        [0, 1, "SET ", "OK"],
        [2, 3, "GET", ""],
        [4, 5, "DEL", 1],
      ],
    ],
  ])("%s", (_, lines) => {
    expect(refuteRegister(calls(lines))).toBeNull();
  });
});

describe("could not have happened", () => {
  test.each<[string, readonly Line[], answered: number]>([
    [
      "a stale read",
      [
        [0, 1, "SET a", "OK"],
        [2, 3, "SET b", "OK"],
        [4, 5, "GET", "a"],
      ],
      2,
    ],
    ["a value from nowhere", [[0, 1, "GET", "a"]], 0],
    [
      "a lost write",
      [
        [0, 1, "SET a", "OK"],
        [2, 3, "GET", null],
      ],
      1,
    ],
    [
      "two reads that disagree about the order of two writes",
      [
        [0, 9, "SET a", "OK"],
        [1, 10, "SET b", "OK"],
        [2, 3, "GET", "a"],
        [4, 5, "GET", "b"],
        [6, 7, "GET", "a"],
      ],
      4,
    ],
    [
      "a write of unknown outcome that was there, gone, and there again",
      [
        [0, open, "SET a"],
        [1, 2, "GET", "a"],
        [3, 4, "SET b", "OK"],
        [5, 6, "GET", "a"],
      ],
      3,
    ],
    [
      "a write of unknown outcome seen before it was asked for",
      [
        [0, 1, "GET", "a"],
        [2, open, "SET a"],
      ],
      0,
    ],
    [
      "two compare-and-swaps from one value that both held",
      [
        [0, 1, "SET a", "OK"],
        [2, 5, "CAS a b", true],
        [3, 6, "CAS a c", true],
      ],
      2,
    ],
    [
      "a compare-and-swap that failed for no reason",
      [
        [0, 1, "SET a", "OK"],
        [2, 3, "CAS a b", false],
      ],
      1,
    ],
    [
      "more deletions than were asked for",
      [
        [0, 1, "SET a", "OK"],
        [2, open, "DEL"],
        [3, 4, "DEL", 0],
        [5, 6, "SET b", "OK"],
        [7, 8, "GET", null],
      ],
      4,
    ],
  ])("%s", (_, lines, answered) => {
    const history = calls(lines);
    expect(refuteRegister(history)).toMatchObject({ call: history[answered], isExhaustive: true });
  });

  test("says what the object may have held", () => {
    const history = calls([
      [0, 1, "SET a", "OK"],
      [2, open, "SET b"],
      [3, 4, "GET", "c"],
    ]);
    expect(refuteRegister(history)?.states).toEqual(["=a"]);
  });
});

test("a history full of writes without an answer is judged in no time", () => {
  const lines: Line[] = [];
  let at = 0;
  for (let round = 0; round < 60; round++) {
    lines.push([at++, open, round % 5 === 0 ? "DEL" : `SET a${round}`], [at++, open, `SET b${round}`]);
    // Seen long after it was asked for, if it is seen at all.
    const seen = round % 3 === 2 ? `a${round - 1}` : null;
    if (seen !== null && (round - 1) % 5 !== 0) lines.push([at++, at++, "GET", seen]);
    lines.push(
      [at++, at++, "DEL", round % 5 === 4 ? 0 : 1],
      [at++, at++, "SET c", "OK"],
      [at++, at++, "CAS d e", false],
    );
  }
  lines.sort(([a], [b]) => a - b);
  expect(refuteRegister(calls(lines))).toBeNull();
});

test("agrees with a search through all orders", () => {
  const random = new Random(1, "histories");
  let possible = 0;
  const histories = 4000;
  for (let count = 0; count < histories; count++) {
    const history = drawHistory(random);
    const expected = hasOrder(history, "");
    if (expected) possible++;
    expect({ history, possible: refuteRegister(history) === null }).toEqual({ history, possible: expected });
  }
  expect(possible).toBeGreaterThan(histories / 5);
  expect(possible).toBeLessThan((histories * 4) / 5);
});

/** Up to six calls that overlap as chance will have it, few values, any answers. */
function drawHistory(random: Random): RegisterCall[] {
  const count = random.int(2, 6);
  const moments = random.shuffle(Array.from({ length: 2 * count }, (_, moment) => moment));
  return Array.from({ length: count }, (_, at): RegisterCall => {
    const pair = [moments[2 * at] as number, moments[2 * at + 1] as number];
    const value = random.pick(["a", "b", "c"]);
    const [input, answers] = random.pick<[RegisterOperation, unknown[]]>([
      [{ verb: "SET", value }, ["OK"]],
      [{ verb: "GET" }, [null, value]],
      [{ verb: "DEL" }, [0, 1]],
      [{ verb: "CAS", expected: random.pick(["a", "b"]), value }, [true, false]],
    ]);
    const isOpen = input.verb !== "GET" && random.chance(0.3);
    return {
      input,
      output: isOpen ? undefined : random.pick(answers),
      invokedAt: Math.min(...pair),
      returnedAt: isOpen ? open : Math.max(...pair),
    };
  });
}

function hasOrder(left: readonly RegisterCall[], state: string): boolean {
  if (left.every(({ returnedAt }) => returnedAt === open)) return true;
  const firstReturn = Math.min(...left.map(({ returnedAt }) => returnedAt));
  return left.some((call) => {
    if (call.invokedAt > firstReturn) return false;
    const after = applied(state, call);
    return (
      after !== null &&
      hasOrder(
        left.filter((other) => other !== call),
        after,
      )
    );
  });
}

/** The state after a call, absent as "" and values as they are; null when its answer is another. */
function applied(state: string, { input, output }: RegisterCall): string | null {
  const [answer, after] = ((): [unknown, string] => {
    switch (input.verb) {
      case "SET":
        return ["OK", input.value];
      case "GET":
        return [state === "" ? null : state, state];
      case "DEL":
        return [state === "" ? 0 : 1, ""];
      case "CAS":
        return state === input.expected ? [true, input.value] : [false, state];
    }
  })();
  return output === undefined || output === answer ? after : null;
}
