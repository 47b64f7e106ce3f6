import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { RaftLiteError } from "../../shared/errors.ts";
import { makeDirectory } from "../make-directory.ts";
import { quoted } from "./shell-text.ts";

/**
 * Makes the directory of a local cluster, or checks that the one that is there belongs to a cluster of `count` nodes:
 * how many nodes vote was settled when it was made. Throws errors of one line.
 */
export function claimClusterDirectory(directory: string, count: number): void {
  const file = join(directory, "cluster.json");
  try {
    makeDirectory(directory);
    writeFileSync(file, `${JSON.stringify({ nodes: count })}\n`, { flag: "wx" });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw unusable(directory, error);
    checkCount(directory, readCount(directory, file), count);
  }
}

function readCount(directory: string, file: string): number {
  try {
    const note = JSON.parse(readFileSync(file, "utf8")) as { nodes?: unknown } | null;
    if (typeof note?.nodes === "number") return note.nodes;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw unusable(directory, error);
  }
  throw new RaftLiteError(
    "data-directory-unusable",
    `${file} does not say how many nodes there are: write {"nodes":3} into it, or start afresh with rm -r ${quoted(directory)}`,
  );
}

function checkCount(directory: string, found: number, wanted: number): void {
  if (found === wanted) return;
  throw new RaftLiteError(
    "other-cluster-size",
    `${directory} holds a cluster of ${found}, not ${wanted}: start it with --nodes ${found}, ` +
      `take another --data-dir, or start afresh with rm -r ${quoted(directory)}`,
  );
}

function unusable(directory: string, error: unknown): RaftLiteError {
  const { code, message } = error as NodeJS.ErrnoException;
  return new RaftLiteError(
    "data-directory-unusable",
    `cannot use ${directory} (${code ?? message}): give a directory you may write to with --data-dir`,
    { cause: error },
  );
}
