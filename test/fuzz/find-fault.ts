import { join } from "node:path";
import { pathToFileURL } from "node:url";

/** Fuzzes a tree's own nodes: `find-fault.ts DIRECTORY SEED RUNS`. Prints what was found, or null. */
const [directory = "", seed = "1", runs = "1"] = process.argv.slice(2);
const at = (path: string) => pathToFileURL(join(directory, path)).href;
const { fuzz }: typeof import("./portable/fuzz.ts") = await import(at("test/fuzz/portable/fuzz.ts"));
const { clusters, simulatedTarget }: typeof import("./simulated-target.ts") = await import(
  at("test/fuzz/simulated-target.ts")
);

const { failure } = await fuzz({
  ...{ seed: Number(seed), runs: Number(runs), stepsPerRun: 200, clusters },
  raw: false,
  shrinkMs: 0,
  open: simulatedTarget,
});
console.log(failure);
