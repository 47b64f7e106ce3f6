import { describe, expect, test } from "vitest";
import { parseArguments } from "./arguments.ts";

const parse = (line: string) => parseArguments(line.split(" ").filter(Boolean));

test.each([
  ["--seed 7", { type: "run", first: 7, count: 10, jobs: 2, host: "process" }],
  ["--count 3 --seed 7 --jobs 1", { type: "run", first: 7, count: 3, jobs: 1, host: "process" }],
  ["--count 2 --seed 2147483646", { type: "run", first: 2_147_483_646, count: 2, jobs: 2, host: "process" }],
  ["--edge --seed 7 --count 2", { type: "run", first: 7, count: 2, jobs: 2, host: "edge" }],
  ["--mixed --seed 7 --count 2", { type: "run", first: 7, count: 2, jobs: 2, host: "mixed" }],
  ["--judge failed-histories/history-7.json", { type: "judge", file: "failed-histories/history-7.json" }],
])("npm run histories -- %s", (line, expected) => {
  expect(parse(line)).toEqual(expected);
});

test("without a seed any one is taken", () => {
  expect(parse("")).toMatchObject({ type: "run", count: 10, first: expect.any(Number) });
});

describe("is refused with one line", () => {
  test.each([
    ["--count 0", "--count takes a whole number from 1 to 10000"],
    ["--seed -1", "--seed"],
    ["--seed 2147483648", "--seed takes a whole number from 0 to"],
    ["--count 2 --seed 2147483647", "--seed takes a whole number from 0 to 2147483646"],
    ["--jobs many", "--jobs takes"],
    ["--judge x --seed 1", "--judge FILE stands alone"],
    ["--judge x --edge", "--judge FILE stands alone"],
    ["--judge x --mixed", "--judge FILE stands alone"],
    ["--edge --mixed", "--edge or --mixed, not both"],
    ["--judge=", "--judge takes a file"],
    ["--frobnicate", "--frobnicate"],
  ])("npm run histories -- %s", (line, says) => {
    expect(() => parse(line)).toThrow(
      expect.objectContaining({ name: "UsageError", message: expect.stringContaining(says) }),
    );
    expect(() => parse(line)).toThrow(/^[^\n]+$/);
  });
});
