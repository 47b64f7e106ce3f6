import { RaftLiteError } from "../errors.ts";
import { problemText } from "../problem-text.ts";
import type { HttpHost } from "./host.ts";

export const PROBLEM_TYPE = "application/problem+json";

/** An error as RFC 9457 problem details (problem-text.ts). */
export function problemReply(
  host: HttpHost,
  error: RaftLiteError,
  moreHeaders: Readonly<Record<string, string>> = {},
): Response {
  const headers = { ...headersOf(error), ...moreHeaders };
  return host.respond(problemText(error), { status: error.status, headers });
}

/** What a client may learn of an error it was not meant to meet: nothing but where to look. */
export function unexpected(cause: unknown): RaftLiteError {
  return new RaftLiteError("internal", "an unexpected error; the node's log says more", {
    status: 500,
    cause,
  });
}

function headersOf({ status, details }: RaftLiteError): Record<string, string> {
  const headers: Record<string, string> = { "content-type": PROBLEM_TYPE };
  if (status === 401) headers["www-authenticate"] = 'Bearer realm="raft-lite"';
  if (status === 405 && Array.isArray(details.allow)) headers.allow = details.allow.join(", ");
  if (status === 429) headers["retry-after"] = "1";
  return headers;
}
