import { RaftLiteError } from "../errors.ts";

const strictUtf8 = new TextDecoder("utf-8", { fatal: true });

/** Throws `bad-encoding` (400) for bytes that are not UTF-8. A byte order mark is dropped. */
export function decodeText(bytes: Uint8Array): string {
  try {
    return strictUtf8.decode(bytes);
  } catch {
    throw new RaftLiteError("bad-encoding", "the request body is not valid UTF-8", { status: 400 });
  }
}

/** A JSON object; `example` shows the sender of anything else what was expected. */
export function parseObject(text: string, example: string): Readonly<Record<string, unknown>> {
  if (text.trim() === "") throw malformed(`the request body is empty; send e.g. ${example}`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw malformed(`the request body is not JSON; send e.g. ${example}`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw malformed(`the request body is ${kindOf(value)}, not a JSON object; send e.g. ${example}`);
  }
  return value as Record<string, unknown>;
}

/** `a number`, `null`, …: for messages. */
export function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}

function malformed(message: string): RaftLiteError {
  return new RaftLiteError("bad-json", message, { status: 400 });
}
