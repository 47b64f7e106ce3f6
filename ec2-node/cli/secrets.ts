import { readFileSync } from "node:fs";
import { RaftLiteError } from "../../shared/errors.ts";

/**
 * The cluster's secret: `--secret-file`, else the environment's RAFT_SECRET, else null. One that is there but empty
 * is refused: whoever set it wanted a guarded cluster.
 */
export function readSecret(file: string | undefined, environment: string | undefined): string | null {
  if (file !== undefined) return readSecretFile("--secret-file", file);
  return environment === undefined ? null : check("RAFT_SECRET", environment);
}

/** What a one-line file holds, its line end aside. `flag` names it in errors. */
export function readSecretFile(flag: string, file: string): string {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? "unknown error";
    throw new RaftLiteError("secret-unreadable", `${flag}: cannot read ${file} (${reason})`, {
      cause: error,
    });
  }
  return check(`${flag} ${file}`, text);
}

/** It travels in an HTTP header: visible ASCII alone arrives there as it left. Never shown, not even when wrong. */
function check(source: string, text: string): string {
  const secret = text.replace(/[\r\n]+$/, "");
  if (secret === "") throw new RaftLiteError("secret-empty", `${source} is empty`);
  if (/^[\x21-\x7e]{1,4096}$/.test(secret)) return secret;
  throw new RaftLiteError(
    "secret-malformed",
    `${source} must be one line of at most 4096 visible ASCII characters without spaces`,
  );
}
