import { join } from "node:path";
import { pathToFileURL } from "node:url";

/**
 * Runs the seeds below COUNT of a tree's own simulator until the invariant that is named breaks: `find-violation.ts
 * DIRECTORY INVARIANT FIRST COUNT`, where FIRST is the one to begin with, and 0 follows on the last. Prints the seed and
 * the finding as JSON, or null. Whatever else goes wrong in between is let be.
 */
const [directory = "", invariant = "", first = "0", count = "1"] = process.argv.slice(2);
const { runSeed }: typeof import("../../sim/run-seed.ts") = await import(
  pathToFileURL(join(directory, "sim/run-seed.ts")).href
);

let found: unknown = null;
for (let i = 0; i < Number(count) && found === null; i++) {
  const seed = (Number(first) + i) % Number(count);
  const { failure } = await runSeed(seed, { watched: [invariant as never] });
  if (failure !== null) found = { seed, ...failure };
}
console.log(JSON.stringify(found));
