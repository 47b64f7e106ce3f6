import type { Entry } from "./entry.ts";
import { readEntries } from "./entry.ts";
import type { Reply } from "./exchange.ts";
import { checkKey, checkPrefix, checkText } from "./input.ts";
import { isCount, parseJson } from "./json.ts";
import type { Call } from "./perform.ts";

/** GET /v1/kv as calls. */

/** What was found, and how far the store was then (X-Consul-Index). */
export interface Found<Value> {
  readonly value: Value;
  readonly index: number;
}

/** Ask for a change after `index`, and for no longer than `holdMs`. */
export interface Hold {
  readonly index: number;
  readonly holdMs: number;
}

interface ReadForm<Value> {
  /** What a node says where there is nothing. */
  readonly absent: Value;
  /** null for what is no such answer. */
  readonly parse: (body: unknown) => Value | null;
}

export function getCall(key: string, stale = false, hold: Hold | null = null): Call<Found<Entry | null>> {
  checkKey(key);
  const parse = (body: unknown): Entry | null => readEntries(body)?.[0] ?? null;
  return readCall<Entry | null>(key, query({ stale, hold }), hold, { absent: null, parse }, stale);
}

export function listCall(
  prefix: string,
  stale = false,
  hold: Hold | null = null,
): Call<Found<readonly Entry[]>> {
  checkPrefix(prefix);
  const form = { absent: [], parse: readEntries };
  return readCall<readonly Entry[]>(prefix, query({ recurse: true, stale, hold }), hold, form, stale);
}

export function keysCall(prefix: string, separator = "", stale = false): Call<Found<readonly string[]>> {
  checkPrefix(prefix);
  checkText(separator, "separator");
  const parse = (body: unknown): string[] | null =>
    Array.isArray(body) && body.every((key) => typeof key === "string") ? body : null;
  return readCall<readonly string[]>(
    prefix,
    query({ keys: true, separator, stale }),
    null,
    { absent: [], parse },
    stale,
  );
}

function readCall<Value>(
  key: string,
  parameters: string,
  hold: Hold | null,
  { absent, parse }: ReadForm<Value>,
  stale: boolean,
): Call<Found<Value>> {
  return {
    // One segment, slashes encoded: a URL would lose the key's own "//", "/../" and a slash at its end.
    message: { method: "GET", target: `/v1/kv/${encodeURIComponent(key)}${parameters}` },
    safety: "read",
    // Those that wait are spread over all nodes, and none of them is lost with the leader alone.
    ask: stale || hold !== null ? "anyone" : "leader",
    holdMs: hold?.holdMs ?? 0,
    read: (reply) => {
      const index = indexOf(reply);
      if (index === null) return null;
      // A 404 with an index is the store's word; without one there is no such route.
      if (reply.status === 404) return { value: { value: absent, index } };
      const value = reply.status === 200 ? parse(parseJson(reply.body)) : null;
      return value === null ? null : { value: { value, index } };
    },
  };
}

interface Parameters {
  readonly recurse?: boolean;
  readonly keys?: boolean;
  readonly separator?: string;
  readonly stale?: boolean;
  readonly hold?: Hold | null;
}

function query({ recurse, keys, separator = "", stale, hold }: Parameters): string {
  const words = [
    ...(recurse ? ["recurse"] : []),
    ...(keys ? ["keys"] : []),
    ...(separator === "" ? [] : [`separator=${encodeURIComponent(separator)}`]),
    ...(stale ? ["stale"] : []),
    ...(hold ? [`index=${hold.index}`, `wait=${Math.round(hold.holdMs)}ms`] : []),
  ];
  return words.length === 0 ? "" : `?${words.join("&")}`;
}

function indexOf({ headers }: Reply): number | null {
  const index = Number(headers.get("x-consul-index") ?? Number.NaN);
  return isCount(index) ? index : null;
}
