import { describe, expect, test } from "vitest";
import { parseArguments, UsageError } from "../../sim/arguments.ts";
import { missing, mustOccur } from "../../sim/coverage.ts";
import { runSeed } from "../../sim/run-seed.ts";

async function traceOf(
  seed: number,
): Promise<{ lines: string; failure: unknown; events: number; operations: number }> {
  const lines: string[] = [];
  const { failure, events, operations } = await runSeed(seed, { trace: (line) => lines.push(line) });
  return { lines: lines.join("\n"), failure, events, operations };
}

test.each([3, 11])("seed %i, run twice, gives the same trace to the byte", async (seed) => {
  const [first, second] = [await traceOf(seed), await traceOf(seed)];
  expect(first.failure).toBeNull();
  expect(second.lines).toBe(first.lines);
});

test("another seed gives another run", async () => {
  expect((await traceOf(3)).lines).not.toBe((await traceOf(4)).lines);
});

test("a seed is at least 2,000 events and 100 operations", async () => {
  for (const seed of [0, 1, 2]) {
    const { events, operations } = await traceOf(seed);
    expect(events).toBeGreaterThanOrEqual(2000);
    expect(operations).toBeGreaterThanOrEqual(100);
  }
});

test("a long run that never met a class of faults says which", () => {
  const all = new Map(mustOccur.map((what) => [what, 1]));
  expect(missing(all)).toEqual([]);
  all.delete("truncations");
  all.set("fault: pause", 0);
  expect(missing(all)).toEqual(["fault: pause", "truncations"]);
});

describe("the command line", () => {
  test.each<[string[], object]>([
    [[], { first: 0, count: 100, trace: false }],
    [["--seeds", "7"], { first: 0, count: 7, trace: false }],
    [["--seeds", "7", "--seed", "5"], { first: 5, count: 7, trace: false }],
    [["--seed", "5"], { first: 5, count: 1, trace: true }],
    [["--seed", "2147483647"], { first: 2147483647, count: 1 }],
  ])("%j", (args, expected) => {
    expect(parseArguments(args, 2)).toMatchObject(expected);
  });

  test.each([
    [["--seeds", "0"]],
    [["--seeds", "x"]],
    [["--seed", "-1"]],
    [["--seed", "2147483648"]],
    [["--seeds", "2", "--seed", "2147483647"]],
    [["--what"]],
    [["7"]],
  ])("%j is wrong usage", (args) => {
    expect(() => parseArguments(args, 2)).toThrow(UsageError);
  });
});
