import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { mutant } from "../mutants/mutant.ts";

const runs = 40;

/** The fuzz is shown to find what it is for, each by what it does to the client or the log. */
test.concurrent.each([
  ["store-cas-ignored", /^Finding: (x-consul-index|reply|status|results)/m],
  ["http-refused-after-append", /^Finding: nothing has changed/m],
  ["http-null-unforeseen", /^Finding: status 500, wanted/m],
  [
    "http-read-stale-by-default",
    /^Finding: (x-consul-index|status 404, wanted .*not-leader|reply|keys|rows)/m,
  ],
  ["http-watch-passes-over-change", /^Finding: (no reply within|the reader of .* is not answered)/m],
  ["store-batch-wakes-first-key", /^Finding: the reader of .* is not answered/m],
  ["node-foreign-cluster-heard", /^Finding: (status 200, wanted .*foreign-cluster|nothing has changed)/m],
])(`%s is found within ${runs} runs`, { timeout: 300_000 }, async (name, what) => {
  using faulty = mutant(name, ["test/fuzz", "test/node/support", "test/store"]);
  const args = [join(import.meta.dirname, "find-fault.ts"), faulty.directory, "1", String(runs)];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  expect(stdout).toMatch(what);
});
