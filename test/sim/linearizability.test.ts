import { describe, expect, test } from "vitest";
import type { KeyOperation } from "../../sim/key-value-clients.ts";
import { registerModel } from "../../sim/key-value-clients.ts";
import type { Call } from "../../sim/linearizability.ts";
import { refute } from "../../sim/linearizability.ts";

type Line = [input: KeyOperation, output: unknown, invokedAt: number, returnedAt: number];

const set = (value: string): KeyOperation => ({ verb: "SET", value });
const cas = (expected: string, value: string): KeyOperation => ({ verb: "CAS", expected, value });
const get: KeyOperation = { verb: "GET" };
const del: KeyOperation = { verb: "DEL" };
const unanswered = Number.POSITIVE_INFINITY;

function judge(lines: readonly Line[]): string {
  const calls = lines.map(
    ([input, output, invokedAt, returnedAt]): Call<KeyOperation, unknown> => ({
      input,
      output,
      invokedAt,
      returnedAt,
    }),
  );
  return refute(registerModel, calls) === null ? "linearizable" : "refuted";
}

describe("the judge accepts", () => {
  test.each<[string, Line[]]>([
    ["nothing", []],
    [
      "one after the other",
      [
        [set("1"), "OK", 1, 2],
        [get, "1", 3, 4],
        [del, 1, 5, 6],
        [get, null, 7, 8],
      ],
    ],
    [
      "a read beside a write, before it",
      [
        [set("1"), "OK", 1, 4],
        [get, null, 2, 3],
      ],
    ],
    [
      "a read beside a write, after it",
      [
        [set("1"), "OK", 1, 4],
        [get, "1", 2, 3],
      ],
    ],
    [
      "an unknown write that took effect much later",
      [
        [set("1"), undefined, 1, unanswered],
        [get, null, 2, 3],
        [get, "1", 4, 5],
      ],
    ],
    [
      "an unknown write that never did",
      [
        [set("1"), undefined, 1, unanswered],
        [get, null, 2, 3],
        [get, null, 4, 5],
      ],
    ],
    [
      "a CAS that held and one that did not",
      [
        [set("1"), "OK", 1, 2],
        [cas("1", "2"), true, 3, 4],
        [cas("1", "3"), false, 5, 6],
      ],
    ],
    [
      "writes side by side, seen in the other order",
      [
        [set("1"), "OK", 1, 6],
        [set("2"), "OK", 2, 5],
        [get, "1", 7, 8],
      ],
    ],
  ])("%s", (_name, lines) => {
    expect(judge(lines)).toBe("linearizable");
  });
});

describe("the judge refuses", () => {
  test.each<[string, Line[]]>([
    [
      "a stale read",
      [
        [set("1"), "OK", 1, 2],
        [set("2"), "OK", 3, 4],
        [get, "1", 5, 6],
      ],
    ],
    [
      "a lost acknowledged write",
      [
        [set("1"), "OK", 1, 2],
        [get, null, 3, 4],
      ],
    ],
    ["a value that nobody wrote", [[get, "7", 1, 2]]],
    [
      "reads that go back, beside the write",
      [
        [set("1"), "OK", 1, 10],
        [get, "1", 2, 3],
        [get, null, 4, 5],
      ],
    ],
    [
      "an unknown write that took effect twice",
      [
        [set("1"), undefined, 1, unanswered],
        [get, "1", 2, 3],
        [del, 1, 4, 5],
        [get, "1", 6, 7],
      ],
    ],
    [
      "two CAS from one value",
      [
        [set("1"), "OK", 1, 2],
        [cas("1", "2"), true, 3, 6],
        [cas("1", "3"), true, 4, 7],
      ],
    ],
    ["a DEL of something that was not there", [[del, 1, 1, 2]]],
  ])("%s", (_name, lines) => {
    expect(judge(lines)).toBe("refuted");
  });
});
