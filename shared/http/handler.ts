import type { IRequest } from "itty-router";
import { IttyRouter } from "itty-router";
import { RaftLiteError } from "../errors.ts";
import type { NodeApi } from "../node/api.ts";
import type { Guard } from "./auth.ts";
import { guards } from "./auth.ts";
import { commandRoute } from "./command-route.ts";
import type { HttpContext, RoutedRequest, RouteHandler, ValueReader } from "./context.ts";
import type { HttpHost } from "./host.ts";
import { webHost } from "./host.ts";
import { healthRoute, leaderRoute, metricsRoute, peersRoute, statusRoute } from "./observe-routes.ts";
import { problemReply, unexpected } from "./problem.ts";
import { exchangeRoute, singleRoute, snapshotRoute } from "./raft-routes.ts";
import { unrouted } from "./unrouted.ts";

export interface HandlerOptions {
  /** Guards the Raft routes, where set (`authorization: Bearer SECRET`). */
  readonly secret?: string | undefined;
  /** Guards the clients' routes, where set: all but the Raft routes, /health and /metrics. */
  readonly token?: string | undefined;
  /** Called after an exchange with the member that made it: lets a host tie a connection to a peer. */
  readonly onPeerRequest?: ((request: Request, peer: string) => void) | undefined;
  /** Hears of every error that no route foresaw; the client sees only that there was one. */
  readonly onError?: ((error: unknown) => void) | undefined;
  /** This runtime's shorter ways (docs/performance.md); fetch's own objects otherwise. */
  readonly host?: HttpHost | undefined;
}

/**
 * A node's whole HTTP face. The handler takes any request and always resolves with a reply: problem details
 * (RFC 9457) for everything that goes wrong. Throws `bad-credential` for a secret or token that no header can carry.
 */
export function createHandler(
  node: NodeApi,
  store: ValueReader,
  options: HandlerOptions = {},
): (request: Request) => Promise<Response> {
  const host = options.host ?? webHost;
  const router = routes(
    { node, store, host, onPeerRequest: options.onPeerRequest ?? (() => undefined) },
    options,
  );
  const table = router.routes.map(([method, pattern, , path]) => ({ method, pattern, path: path ?? "" }));

  return async (request) => {
    try {
      const reply: Response | undefined = await router.fetch(request);
      return reply ?? unrouted(host, table, request);
    } catch (error) {
      const known = error instanceof RaftLiteError ? error : (fromUrl(request) ?? unexpected(error));
      if (known.code === "internal") options.onError?.(known.cause);
      return problemReply(host, known);
    }
  };
}

function routes(context: HttpContext, options: HandlerOptions) {
  const router = IttyRouter();
  const guard = guards(options);
  const command = commandRoute(context);

  get("/status", guard.client, statusRoute(context));
  post("/command", guard.client, command);
  post("/client", guard.client, command);
  post("/client_command", guard.client, command);
  get("/v1/status/leader", guard.client, leaderRoute(context));
  get("/v1/status/peers", guard.client, peersRoute(context));
  // Load balancers and Prometheus carry no tokens of ours, and neither route shows clients' data.
  get("/health", open, healthRoute(context));
  get("/metrics", open, metricsRoute(context));
  post("/raft", guard.raft, exchangeRoute(context));
  post("/requestVote", guard.raft, singleRoute(context, "RequestVote"));
  post("/request_vote", guard.raft, singleRoute(context, "RequestVote"));
  post("/appendEntries", guard.raft, singleRoute(context, "AppendEntries"));
  post("/append_entries", guard.raft, singleRoute(context, "AppendEntries"));
  post("/timeoutNow", guard.raft, singleRoute(context, "TimeoutNow"));
  post("/timeout_now", guard.raft, singleRoute(context, "TimeoutNow"));
  post("/installSnapshot", guard.raft, snapshotRoute());
  post("/install_snapshot", guard.raft, snapshotRoute());
  return router;

  function get(path: string, allowed: Guard, handler: RouteHandler): void {
    router.get(path, guarded(allowed, handler));
    router.head(path, guarded(allowed, handler));
  }

  function post(path: string, allowed: Guard, handler: RouteHandler): void {
    router.post(path, guarded(allowed, handler));
  }
}

const open: Guard = () => undefined;

/** The guard sees the request before anything is parsed or read. */
function guarded(allowed: Guard, handler: RouteHandler) {
  return (request: IRequest) => {
    allowed(request);
    return handler(request as RoutedRequest);
  };
}

/** The router parses the URL first; a host header such as `h:99999` makes that fail. */
function fromUrl(request: Request): RaftLiteError | undefined {
  if (URL.canParse(request.url)) return undefined;
  return new RaftLiteError("bad-url", "the request's host or path is not a valid URL", { status: 400 });
}
