import type { Reply } from "../request.ts";
import { demand } from "./finding.ts";

/** What holds for every reply, whatever was asked. */

/** C0, DEL and C1 controls, separators of lines, and what turns the direction of reading. */
const UNPRINTABLE = /[\p{Cc}\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/u;
const LONGEST_DETAIL = 1000;

export interface Problem {
  readonly code: string;
  readonly status: number;
  readonly [name: string]: unknown;
}

/** The text of a reply, fit to be printed. */
function textOf(reply: Reply): string {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(reply.bytes);
  } catch {
    text = "\u0000";
  }
  const control = UNPRINTABLE.exec(text)?.[0].codePointAt(0);
  demand(
    control === undefined,
    () => `the reply holds U+${control?.toString(16).padStart(4, "0")} unescaped`,
  );
  return text;
}

export function jsonOf(reply: Reply): unknown {
  const type = reply.headers.get("content-type");
  demand(/^application\/(problem\+)?json$/.test(type ?? ""), () => `content-type ${type}`);
  const text = textOf(reply);
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`not JSON: ${text.slice(0, 200)}`);
  }
}

/** A refusal: problem details of RFC 9457, with the lab's own fields beside them. */
export function problemOf(reply: Reply): Problem {
  const type = reply.headers.get("content-type");
  demand(type === "application/problem+json", () => `status ${reply.status} with content-type ${type}`);
  const body = jsonOf(reply) as Problem;
  const { ok, error, code, title, status, detail } = body;
  demand(ok === false, () => `ok is ${ok}`);
  demand(/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(code), () => `code ${code}`);
  demand(status === reply.status, () => `status ${status} in a reply of status ${reply.status}`);
  for (const [name, value] of Object.entries({ error, title, detail })) {
    const isText = typeof value === "string" && value.trim() !== "";
    demand(isText && value.length <= LONGEST_DETAIL, () => `${name}: ${String(value).slice(0, 200)}`);
  }
  return body;
}
