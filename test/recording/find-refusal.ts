import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { verifyRecordings } from "../../shared/recording/verify.ts";

/**
 * Runs the seeds below COUNT of a tree's own simulator, which judges nothing, until the recordings of a run are refused
 * by one of the rules that are named: `find-refusal.ts DIRECTORY RULES FIRST COUNT`, where FIRST is the one to begin
 * with, and 0 follows on the last. Prints the seed and the finding as JSON, or null.
 */
const [directory = "", rules = "", first = "0", count = "1"] = process.argv.slice(2);
const at = (path: string) => pathToFileURL(join(directory, path)).href;
const { runSeed }: typeof import("../../sim/run-seed.ts") = await import(at("sim/run-seed.ts"));
const { Recordings }: typeof import("../../sim/recordings.ts") = await import(at("sim/recordings.ts"));

let found: unknown = null;
for (let i = 0; i < Number(count) && found === null; i++) {
  const seed = (Number(first) + i) % Number(count);
  const recordings = new Recordings(seed);
  await runSeed(seed, { watched: [], recordings });
  const { findings } = await verifyRecordings(recordings.files());
  const finding = findings.find(({ rule }) => rules.split(",").includes(rule));
  if (finding !== undefined) found = { seed, ...finding };
}
console.log(JSON.stringify(found));
