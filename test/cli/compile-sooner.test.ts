import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";

const MODULE = new URL("../../ec2-node/compile-sooner.ts", import.meta.url).href;

/** How often the function of the program must be called until V8 has made it as quick as it can; all that it is, at most. */
function callsUntilOptimized(prelude: string): number {
  const program = `
    import { compileSooner } from ${JSON.stringify(MODULE)};
    ${prelude}
    const rest = () => new Promise((resolve) => setImmediate(resolve));
    const values = Array.from({ length: 200 }, (_, at) => at);
    function sum(list) {
      let total = 0;
      for (const value of list) total += value % 7;
      return total;
    }
    const TURBOFAN = 1 << 6;
    let calls = 0;
    while (calls < 10_000 && (%GetOptimizationStatus(sum) & TURBOFAN) === 0) {
      sum(values);
      calls++;
      await rest();
    }
    console.log(calls);
  `;
  // Beside the program it would be compiled as soon as a thread comes to it, and the program goes on meanwhile.
  const compiler = ["--allow-natives-syntax", "--no-use-osr", "--no-concurrent-recompilation"];
  const flags = ["--no-warnings", ...compiler, "--input-type=module"];
  return Number(
    execFileSync(process.execPath, [...flags, "-e", program], { encoding: "utf8", timeout: 20_000 }),
  );
}

test("a function is compiled for good after far fewer calls", () => {
  const [own, sooner] = [callsUntilOptimized(""), callsUntilOptimized("compileSooner();")];
  expect(sooner).toBeLessThan(own / 5);
});
