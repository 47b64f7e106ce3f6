import { Command } from "commander";
import { usageError } from "../../shared/config/usage-error.ts";
import { RaftLiteError } from "../../shared/errors.ts";
import { printable } from "../../shared/printable.ts";
import type { Verdict } from "../../shared/recording/verdict.ts";
import { judgeRecordings } from "../judge-recordings.ts";
import { verdictText } from "./verdict-text.ts";

/** What cannot be judged as it was handed in. */
const wrongInput: ReadonlySet<string> = new Set([
  "recording-not-found",
  "recording-unreadable",
  "recording-gone",
  "recording-given-twice",
  "recording-too-new",
]);

/** `raft-lite verify`: judges what nodes recorded. Exit code 1 when it is refused, 2 when there is nothing to judge. */
export function verifyCommand(): Command {
  return new Command("verify")
    .description("judge the recordings of nodes; exit code 1 when they break a rule of Raft, or were changed")
    .usage("DIR... [--json]")
    .argument(
      "<dir...>",
      "data directories, directories of recordings, or ones above them such as .raft-lite",
    )
    .option("--json", "print JSON")
    .action(async (paths: string[], flags: { readonly json?: boolean }) => {
      const verdict = await judge(paths);
      const lines = flags.json ? [printable(JSON.stringify(verdict))] : verdictText(verdict);
      process.stdout.write(`${lines.join("\n")}\n`);
      if (!verdict.accepted) process.exitCode = 1;
    });
}

async function judge(paths: readonly string[]): Promise<Verdict> {
  try {
    return await judgeRecordings(paths);
  } catch (error) {
    if (error instanceof RaftLiteError && wrongInput.has(error.code)) throw usageError(error.message);
    throw error;
  }
}
