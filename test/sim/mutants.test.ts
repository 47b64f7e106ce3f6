import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { mutant } from "../mutants/mutant.ts";

const seeds = 200;

/**
 * The simulator is shown to catch what it is for. Each mutant is judged by one invariant alone, and by one that says
 * what it does to the cluster, not what it does: a node that fails over it is restarted and the run goes on. The number
 * is the seed to begin with, so that it does not take long; all of them are run where it finds nothing.
 */
test.concurrent.each([
  ["core-vote-before-durability", "election-safety", 52],
  ["core-old-term-commit", "leader-completeness", 64],
  ["core-ack-before-durability", "committed-on-quorum", 0],
  ["core-truncation-without-conflict", "committed-never-changes", 55],
  ["node-forward-applied-twice", "at-most-once", 11],
  ["node-outcome-guessed", "none-means-none", 0],
  ["core-read-unconfirmed", "linearizability", 100],
  ["core-read-before-first-commit", "linearizability", 0],
  ["http-read-stale-by-default", "linearizability", 0],
  ["core-quiet-read-from-memory", "linearizability", 69],
  ["core-wake-up-lost", "liveness", 5],
  ["core-quiesce-of-old-term", "silence", 52],
  ["http-watch-passes-over-change", "answers-follow-log", 0],
  ["store-batch-wakes-first-key", "answers-follow-log", 7],
])("%s breaks %s within 200 seeds", { timeout: 300_000 }, async (name, invariant, first) => {
  using faulty = mutant(name);
  const args = [
    join(import.meta.dirname, "find-violation.ts"),
    faulty.directory,
    invariant,
    String(first),
    String(seeds),
  ];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  expect(JSON.parse(stdout)).toMatchObject({ invariant });
});
