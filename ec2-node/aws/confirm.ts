import { createInterface } from "node:readline/promises";
import type { Readable, Writable } from "node:stream";
import { usageError } from "../../shared/config/usage-error.ts";
import { printable } from "../../shared/printable.ts";

export interface Questioned {
  readonly input: Readable & { readonly isTTY?: boolean };
  /** Not stdout, which may be a file while somebody sits at the keyboard. */
  readonly output: Writable;
}

/**
 * Asks `question` at the terminal. Only y and yes are a yes; CTRL+C and the end of input are a no. Where nobody can be
 * asked it throws a usage error that says to add `--yes`.
 */
export async function confirm(
  question: string,
  { input, output }: Questioned = { input: process.stdin, output: process.stderr },
): Promise<boolean> {
  if (!input.isTTY) throw usageError(`"${printable(question)}" has nobody to answer it here: add --yes`);
  const lines = createInterface({ input, output, terminal: true });
  const ended = new AbortController();
  lines.once("SIGINT", () => ended.abort());
  lines.once("close", () => ended.abort());
  try {
    const answer = await lines
      .question(`${printable(question)} [y/N] `, { signal: ended.signal })
      .catch(() => "no");
    return /^y(es)?$/i.test(answer.trim());
  } finally {
    lines.close();
  }
}
