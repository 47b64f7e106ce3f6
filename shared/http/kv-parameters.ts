import { RaftLiteError } from "../errors.ts";
import type { RoutedRequest } from "./context.ts";
import type { HttpHost } from "./host.ts";
import { keyIn } from "./kv-key.ts";
import { badParameter, parameter } from "./parameters.ts";

/** What can be asked of /v1/kv/KEY, read from a request's path and query; Consul's words for it. */

/** What a GET is answered with. */
export type ReadForm =
  | { readonly type: "row" }
  | { readonly type: "raw" }
  | { readonly type: "rows" }
  | { readonly type: "keys"; readonly separator: string };

export interface Blocking {
  /** Wait for a change after this index. */
  readonly index: number;
  readonly waitMs: number;
}

export interface ReadRequest {
  /** With the forms `rows` and `keys` a prefix, which may be empty. */
  readonly key: string;
  readonly form: ReadForm;
  /** Answer from what this node has applied, however old that is. */
  readonly isStale: boolean;
  readonly blocking: Blocking | null;
}

const DEFAULT_WAIT_MS = 5 * 60_000;
const MAX_WAIT_MS = 10 * 60_000;

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** Throws `bad-parameter`, `bad-query`, `bad-path`, `missing-key` 400 and `key-too-large` 413. */
export function readRequest(host: HttpHost, request: RoutedRequest): ReadRequest {
  checkQueryEncoding(request);
  const form = readForm(request);
  const isStale = flag(request, "stale");
  const isConsistent = flag(request, "consistent");
  if (isStale && isConsistent) throw contradiction("stale", "consistent");
  const key = keyIn(host, request, form.type === "rows" || form.type === "keys");
  return { key, form, isStale, blocking: blocking(request) };
}

function readForm(request: RoutedRequest): ReadForm {
  const raw = flag(request, "raw");
  const recurse = flag(request, "recurse");
  const keys = flag(request, "keys");
  const separator = parameter(request, "separator") ?? "";
  if (raw && recurse) throw contradiction("raw", "recurse");
  if (raw && keys) throw contradiction("raw", "keys");
  // A list of keys is one of all keys below in any case.
  if (keys) return { type: "keys", separator };
  return { type: raw ? "raw" : recurse ? "rows" : "row" };
}

function blocking(request: RoutedRequest): Blocking | null {
  const index = parameter(request, "index");
  const waitMs = waitTimeMs(parameter(request, "wait"));
  if (index === undefined) return null;
  // Beyond 2^53 the number is not exact any more; it is above every index all the same.
  if (!/^\d{1,20}$/.test(index)) throw badParameter("index", index, "an X-Consul-Index: a whole number");
  return { index: Number(index), waitMs };
}

/** Durations as Consul takes them (`10s`, `1m30s`, `1.5h`), and bare milliseconds as in `?timeout`. */
function waitTimeMs(text: string | undefined): number {
  if (text === undefined) return DEFAULT_WAIT_MS;
  if (/^\d{1,9}$/.test(text)) return Math.min(Number(text), MAX_WAIT_MS);
  if (!/^(\d{1,9}(\.\d{1,9})?(ms|s|m|h))+$/.test(text)) {
    throw badParameter("wait", text, "10s, 5m, 1m30s or milliseconds; more than 10m counts as 10m");
  }
  let ms = 0;
  for (const [, amount, unit] of text.matchAll(/([\d.]+)(ms|s|m|h)/g)) {
    ms += Number(amount) * (UNIT_MS[unit as string] as number);
  }
  return Math.min(ms, MAX_WAIT_MS);
}

export interface PutRequest {
  readonly key: string;
  readonly cas: number | null;
  readonly flags: number;
}

/** Throws as `readRequest` does. */
export function putRequest(host: HttpHost, request: RoutedRequest): PutRequest {
  checkQueryEncoding(request);
  // Whoever asks for a lock and gets a plain write believes to hold it.
  for (const name of ["acquire", "release"]) {
    if (parameter(request, name) !== undefined) {
      throw bad(`there are no sessions and locks here: ${name} is not supported, use cas`, name);
    }
  }
  const cas = wholeNumber(request, "cas");
  const flags = wholeNumber(request, "flags") ?? 0;
  return { key: keyIn(host, request, false), cas, flags };
}

export interface DeleteRequest {
  readonly key: string;
  readonly cas: number | null;
  readonly recurse: boolean;
}

/** Throws as `readRequest` does. */
export function deleteRequest(host: HttpHost, request: RoutedRequest): DeleteRequest {
  checkQueryEncoding(request);
  const recurse = flag(request, "recurse");
  const cas = wholeNumber(request, "cas");
  if (recurse && cas !== null) throw contradiction("cas", "recurse");
  return { key: keyIn(host, request, recurse), cas, recurse };
}

/** `?name`, `?name=true` and `?name=1`, or their opposites. */
function flag(request: RoutedRequest, name: string): boolean {
  const text = parameter(request, name);
  if (text === undefined || text === "false" || text === "0") return false;
  if (text === "" || text === "true" || text === "1") return true;
  throw badParameter(name, text, `?${name} or ?${name}=true`);
}

function wholeNumber(request: RoutedRequest, name: string): number | null {
  const text = parameter(request, name);
  if (text === undefined) return null;
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(value)) throw badParameter(name, text, "a whole number from 0 to 2^53-1");
  return value;
}

/** The URL class lets malformed percent-encoding pass as it is, and replaces what is not UTF-8. */
function checkQueryEncoding(request: RoutedRequest): void {
  const { url } = request;
  const start = url.indexOf("?");
  if (start < 0 || url.indexOf("%", start) < 0) return;
  try {
    decodeURIComponent(url.slice(start));
  } catch {
    throw new RaftLiteError("bad-query", "the query's percent-encoding is malformed, or not UTF-8", {
      status: 400,
    });
  }
}

function contradiction(one: string, other: string): RaftLiteError {
  return bad(`the parameters ${one} and ${other} contradict each other`, one);
}

function bad(message: string, name: string): RaftLiteError {
  return new RaftLiteError("bad-parameter", message, { status: 400, details: { parameter: name } });
}
