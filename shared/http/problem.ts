import { RaftLiteError } from "../errors.ts";
import type { HttpHost } from "./host.ts";
import { jsonText } from "./reply.ts";

export const PROBLEM_TYPE = "application/problem+json";

/**
 * An error as RFC 9457 problem details. `error` is the lab's word for it, `code` is for programs. What the error's
 * details bring stands beside them and can replace neither.
 */
export function problemReply(host: HttpHost, error: RaftLiteError): Response {
  const { code, status } = error;
  const title = titleOf(code);
  // Named before the details for the order of the lab's reply, and after them so that none can take their place.
  const lab = { ok: false, error: title };
  const body = { ...lab, ...error.details, ...lab, code, title, status, detail: error.message };
  return host.respond(jsonText(body), { status, headers: headersOf(error) });
}

/** What a client may learn of an error it was not meant to meet: nothing but where to look. */
export function unexpected(cause: unknown): RaftLiteError {
  return new RaftLiteError("internal", "an unexpected error; the node's log says more", {
    status: 500,
    cause,
  });
}

/** `not-leader` → `Not leader`. */
function titleOf(code: string): string {
  return code.charAt(0).toUpperCase() + code.slice(1).replaceAll("-", " ");
}

function headersOf({ status, details }: RaftLiteError): Record<string, string> {
  const headers: Record<string, string> = { "content-type": PROBLEM_TYPE };
  if (status === 401) headers["www-authenticate"] = 'Bearer realm="raft-lite"';
  if (status === 405 && Array.isArray(details.allow)) headers.allow = details.allow.join(", ");
  if (status === 429) headers["retry-after"] = "1";
  return headers;
}
