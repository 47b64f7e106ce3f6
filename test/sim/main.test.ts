import { execFile } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";
import { missing, mustOccur } from "../../sim/coverage.ts";

const main = join(import.meta.dirname, "../../sim/main.ts");

function sim(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    const options = { maxBuffer: 1 << 28 };
    execFile(process.execPath, [main, ...args], options, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}

test("one seed prints everything that happens, twice the same", async () => {
  const [first, second] = await Promise.all([sim("--seed", "5"), sim("--seed", "5")]);
  expect(first.code).toBe(0);
  expect(first.stdout).toBe(second.stdout);
  expect(first.stdout).toContain(" leader ");
  expect(first.stdout).toMatch(/\nseeds passed: 1\nseeds failed: 0\n$/);
});

test("several seeds print a line each, in order, whatever worker was first", async () => {
  const { code, stdout } = await sim("--seeds", "4", "--seed", "30", "--jobs", "2");
  expect(code).toBe(0);
  expect(stdout.match(/^seed \d+/gm)).toEqual(["seed 30", "seed 31", "seed 32", "seed 33"]);
  expect(stdout).toMatch(/\nseeds passed: 4\nseeds failed: 0\n$/);
});

test("wrong usage is one line, then the usage, and exit 2", async () => {
  const { code, stdout, stderr } = await sim("--seed", "x");
  expect(code).toBe(2);
  expect(stdout).toBe("");
  expect(stderr).toMatch(/^sim: --seed takes a whole number from 0 to 2147483647, not "x"\nusage: /);
});

test("a class of faults that never occurred is missed", () => {
  const all = new Map(mustOccur.map((what) => [what, 1]));
  expect(missing(all)).toEqual([]);
  all.set("fault: bridge partition", 0);
  all.delete("truncations");
  expect(missing(all)).toEqual(["fault: bridge partition", "truncations"]);
});
