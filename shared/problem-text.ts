import type { RaftLiteError } from "./errors.ts";
import { printable } from "./printable.ts";

/**
 * An error as the text of RFC 9457 problem details. `error` is the lab's word for it, `code` is for programs. What the
 * error's details bring stands beside them and can replace neither. Clients' own text in it is safe to print.
 */
export function problemText({ code, status, message, details }: RaftLiteError): string {
  const title = titleOf(code);
  // Named before the details for the order of the lab's reply, and after them so that none can take their place.
  const lab = { ok: false, error: title };
  return printable(JSON.stringify({ ...lab, ...details, ...lab, code, title, status, detail: message }));
}

/** `not-leader` → `Not leader`. */
function titleOf(code: string): string {
  return code.charAt(0).toUpperCase() + code.slice(1).replaceAll("-", " ");
}
