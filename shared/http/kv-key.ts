import { RaftLiteError } from "../errors.ts";
import { checkKey } from "../store/keys.ts";
import type { RoutedRequest } from "./context.ts";
import type { HttpHost } from "./host.ts";

/** /v1/kv and everything below it; `key` is all that follows, slashes at its end included. */
export const KV_PATH = /^\/v1\/kv(?:\/(?<key>.*))?$/;
/** Where it has a key nearly always. */
const KEYS = "/v1/kv/";
export const KV_BATCH_PATH = /^\/v1\/kv\/?$/;

/**
 * The key (or prefix, which may be empty) in a request's path: bytes exact. Throws `bad-path` and `missing-key` 400,
 * `key-too-large` 413.
 */
export function keyIn(host: HttpHost, request: RoutedRequest, isPrefix: boolean): string {
  let key: string;
  try {
    const encoded = encodedKey(host, request);
    key = encoded.includes("%") ? decodeURIComponent(encoded) : encoded;
  } catch (error) {
    if (error instanceof RaftLiteError) throw error;
    throw badPath("the key's percent-encoding is malformed, or it is not UTF-8");
  }
  if (key === "" && !isPrefix) throw missingKey(request.method);
  checkKey(key, isPrefix);
  return key;
}

function encodedKey(host: HttpHost, request: RoutedRequest): string {
  const sent = host.sentPath?.(request);
  if (sent === undefined) return request.params.key ?? "";
  if (sent.startsWith(KEYS)) return sent.slice(KEYS.length);
  const found = KV_PATH.exec(sent);
  // The path was found to lead here only once its dots had been resolved.
  if (found === null) throw badPath("the path leads to /v1/kv by way of . or ..; write it as it is");
  return found.groups?.key ?? "";
}

function badPath(message: string): RaftLiteError {
  return new RaftLiteError("bad-path", message, { status: 400 });
}

function missingKey(method: string): RaftLiteError {
  const or = method === "PUT" ? "" : method === "DELETE" ? ", or add ?recurse" : ", or add ?recurse or ?keys";
  return new RaftLiteError("missing-key", `the key is missing: /v1/kv/KEY${or}`, { status: 400 });
}
