import { RaftLiteError } from "../errors.ts";
import type { HttpHost } from "./host.ts";

/** One route as it is listed and matched. */
export interface Route {
  readonly method: string;
  readonly path: string;
  readonly pattern: RegExp;
}

/**
 * The answer to a request that no route took: 404 with the list of routes, 405 with the methods that would do, and
 * for OPTIONS those methods alone.
 */
export function unrouted(host: HttpHost, routes: readonly Route[], request: Request): Response {
  const path = new URL(request.url).pathname;
  checkEncoding(path);
  const allow = [...new Set(routes.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method))];
  if (allow.length === 0) throw unknownRoute(routes);
  allow.push("OPTIONS");
  if (request.method === "OPTIONS")
    return host.respond(null, { status: 204, headers: { allow: allow.join(", ") } });
  throw new RaftLiteError("method-not-allowed", `this route takes ${allow.join(", ")}`, {
    status: 405,
    details: { allow },
  });
}

function checkEncoding(path: string): void {
  try {
    decodeURIComponent(path);
  } catch {
    throw new RaftLiteError("bad-path", "the path's percent-encoding is malformed", { status: 400 });
  }
}

function unknownRoute(routes: readonly Route[]): RaftLiteError {
  // HEAD goes with every GET and would only double the list.
  const listed = routes
    .filter(({ method }) => method !== "HEAD")
    .map(({ method, path }) => `${method} ${path}`);
  return new RaftLiteError("unknown-route", "there is no such route; see routes", {
    status: 404,
    details: { routes: listed },
  });
}
