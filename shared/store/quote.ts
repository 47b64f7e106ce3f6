import { printable } from "../printable.ts";

/** More of a client's own text than this is not repeated to it, in code units. */
const LIMIT = 64;

/** Text of a client, fit for a message: in quotes, cut short, and safe to print. */
export function quote(text: string): string {
  // JSON also escapes the lone surrogate that cutting may have left.
  return printable(JSON.stringify(text.length > LIMIT ? `${text.slice(0, LIMIT)}…` : text));
}
