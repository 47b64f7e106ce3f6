import type { SentRequest } from "../request.ts";
import { expectBatch } from "./batch.ts";
import { expectCommand } from "./command.ts";
import type { Circumstances, Expectation, Fault } from "./expectation.ts";
import { fault } from "./expectation.ts";
import { expectKey } from "./kv.ts";
import { expectExchange, expectSingle } from "./nodes.ts";
import { decodes, headerOf, Query } from "./query.ts";

type Guarded = "open" | "client" | "nodes";

interface Route {
  readonly guarded: Guarded;
  readonly expect: (request: SentRequest, at: Circumstances) => Expectation;
}

/** By path; what follows /v1/kv/ is not among them. */
const ROUTES: Readonly<Record<string, Readonly<Record<string, Route>>>> = {
  "/status": observing(expectStatus),
  "/v1/status/leader": observing(() => ({ type: "leader" })),
  "/v1/status/peers": observing(() => ({ type: "peers" })),
  "/health": observing(() => ({ type: "health" }), "open"),
  "/metrics": observing(() => ({ type: "metrics" }), "open"),
  "/command": posting("client", expectCommand),
  "/client": posting("client", expectCommand),
  "/client_command": posting("client", expectCommand),
  "/raft": posting("nodes", expectExchange),
  "/requestVote": posting("nodes", expectSingle("RequestVote")),
  "/request_vote": posting("nodes", expectSingle("RequestVote")),
  "/appendEntries": posting("nodes", expectSingle("AppendEntries")),
  "/append_entries": posting("nodes", expectSingle("AppendEntries")),
  "/timeoutNow": posting("nodes", expectSingle("TimeoutNow")),
  "/timeout_now": posting("nodes", expectSingle("TimeoutNow")),
  "/installSnapshot": posting("nodes", refuseSnapshot),
  "/install_snapshot": posting("nodes", refuseSnapshot),
};

export function expectationOf(request: SentRequest, at: Circumstances): Expectation {
  // The URL class resolves dots and turns backslashes; routes are found by what it makes of a path.
  const { pathname } = new URL(`http://node.test${request.target}`);
  const routes = routesAt(request, pathname, at);
  if (routes === null) return { type: "refused", faults: unrouted(pathname, fault(404, "unknown-route")) };
  const route = Object.hasOwn(routes, request.method) ? routes[request.method] : undefined;
  if (route !== undefined) {
    return isAllowed(request, route.guarded, at)
      ? route.expect(request, at)
      : { type: "refused", faults: [fault(401, "unauthorized")] };
  }
  if (request.method === "OPTIONS" && decodes(pathname)) return { type: "options" };
  return { type: "refused", faults: unrouted(pathname, fault(405, "method-not-allowed")) };
}

function routesAt(request: SentRequest, pathname: string, at: Circumstances): Record<string, Route> | null {
  const sent = sentKey(request);
  const resolved = encodedKey(pathname);
  if (resolved === null) {
    // What is sent as a key's path is one, wherever a URL would lead: by those who ask for keys.
    const isKey = at.keepsPaths && sent !== null && KEY_METHODS.has(request.method);
    return isKey ? keyRoutes(sent, at) : (ROUTES[pathname.replace(/\/+$/, "")] ?? null);
  }
  return {
    // Of no key's path a key is read that nobody can write.
    ...keyRoutes(at.keepsPaths ? (sent ?? "%") : resolved, at),
    ...(resolved === "" && { POST: { guarded: "client" as const, expect: expectBatch } }),
  };
}

const KEY_METHODS = new Set(["GET", "HEAD", "PUT", "DELETE"]);

function keyRoutes(encoded: string, at: Circumstances): Record<string, Route> {
  const key: Route = { guarded: "client", expect: (one) => expectKey(one, encoded, at) };
  return { GET: key, HEAD: key, PUT: key, DELETE: key };
}

function sentKey({ target }: SentRequest): string | null {
  return encodedKey(target.split("?")[0] ?? "");
}

/** What follows /v1/kv in a path; null where that is no key's path. */
function encodedKey(path: string): string | null {
  const found = /^\/v1\/kv(?:\/(.*))?$/s.exec(path);
  return found === null ? null : (found[1] ?? "");
}

function observing(expect: Route["expect"], guarded: Guarded = "client"): Record<string, Route> {
  return { GET: { guarded, expect }, HEAD: { guarded, expect } };
}

function posting(guarded: Guarded, expect: Route["expect"]): Record<string, Route> {
  return { POST: { guarded, expect } };
}

function expectStatus(request: SentRequest): Expectation {
  const query = new Query(request);
  const text = query.text("log");
  const isAll = text === "all";
  if (text !== null && !isAll && !/^[0-9]{1,15}$/.test(text)) query.wrong();
  if (query.faults.length > 0) return { type: "refused", faults: query.faults };
  return { type: "status", limit: isAll ? Number.POSITIVE_INFINITY : Number(text ?? 100) };
}

function refuseSnapshot(): Expectation {
  return { type: "refused", faults: [fault(501, "snapshots-not-supported")] };
}

function unrouted(pathname: string, otherwise: Fault): Fault[] {
  return decodes(pathname) ? [otherwise] : [otherwise, fault(400, "bad-path")];
}

/** The secret opens every route, the token those of clients; where there is neither, a route is open. */
function isAllowed(request: SentRequest, guarded: Guarded, { secret, token }: Circumstances): boolean {
  const needed = guarded === "client" ? token : guarded === "nodes" ? secret : null;
  if (needed === null) return true;
  const shown = /^bearer +(.*)$/i.exec(headerOf(request, "authorization") ?? "")?.[1];
  return shown !== undefined && (shown === needed || shown === secret);
}
