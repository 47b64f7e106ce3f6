import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const root = join(import.meta.dirname, "../..");

/** A copy of shared/ with one fault patched in, with sim/ and what else is asked for beside it; gone when disposed of. */
export interface Mutant extends Disposable {
  /** Stands where the repository's root stands for all of it; packages are the repository's own. */
  readonly directory: string;
}

/**
 * Applies `test/mutants/NAME.patch` to a copy of shared/. `more`: other folders and files to copy. Throws when the patch
 * does not fit: the source has moved on.
 */
export function mutant(name: string, more: readonly string[] = []): Mutant {
  const directory = mkdtempSync(join(tmpdir(), "raft-lite-mutant-"));
  const gone = () => rmSync(directory, { recursive: true, force: true });
  try {
    for (const part of ["shared", "sim", "package.json", ...more]) {
      cpSync(join(root, part), join(directory, part), { recursive: true });
    }
    symlinkSync(join(root, "node_modules"), join(directory, "node_modules"));
    const patch = join(import.meta.dirname, `${name}.patch`);
    // Outside any repository, even when the temporary directory lies in one.
    const env = { ...process.env, GIT_CEILING_DIRECTORIES: tmpdir(), GIT_DIR: join(directory, "none") };
    execFileSync("git", ["apply", "--whitespace=nowarn", patch], { cwd: directory, env, stdio: "pipe" });
  } catch (error) {
    gone();
    throw error;
  }
  return { directory, [Symbol.dispose]: gone };
}
