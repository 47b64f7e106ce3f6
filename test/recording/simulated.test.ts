import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { findRecordings } from "../../ec2-node/find-recordings.ts";
import type { GapKind } from "../../shared/recording/evidence.ts";
import { verifyRecordings } from "../../shared/recording/verify.ts";
import { Recordings } from "../../sim/recordings.ts";
import { runSeed } from "../../sim/run-seed.ts";
import { mutant } from "../mutants/mutant.ts";

/** Whole nodes under faults, judged by nothing but what they recorded. */

const run = promisify(execFile);

test("whatever crashes and partitions do, the recordings are accepted", { timeout: 120_000 }, async () => {
  const kinds = new Set<GapKind>();
  let leaders = 0;
  let records = 0;
  for (let seed = 0; seed < 8; seed++) {
    const recordings = new Recordings(seed);
    const { failure } = await runSeed(seed, { recordings });
    expect(failure, `seed ${seed}`).toBeNull();
    const verdict = await verifyRecordings(recordings.files());
    expect(verdict.findings, `seed ${seed}`).toEqual([]);
    expect(verdict.clusters, `seed ${seed}`).not.toEqual([]);
    for (const { kind } of verdict.gaps) kinds.add(kind);
    for (const cluster of verdict.clusters) leaders += cluster.leaders.length;
    for (const recording of verdict.recordings) records += recording.records;
  }
  // What they were accepted in spite of.
  expect([...kinds]).toEqual(expect.arrayContaining(["away", "dropped", "tail"]));
  expect(leaders).toBeGreaterThan(30);
  expect(records).toBeGreaterThan(3000);
});

test("a run is the same whether it is recorded or not", async () => {
  const plain = await runSeed(3);
  const recorded = await runSeed(3, { recordings: new Recordings(3) });
  expect(recorded).toEqual(plain);
});

test("npm run sim -- --seed S --trace DIR leaves what raft-lite verify accepts", async () => {
  const parent = mkdtempSync(join(tmpdir(), "raft-lite-sim-"));
  try {
    const main = join(import.meta.dirname, "../../sim/main.ts");
    const args = [main, "--seed", "4", "--trace", join(parent, "traces")];
    await run(process.execPath, args, { maxBuffer: 1 << 28 });
    const verdict = await verifyRecordings(await findRecordings([parent]));
    expect(verdict.accepted).toBe(true);
    expect(verdict.recordings.length).toBeGreaterThanOrEqual(3);
    await expect(run(process.execPath, args)).rejects.toMatchObject({
      code: 2,
      stderr: `sim: --trace: ${join(parent, "traces")} is not empty\n`,
    });
  } finally {
    rmSync(parent, { recursive: true });
  }
});

/** Each is found by one rule, that says what it is about. `first`: the seed to begin with, so that it does not take long. */
test.concurrent.each([
  ["core-second-vote-unguarded", "one-vote-per-term", 4],
  ["core-vote-before-durability", "vote-is-durable", 0],
  ["core-own-vote-before-durability", "vote-is-durable", 3],
  ["core-pre-vote-counts-as-vote", "elected-by-majority", 20],
  ["core-ack-before-durability", "acknowledgement-is-durable", 0],
  ["core-truncation-without-conflict", "committed-never-changes", 0],
  ["core-log-not-compared", "leader-completeness", 12],
  ["core-previous-not-compared", "log-matching", 8],
  ["core-old-term-commit", "own-term-commit", 5],
  ["core-own-match-before-durability", "state-machine-safety", 24],
])("%s is refused by %s", { timeout: 300_000 }, async (name, rule, first) => {
  using faulty = mutant(name);
  const search = join(import.meta.dirname, "find-refusal.ts");
  const { stdout } = await run(process.execPath, [search, faulty.directory, rule, String(first), "100"]);
  const found = JSON.parse(stdout) as { rule: string; records: { text: string }[] } | null;
  expect(found).toMatchObject({ rule });
  for (const { text } of found?.records ?? []) expect(JSON.parse(text)).toHaveProperty("event");
});
