import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";

const MODULE = new URL("../../ec2-node/garbage-collection.ts", import.meta.url).href;

const PRELUDE = `
  import { setFlagsFromString, getHeapSpaceStatistics } from "node:v8";
  import { tuneGarbageCollection } from ${JSON.stringify(MODULE)};
  const rest = () => new Promise((resolve) => setImmediate(resolve));
`;

/** Runs a module in a process of its own, whose heap is its own too; returns what it prints. */
function output(program: string, ...flags: readonly string[]): string {
  const args = ["--no-warnings", "--expose-gc", ...flags, "--input-type=module", "-e", PRELUDE + program];
  return execFileSync(process.execPath, args, { encoding: "utf8", timeout: 20_000 });
}

const run = (program: string): unknown => JSON.parse(output(program));

/** The largest young generation, in MiB, of a process much of whose memory lives on. */
function largestYoungGeneration(tune: string): number {
  const largest = run(`
    ${tune}
    const kept = [];
    let largest = 0;
    for (let at = 0; at < 200; at++) {
      for (let more = 0; more < 2000; more++) kept.push({ at, text: "kept " + more });
      await rest();
      const young = getHeapSpaceStatistics().find(({ space_name: name }) => name === "new_space");
      largest = Math.max(largest, young.space_size);
    }
    console.log(largest / 2 ** 20);
  `);
  return Number(largest);
}

test("the young generation grows as far as it may and no further", () => {
  const limited = largestYoungGeneration("tuneGarbageCollection();");
  expect(limited).toBeGreaterThanOrEqual(16);
  // V8 adds single pages where hardly anything dies.
  expect(limited).toBeLessThan(24);
  expect(largestYoungGeneration("")).toBeGreaterThan(24);
});

test("the young generation is collected by the thread that fills it alone", () => {
  const traced = output(
    `
      tuneGarbageCollection();
      const kept = [];
      for (let at = 0; at < 200_000; at++) kept.push({ at, text: "kept " + at });
      await rest();
    `,
    "--trace-gc-nvp",
  );
  const elsewhere = [...traced.matchAll(/ gc=s .* background\.scavenge\.parallel=([\d.]+)/g)].map(([, ms]) =>
    Number(ms),
  );
  expect(elsewhere.length).toBeGreaterThan(0);
  expect(Math.max(...elsewhere)).toBe(0);
});

test("a small heap may grow to three times what lives, a large one as V8 would have it", () => {
  const flags = run(`
    const flags = [];
    tuneGarbageCollection({ youngBytes: 16 << 20, smallHeapBytes: 64 << 20 }, (text) => {
      if (text.includes("growing")) flags.push(text);
      setFlagsFromString(text);
    });
    const until = async (count) => {
      // What was freed is counted by the next one at the latest.
      for (; flags.length < count; gc()) await rest();
    };
    let kept = Array.from({ length: 64 }, () => Buffer.allocUnsafeSlow(1 << 20));
    await until(2);
    flags.push(kept.length);
    kept = null;
    await until(4);
    console.log(JSON.stringify(flags));
  `);
  expect(flags).toEqual([
    "--heap-growing-percent=200",
    "--heap-growing-percent=0",
    64,
    "--heap-growing-percent=200",
  ]);
});
