import { printable } from "../printable.ts";
import type { HttpHost } from "./host.ts";

export const JSON_TYPE = "application/json";

/** Values and commands are clients' bytes: what could move a reader's terminal is escaped, the meaning stays. */
export function jsonText(value: unknown): string {
  return printable(JSON.stringify(value));
}

export function jsonReply(host: HttpHost, value: unknown): Response {
  return host.respond(jsonText(value), { status: 200, headers: { "content-type": JSON_TYPE } });
}
