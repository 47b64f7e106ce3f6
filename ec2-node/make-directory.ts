import { mkdirSync } from "node:fs";
import { dirname } from "node:path";

/**
 * Makes a directory and what is missing above it. Unlike `mkdirSync` with `recursive`, which (seen with Node 24.21)
 * never returns where the file system refuses a new name with ENOENT, as /proc does.
 */
export function makeDirectory(directory: string): void {
  const missing = make(directory);
  if (missing === null) return;
  const parent = dirname(directory);
  if (parent === directory) throw missing;
  makeDirectory(parent);
  const refused = make(directory);
  if (refused !== null) throw refused;
}

/** null when it is there now, else the ENOENT: something above is missing. Throws what no parent would mend. */
function make(directory: string): Error | null {
  try {
    mkdirSync(directory);
    return null;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // Nodes that start side by side make their common parent side by side.
    if (code === "EEXIST") return null;
    if (code === "ENOENT") return error as Error;
    throw error;
  }
}
