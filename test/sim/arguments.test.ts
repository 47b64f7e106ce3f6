import { describe, expect, test } from "vitest";
import { parseArguments } from "../../sim/arguments.ts";

const parse = (line: string) => parseArguments(line.split(" ").filter(Boolean), 2);

test.each([
  ["", { first: 0, count: 100, trace: false, jobs: 2 }],
  ["--seeds 500", { first: 0, count: 500, trace: false, jobs: 2 }],
  ["--seed 7", { first: 7, count: 1, trace: true, jobs: 2 }],
  ["--seeds 3 --seed 7", { first: 7, count: 3, trace: false, jobs: 2 }],
  ["--seed 7 --seeds 1", { first: 7, count: 1, trace: false, jobs: 2 }],
  ["--seed=2147483647", { first: 2147483647, count: 1, trace: true, jobs: 2 }],
  ["--seeds 2 --seed 2147483646", { first: 2147483646, count: 2, trace: false, jobs: 2 }],
  ["--seed 7 --trace x", { first: 7, count: 1, trace: true, traceDirectory: "x", jobs: 2 }],
  ["--jobs 1", { first: 0, count: 100, trace: false, jobs: 1 }],
])("npm run sim -- %s", (line, expected) => {
  expect(parse(line)).toEqual(expected);
});

describe("is refused with one line", () => {
  test.each([
    ["--seed -1", "--seed"],
    ["--seed 2147483648", "--seed takes a whole number from 0 to 2147483647"],
    ["--seed 1.5", "--seed takes"],
    ["--seed 1e3", "--seed takes"],
    ["--seed", "--seed"],
    ["--seed=", "--seed takes"],
    ["--seeds 0", "--seeds takes a whole number from 1"],
    ["--seeds many", '--seeds takes a whole number from 1 to 2147483648, not "many"'],
    ["--seeds 2 --seed 2147483647", "beyond the last seed"],
    ["--jobs 0", "--jobs takes"],
    ["--trace x", "--trace takes a directory, and goes with --seed alone"],
    ["--seed 1 --seeds 1 --trace x", "--trace takes a directory"],
    ["--seed 1 --trace=", "--trace takes a directory"],
    ["--frobnicate", "--frobnicate"],
    ["12", "12"],
  ])("npm run sim -- %s", (line, says) => {
    expect(() => parse(line)).toThrow(
      expect.objectContaining({ name: "UsageError", message: expect.stringContaining(says) }),
    );
    expect(() => parse(line)).toThrow(/^[^\n]+$/);
  });
});
