import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { mutant } from "../mutants/mutant.ts";
import type { Report } from "./explore.ts";

/** The checker is shown to catch what it is for: each fault breaks the promise named here. */
test.concurrent.each([
  ["core-vote-forgotten", "two crashes", "election safety"],
  ["core-vote-before-durability", "two crashes", "election safety"],
  ["core-own-vote-before-durability", "two crashes", "election safety"],
  ["core-second-vote", "elections", "election safety"],
  ["core-pre-vote-counts-as-vote", "elections with pre-votes", "election safety"],
  ["core-log-not-compared", "elections", "leader completeness"],
  ["core-vote-for-volatile-log", "three candidacies and a crash", "leader completeness"],
  ["core-old-term-commit", "figure 8", "leader completeness"],
  ["core-ack-before-durability", "two crashes", "committed is durable"],
  ["core-own-match-before-durability", "two crashes", "committed is durable"],
  ["core-truncation-without-conflict", "messages twice and late", "committed is durable"],
  ["core-previous-not-compared", "elections", "log matching"],
])("%s is caught in %s: %s", { timeout: 120_000 }, async (name, scope, rule) => {
  using faulty = mutant(name);
  const { violation } = await explored(join(faulty.directory, "shared/raft/raft.ts"), scope);
  expect(violation?.rule).toBe(rule);
});

async function explored(core: string, scope: string): Promise<Report> {
  const args = [join(import.meta.dirname, "run.ts"), "--core", core, "--scope", scope, "--json"];
  // It exits with 1 when a promise is broken; anything but a report is a fault of the checker.
  const { stdout } = await promisify(execFile)(process.execPath, args).catch((error) => {
    if (error.code === 1 && error.stdout) return error;
    throw error;
  });
  return JSON.parse(stdout);
}
