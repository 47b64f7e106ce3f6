import { toBase64 } from "../base64.ts";
import type { RaftLiteError } from "../errors.ts";
import type { StoredKey } from "../store/key-value-store.ts";
import type { HttpContext } from "./context.ts";
import { problemReply } from "./problem.ts";
import { JSON_TYPE, jsonText } from "./reply.ts";

/** Replies of /v1/kv: each tells how far the store was when it was made. */

/**
 * Index of the last applied write. 1 before the first: to a Consul client 0 means "do not wait", and it would ask
 * again at once, for ever. No write has index 1; the entry there founds the cluster.
 */
export function currentIndex({ store }: Pick<HttpContext, "store">): number {
  return Math.max(1, store.lastChange);
}

export function kvReply(context: HttpContext, json: string | ReadableStream<Uint8Array>): Response {
  const headers = { "content-type": JSON_TYPE, ...indexHeaders(context) };
  return context.host.respond(json, { status: 200, headers });
}

/** Somebody's bytes, under somebody's name: a browser must neither guess what they are nor run them. */
export function rawReply(context: HttpContext, value: Uint8Array): Response {
  const headers = {
    "content-type": "application/octet-stream",
    "x-content-type-options": "nosniff",
    "content-security-policy": "sandbox",
    ...indexHeaders(context),
  };
  return context.host.respond(value, { status: 200, headers });
}

/** A refusal that is an answer of the store: it carries the index as well. */
export function kvProblem(context: HttpContext, error: RaftLiteError): Response {
  return problemReply(context.host, error, indexHeaders(context));
}

/** Consul's row. An empty value is "" there, not null: whoever decodes base64 gets what was put. */
export function rowText({ key, value, flags, createRevision, modifyRevision }: StoredKey): string {
  const head = `{"Key":${jsonText(key)},"Value":"${toBase64(value)}","Flags":${flags}`;
  return `${head},"CreateIndex":${createRevision},"ModifyIndex":${modifyRevision},"LockIndex":0}`;
}

function indexHeaders(context: HttpContext): Record<string, string> {
  return { "x-consul-index": String(currentIndex(context)), "cache-control": "no-store" };
}
