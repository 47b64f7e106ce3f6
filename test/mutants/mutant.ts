import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const root = join(import.meta.dirname, "../..");

/** A copy of shared/ with one fault patched in, and of sim/ beside it; gone when it is disposed of. */
export interface Mutant extends Disposable {
  /** Stands where the repository's root stands for both. */
  readonly directory: string;
}

/** Applies `test/mutants/NAME.patch` to a copy of shared/. Throws when it does not fit: the source has moved on. */
export function mutant(name: string): Mutant {
  const directory = mkdtempSync(join(tmpdir(), "raft-lite-mutant-"));
  const gone = () => rmSync(directory, { recursive: true, force: true });
  try {
    for (const part of ["shared", "sim", "package.json"]) {
      cpSync(join(root, part), join(directory, part), { recursive: true });
    }
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
