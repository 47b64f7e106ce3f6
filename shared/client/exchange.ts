import type { Limit } from "./limit.ts";
import { wasNeverSent } from "./never-sent.ts";

/** What carries requests: `fetch`, a service binding's, or a node's own handler. */
export type Send = (request: Request) => Promise<Response>;

/** One request, before it is known which node gets it. */
export interface Message {
  readonly method: "GET" | "POST" | "PUT";
  /** Path and query below the node's URL, percent-encoded. */
  readonly target: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array<ArrayBuffer>;
}

export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Uint8Array<ArrayBuffer>;
}

/** How one request ended. Only of `unsent` is it certain that it reached nobody. */
export type Exchanged =
  | { readonly type: "reply"; readonly reply: Reply }
  | { readonly type: "unsent"; readonly cause: unknown }
  /** The connection failed, at a time that nobody tells. */
  | { readonly type: "lost"; readonly cause: unknown }
  /** No answer within `patienceMs`. */
  | { readonly type: "late" }
  /** The call's own limit ended it. */
  | { readonly type: "over" };

/**
 * A cache between us and the node must not answer for it. Older Workers know no `cache` and refuse the word, see
 * https://developers.cloudflare.com/workers/configuration/compatibility-flags/ ("cache_option_enabled").
 */
const NOT_CACHED: RequestInit = "cache" in Request.prototype ? { cache: "no-store" } : {};

/**
 * Sends one request and takes in the whole reply, so that its connection is free for the next one. `patienceMs` is how
 * long the reply may take to begin. Never rejects, and returns at the end of its time even if `send` knows nothing of
 * signals.
 */
export async function exchange(
  send: Send,
  url: string,
  { method, target, headers, body }: Message,
  patienceMs: number,
  limit: Limit,
): Promise<Exchanged> {
  if (limit.reason !== null) return { type: "over" };
  const controller = new AbortController();
  const { signal } = controller;
  let giveUp: (exchanged: Exchanged) => void = () => undefined;
  const givenUp = new Promise<Exchanged>((resolve) => {
    giveUp = (exchanged) => {
      resolve(exchanged);
      controller.abort();
    };
  });
  const onOver = (): void => giveUp({ type: "over" });
  const timer = setTimeout(() => giveUp({ type: "late" }), patienceMs);
  limit.signal.addEventListener("abort", onOver);
  try {
    const init = { method, headers: headers ?? {}, body: body ?? null, redirect: "manual", signal } as const;
    const request = new Request(url + target, { ...NOT_CACHED, ...init });
    return await Promise.race([givenUp, received(send, request, signal, () => clearTimeout(timer))]);
  } finally {
    clearTimeout(timer);
    limit.signal.removeEventListener("abort", onOver);
  }
}

/** `begun` is called when the reply begins to come. */
async function received(
  send: Send,
  request: Request,
  signal: AbortSignal,
  begun: () => void,
): Promise<Exchanged> {
  let hasBegun = false;
  try {
    const response = await send(request);
    hasBegun = true;
    begun();
    const body = await readBody(response, signal);
    return { type: "reply", reply: { status: response.status, headers: response.headers, body } };
  } catch (cause) {
    return { type: !hasBegun && wasNeverSent(cause) ? "unsent" : "lost", cause };
  }
}

/** Ends when the signal fires, also where whoever sends knows nothing of signals: an unread body holds its connection. */
async function readBody({ body }: Response, signal: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
  if (body === null) return new Uint8Array();
  const reader = body.getReader();
  const cancel = (): void => void reader.cancel(signal.reason).catch(() => undefined);
  if (signal.aborted) cancel();
  else signal.addEventListener("abort", cancel);
  try {
    const parts: Uint8Array[] = [];
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      parts.push(value);
    }
    return joined(parts);
  } finally {
    signal.removeEventListener("abort", cancel);
  }
}

function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
