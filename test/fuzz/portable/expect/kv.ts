import type { Operation } from "../../../../shared/store/operations.ts";
import type { SentRequest } from "../request.ts";
import type { Circumstances, Expectation, Fault, Write } from "./expectation.ts";
import { fault } from "./expectation.ts";
import { forwardFaults, Query, sizeFaults } from "./query.ts";

export const CLIENT_LIMIT_BYTES = 1_048_576;
const KEY_LIMIT_BYTES = 512;
const WAIT_LIMIT_MS = 600_000;

const encoder = new TextEncoder();

/** GET, HEAD, PUT and DELETE of /v1/kv/KEY. `encodedKey` is what follows in the path. */
export function expectKey(request: SentRequest, encodedKey: string, at: Circumstances): Expectation {
  const query = new Query(request);
  query.checkEncoding();
  const { method } = request;
  if (method === "PUT") return expectPut(request, query, encodedKey, at);
  if (method === "DELETE") return expectDelete(request, query, encodedKey, at);
  return expectRead(request, query, encodedKey, at);
}

function expectRead(request: SentRequest, query: Query, encodedKey: string, at: Circumstances): Expectation {
  const [raw, recurse, keys] = [query.flag("raw"), query.flag("recurse"), query.flag("keys")];
  const [isStale, isConsistent] = [query.flag("stale"), query.flag("consistent")];
  const separator = query.text("separator") ?? "";
  if (raw && (recurse || keys)) query.wrong();
  if (isStale && isConsistent) query.wrong();
  const index = query.text("index");
  if (index !== null && !/^[0-9]{1,20}$/.test(index)) query.wrong();
  const units = { "": 1, ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
  const waitMs =
    query.timeMs("wait", /^([0-9]{1,9}|([0-9]{1,9}(\.[0-9]{1,9})?(ms|s|m|h))+)$/, units) ?? 300_000;
  const timeoutMs = query.timeoutMs();
  const key = readKey(encodedKey, recurse || keys);
  const forward = forwardFaults(request, at);
  // What is answered from here asks nobody; a header that is misspelt is wrong all the same.
  const faults = isStale ? forward.filter(({ code }) => code === "bad-header") : forward;
  const all = [...query.faults, ...key.faults, ...faults];
  if (all.length > 0) return { type: "refused", faults: all };
  return {
    type: "read",
    key: key.key,
    form: keys ? "keys" : recurse ? "rows" : raw ? "raw" : "row",
    separator,
    isStale,
    blocking: index === null ? null : { index: Number(index), waitMs: Math.min(waitMs, WAIT_LIMIT_MS) },
    timeoutMs,
  };
}

function expectPut(request: SentRequest, query: Query, encodedKey: string, at: Circumstances): Expectation {
  if (query.text("acquire") !== null || query.text("release") !== null) query.wrong();
  const [cas, flags] = [query.number("cas"), query.number("flags") ?? 0];
  const timeoutMs = query.timeoutMs();
  const { key, faults } = readKey(encodedKey, false);
  const all = [
    ...query.faults,
    ...faults,
    ...forwardFaults(request, at),
    ...sizeFaults(request, CLIENT_LIMIT_BYTES),
  ];
  if (all.length > 0) return { type: "refused", faults: all };
  const value = request.body ?? new Uint8Array();
  return booleanWrite({ type: "put", key, value, flags, cas }, timeoutMs);
}

function expectDelete(
  request: SentRequest,
  query: Query,
  encodedKey: string,
  at: Circumstances,
): Expectation {
  const [recurse, cas] = [query.flag("recurse"), query.number("cas")];
  if (recurse && cas !== null) query.wrong();
  const timeoutMs = query.timeoutMs();
  const { key, faults } = readKey(encodedKey, recurse);
  const all = [...query.faults, ...faults, ...forwardFaults(request, at)];
  if (all.length > 0) return { type: "refused", faults: all };
  return booleanWrite({ type: "delete", key, recurse, cas }, timeoutMs);
}

function booleanWrite(operation: Operation, timeoutMs: number): Write {
  const line = lineOf([operation]);
  return { type: "write", operations: [operation], atomic: false, timeoutMs, answer: "boolean", line };
}

/** As /status shows it. */
export function lineOf(operations: readonly Operation[]): Write["line"] {
  const [operation] = operations;
  if (operation === undefined || operations.length > 1) return { text: "BATCH", isWhole: false };
  if (operation.type === "put") {
    return { text: `PUT ${operation.key} (${operation.value.length} bytes)`, isWhole: true };
  }
  return { text: `DELETE ${operation.key}`, isWhole: !operation.recurse };
}

function readKey(encoded: string, isPrefix: boolean): { readonly key: string; readonly faults: Fault[] } {
  let key: string;
  try {
    key = decodeURIComponent(encoded);
  } catch {
    return { key: "", faults: [fault(400, "bad-path")] };
  }
  if (key === "" && !isPrefix) return { key, faults: [fault(400, "missing-key")] };
  return { key, faults: keyTooLarge(key) ? [fault(413, "key-too-large")] : [] };
}

export function keyTooLarge(key: string): boolean {
  return encoder.encode(key).length > KEY_LIMIT_BYTES;
}
