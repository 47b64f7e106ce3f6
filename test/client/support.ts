import { afterEach, beforeEach, expect, vi } from "vitest";
import type { ClientOptions } from "../../shared/client/client.ts";
import { Client } from "../../shared/client/client.ts";

/** A request as a script sees it. */
export interface Seen {
  /** The node's URL, as the client was given it. */
  readonly node: string;
  readonly method: string;
  /** Path below the node's URL, percent-encoded as it came. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: Headers;
  readonly body: string;
  readonly signal: AbortSignal;
}

export type Script = (request: Seen) => Response | Promise<Response>;

export const A = "http://a.test";
export const B = "http://b.test";
export const C = "http://c.test/prefix";

/** A network in which a script stands for every node, and remembers what it was asked. */
export class ScriptedNetwork {
  readonly seen: Seen[] = [];
  script: Script;
  readonly #nodes: readonly string[];

  constructor(nodes: readonly string[], script: Script) {
    this.#nodes = nodes;
    this.script = script;
  }

  readonly fetch = async (request: Request): Promise<Response> => {
    const node = this.#nodes.find((url) => request.url.startsWith(`${url}/`));
    if (node === undefined) throw new Error(`nobody is at ${request.url}`);
    const { pathname, searchParams } = new URL(request.url);
    const seen = {
      node,
      method: request.method,
      path: pathname.slice(new URL(node).pathname.replace(/\/$/, "").length),
      query: searchParams,
      headers: request.headers,
      body: await request.text(),
      signal: request.signal,
    };
    this.seen.push(seen);
    return await this.script(seen);
  };

  /** Nodes in the order in which they were asked, searches for the leader left out. */
  get asked(): string[] {
    return this.calls.map(({ node }) => node);
  }

  get calls(): Seen[] {
    return this.seen.filter(({ path }) => path !== "/status");
  }
}

/** A client of one node or more whose network follows a script. */
export function scripted(
  script: Script,
  { nodes = [A], ...options }: Partial<ClientOptions> = {},
): { client: Client; network: ScriptedNetwork } {
  const network = new ScriptedNetwork(nodes, script);
  return { client: new Client({ nodes, fetch: network.fetch, ...options }), network };
}

/** One answer after the other; the last one for ever. */
export function inTurn(...answers: readonly Script[]): Script {
  let turn = 0;
  return (request) => answers[Math.min(turn++, answers.length - 1)]!(request);
}

// ---- what nodes say ----

export function json(body: unknown, status = 200, headers: Record<string, string> = {}): Response {
  return new Response(JSON.stringify(body), {
    status,
    headers: { "content-type": "application/json", ...headers },
  });
}

export function problem(status: number, code: string, more: Record<string, unknown> = {}): Script {
  const headers: Record<string, string> = status === 429 ? { "retry-after": "1" } : {};
  return () =>
    json({ ok: false, error: code, code, status, detail: `it is ${code}`, ...more }, status, headers);
}

export function row(key: string, value: string, modifyIndex: number): object {
  const Value = Buffer.from(value).toString("base64");
  return { Key: key, Value, Flags: 0, CreateIndex: modifyIndex, ModifyIndex: modifyIndex, LockIndex: 0 };
}

export function found(index: number, ...rows: readonly object[]): Response {
  return json(rows, 200, { "x-consul-index": String(index) });
}

export function absent(index: number): Response {
  return json({ code: "key-not-found" }, 404, { "x-consul-index": String(index) });
}

export function written(modifyIndex: number, ok = true): Response {
  const result = { ok, ModifyIndex: modifyIndex, ...(!ok && { code: "cas-failed" }) };
  return json({ ok: true, results: [result] });
}

export function status(node: string, state = "Follower", term = 1, leader: string | null = null): Response {
  return json({ node, state, term, leader, raft: {} });
}

// ---- what networks do ----

/** As Node's fetch rejects where nobody listens: nothing was sent. */
export const refused: Script = () => {
  const cause = Object.assign(new Error("connect ECONNREFUSED"), {
    code: "ECONNREFUSED",
    syscall: "connect",
  });
  throw new TypeError("fetch failed", { cause });
};

/** As Node's fetch rejects when a connection breaks: nobody knows what has arrived. */
export const broken: Script = () => {
  throw new TypeError("fetch failed", {
    cause: Object.assign(new Error("other side closed"), { code: "UND_ERR_SOCKET" }),
  });
};

/** No answer, ever. As fetch does, it rejects at an abort. */
export const silent: Script = ({ signal }) =>
  new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason)));

// ---- time ----

export function useVirtualTime(): void {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
}

/** For every test of a file. Whatever happened in it: no timer is left that would keep a process or a request alive. */
export function useVirtualTimeInEachTest(): void {
  beforeEach(useVirtualTime);
  afterEach(() => {
    expect(vi.getTimerCount()).toBe(0);
    vi.useRealTimers();
  });
}

/** What became of a promise. */
export type Settled<Value> = { readonly value: Value } | { readonly error: unknown };

/** Lets virtual time pass, from one timer to the next, until the promise is settled. */
export async function settle<Value>(promise: Promise<Value>, limitMs = 200_000): Promise<Settled<Value>> {
  let settled: Settled<Value> | null = null;
  promise.then(
    (value) => {
      settled = { value };
    },
    (error: unknown) => {
      settled = { error };
    },
  );
  const endsAt = performance.now() + limitMs;
  for (;;) {
    await breathe();
    if (settled !== null) return settled;
    if (vi.getTimerCount() === 0) throw new Error("nothing is under way that could settle it");
    if (performance.now() > endsAt) throw new Error(`not settled within ${limitMs} ms`);
    await vi.advanceTimersToNextTimerAsync();
  }
}

export async function failure(promise: Promise<unknown>): Promise<unknown> {
  const settled = await settle(promise);
  if ("value" in settled) throw new Error(`it did not fail: ${JSON.stringify(settled.value)}`);
  return settled.error;
}

export async function success<Value>(promise: Promise<Value>): Promise<Value> {
  const settled = await settle(promise);
  if ("error" in settled) throw settled.error;
  return settled.value;
}

/** What needs no time has happened: bodies are read in several turns of the loop. */
export async function breathe(): Promise<void> {
  for (let i = 0; i < 6; i++) await new Promise((resolve) => setImmediate(resolve));
}
