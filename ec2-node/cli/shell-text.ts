import { existsSync, realpathSync } from "node:fs";
import { join } from "node:path";

/** A command line that can be pasted into a shell and does what these arguments do to this program. */
export function commandLine(args: readonly string[]): string {
  return [...program(), ...args.map(quoted)].join(" ");
}

/** One word of a shell command line. */
export function quoted(word: string): string {
  return /^[A-Za-z0-9_./:=,@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** `npx raft-lite` where npx finds it without asking the registry, else the very file that is running. */
function program(): string[] {
  // npx runs a link to it, from a cache of its own that may be gone by the time somebody pastes the line.
  const file = realpathSync(process.argv[1] ?? "raft-lite");
  const checkout = file === join(process.cwd(), "bin", "raft-lite.js");
  const installed = existsSync(join("node_modules", ".bin", "raft-lite"));
  return checkout || installed ? ["npx", "raft-lite"] : [quoted(process.execPath), quoted(file)];
}
