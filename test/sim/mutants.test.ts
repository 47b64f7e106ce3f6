import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { mutant } from "../mutants/mutant.ts";

const seeds = 200;

/**
 * The simulator is shown to catch what it is for. Each mutant is judged by one invariant alone, and by one that says
 * what it does to the cluster, not what it does: a node that fails over it is restarted and the run goes on.
 */
test.concurrent.each([
  ["core-vote-before-durability", "election-safety"],
  ["core-old-term-commit", "leader-completeness"],
  ["core-ack-before-durability", "committed-on-quorum"],
  ["core-truncation-without-conflict", "committed-never-changes"],
  ["node-forward-applied-twice", "at-most-once"],
  ["node-outcome-guessed", "none-means-none"],
  ["core-read-unconfirmed", "linearizability"],
  ["core-read-before-first-commit", "linearizability"],
  ["http-read-stale-by-default", "linearizability"],
  ["http-watch-passes-over-change", "answers-follow-log"],
  ["store-batch-wakes-first-key", "answers-follow-log"],
])("%s breaks %s within 200 seeds", { timeout: 300_000 }, async (name, invariant) => {
  using faulty = mutant(name);
  const args = [
    join(import.meta.dirname, "find-violation.ts"),
    faulty.directory,
    invariant,
    "0",
    String(seeds),
  ];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  expect(JSON.parse(stdout)).toMatchObject({ invariant });
});
