import { RaftLiteError } from "../../shared/errors.ts";
import { printable } from "../../shared/printable.ts";

/** What a failure looks like on stderr: one line. Only an error of ours is known to say all by its message. */
export function errorLine(error: unknown): string {
  if (error instanceof RaftLiteError) return printable(`raft-lite: ${error.message}`);
  if (!(error instanceof Error)) return printable(`raft-lite: unexpected failure: ${String(error)}`);
  const code = (error as NodeJS.ErrnoException).code;
  const known = code === undefined || error.message.includes(code) ? "" : ` (${code})`;
  return printable(`raft-lite: ${error.name}: ${error.message}${known}`);
}
