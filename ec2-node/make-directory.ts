import { mkdirSync } from "node:fs";
import { dirname } from "node:path";

/**
 * Makes a directory and what is missing above it, for this user alone. Answers the topmost one it made; undefined
 * when all were there. Unlike `mkdirSync` with `recursive`, which (seen with Node 24.21) never returns where the file
 * system refuses a new name with ENOENT, as /proc does.
 */
export function makeDirectory(directory: string): string | undefined {
  const outcome = make(directory);
  if (outcome === "made") return directory;
  if (outcome === "there") return undefined;
  const parent = dirname(directory);
  if (parent === directory) throw outcome;
  const top = makeDirectory(parent);
  const second = make(directory);
  if (second instanceof Error) throw second;
  return top ?? (second === "made" ? directory : undefined);
}

/** The error when something above it is missing. Throws what no parent would mend. */
function make(directory: string): "made" | "there" | Error {
  try {
    mkdirSync(directory, { mode: 0o700 });
    return "made";
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // Nodes that start side by side make their common parent side by side.
    if (code === "EEXIST") return "there";
    if (code === "ENOENT") return error as Error;
    throw error;
  }
}
