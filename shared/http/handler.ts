import type { IRequest } from "itty-router";
import { IttyRouter } from "itty-router";
import { RaftLiteError } from "../errors.ts";
import type { NodeApi } from "../node/api.ts";
import type { Guard } from "./auth.ts";
import { guards } from "./auth.ts";
import { commandRoute } from "./command-route.ts";
import type { HttpContext, NodeContext, RoutedRequest, RouteHandler, StoreReader } from "./context.ts";
import type { HttpHost } from "./host.ts";
import { webHost } from "./host.ts";
import { kvBatchRoute } from "./kv-batch-route.ts";
import { KV_BATCH_PATH, KV_PATH } from "./kv-key.ts";
import { kvReadRoute } from "./kv-read-route.ts";
import { kvDeleteRoute, kvPutRoute } from "./kv-write-routes.ts";
import { healthRoute, leaderRoute, metricsRoute, peersRoute, statusRoute } from "./observe-routes.ts";
import { problemReply, unexpected } from "./problem.ts";
import { exchangeRoute, singleRoute, snapshotRoute } from "./raft-routes.ts";
import { textCommandRoute } from "./text-command-route.ts";
import { unrouted } from "./unrouted.ts";

export interface HandlerOptions {
  /** Guards the Raft routes, where set (`authorization: Bearer SECRET`). */
  readonly secret?: string | undefined;
  /** Guards the clients' routes, where set: all but the Raft routes, /health and /metrics. */
  readonly token?: string | undefined;
  /** The Raft routes take nobody in (403 `raft-routes-closed`) unless a secret is set. */
  readonly closesRaftRoutes?: boolean | undefined;
  /** The Raft routes take nobody in, secret or not (403 `raft-routes-closed`): a listener for clients alone. */
  readonly clientsOnly?: boolean | undefined;
  /** Called after an exchange with the member that made it: lets a host tie a connection to a peer. */
  readonly onPeerRequest?: ((request: Request, peer: string) => void) | undefined;
  /** Hears of every error that no route foresaw; the client sees only that there was one. */
  readonly onError?: ((error: unknown) => void) | undefined;
  /** This runtime's shorter ways (docs/performance.md); fetch's own objects otherwise. */
  readonly host?: HttpHost | undefined;
  /**
   * Makes a text a command of a state machine that is not the key-value store (`StateMachine.acceptText`): POST /command
   * is served then.
   */
  readonly acceptText?: ((text: string) => Uint8Array) | undefined;
  /** Routes of the program that the node is a part of. */
  readonly fetch?: OwnRoutes | undefined;
}

/**
 * Is asked for what no route of the node takes; undefined: not one of mine either. A token, where set, guards these
 * routes too. RaftLiteErrors are answered as problem details. Bodies are not limited here.
 */
export type OwnRoutes = (request: Request) => Response | undefined | Promise<Response | undefined>;

/**
 * A node's whole HTTP face; without a store there are no routes for keys and values. The handler takes any request and
 * always resolves with a reply: problem details (RFC 9457) for everything that goes wrong. Throws `bad-credential` for
 * a secret or token that no header can carry.
 */
export function createHandler(
  node: NodeApi,
  store: StoreReader | null,
  options: HandlerOptions = {},
): (request: Request) => Promise<Response> {
  const host = options.host ?? webHost;
  const guard = guards(options);
  const context = { node, host, onPeerRequest: options.onPeerRequest ?? (() => undefined) };
  const router = routes(context, store, guard, options);
  const shortcut = shortcuts(host, router.routes);
  const table = router.routes
    .filter(([method]) => method !== "ALL")
    .map(([method, pattern, , path]) => ({ method, pattern, path: path ?? "" }));

  return async (request) => {
    try {
      const route = shortcut(request);
      const reply: Response | undefined = await (route ? route(request as IRequest) : router.fetch(request));
      return reply ?? (await ownReply(request)) ?? unrouted(host, table, request);
    } catch (error) {
      const known = error instanceof RaftLiteError ? error : (fromUrl(request) ?? unexpected(error));
      if (known.code === "internal") options.onError?.(known.cause);
      return problemReply(host, known);
    }
  };

  async function ownReply(request: Request): Promise<Response | undefined> {
    if (options.fetch === undefined) return undefined;
    guard.client(request);
    return await options.fetch(request);
  }
}

function routes(
  context: NodeContext,
  store: StoreReader | null,
  guard: Record<"client" | "raft", Guard>,
  { acceptText, clientsOnly = false }: HandlerOptions,
) {
  const router = IttyRouter();
  get("/status", guard.client, statusRoute(context));
  if (store !== null) storeRoutes({ ...context, store });
  else if (acceptText !== undefined) commandRoutes(textCommandRoute(context, acceptText));
  get("/v1/status/leader", guard.client, leaderRoute(context));
  get("/v1/status/peers", guard.client, peersRoute(context));
  // Load balancers and Prometheus carry no tokens of ours, and neither route shows clients' data.
  get("/health", open, healthRoute(context));
  get("/metrics", open, metricsRoute(context));
  raft("/raft", exchangeRoute(context));
  raft("/requestVote", singleRoute(context, "RequestVote"));
  raft("/request_vote", singleRoute(context, "RequestVote"));
  raft("/appendEntries", singleRoute(context, "AppendEntries"));
  raft("/append_entries", singleRoute(context, "AppendEntries"));
  raft("/timeoutNow", singleRoute(context, "TimeoutNow"));
  raft("/timeout_now", singleRoute(context, "TimeoutNow"));
  raft("/installSnapshot", snapshotRoute());
  raft("/install_snapshot", snapshotRoute());
  return router;

  function storeRoutes(context: HttpContext): void {
    commandRoutes(commandRoute(context));
    const read = kvReadRoute(context);
    kv("GET", KV_PATH, "/v1/kv/KEY", read);
    kv("HEAD", KV_PATH, "/v1/kv/KEY", read);
    kv("PUT", KV_PATH, "/v1/kv/KEY", kvPutRoute(context));
    kv("DELETE", KV_PATH, "/v1/kv/KEY", kvDeleteRoute(context));
    kv("POST", KV_BATCH_PATH, "/v1/kv", kvBatchRoute(context));
  }

  function commandRoutes(command: RouteHandler): void {
    post("/command", guard.client, command);
    post("/client", guard.client, command);
    post("/client_command", guard.client, command);
  }

  function get(path: string, allowed: Guard, handler: RouteHandler): void {
    router.get(path, guarded(allowed, handler));
    router.head(path, guarded(allowed, handler));
  }

  function post(path: string, allowed: Guard, handler: RouteHandler): void {
    router.post(path, guarded(allowed, handler));
  }

  /** Closed to every method alike where they are closed for good: whoever comes, an upgrade included, is told why. */
  function raft(path: string, handler: RouteHandler): void {
    if (clientsOnly) router.all(path, guarded(guard.raft, handler));
    else post(path, guard.raft, handler);
  }

  /** By patterns of their own: the router's let slashes at the end pass, which are part of a key. */
  function kv(method: string, pattern: RegExp, path: string, handler: RouteHandler): void {
    router.routes.push([method, pattern, [guarded(guard.client, handler)], path]);
  }
}

/**
 * Finds what nearly all requests ask for by their path alone, without a URL being made of it and without trying route
 * by route. undefined: the router must look.
 */
function shortcuts(
  host: HttpHost,
  entries: ReturnType<typeof IttyRouter>["routes"],
): (request: Request) => ReturnType<typeof guarded> | undefined {
  const exact = new Map<string, ReturnType<typeof guarded>>();
  const keyed = new Map<string, ReturnType<typeof guarded>>();
  for (const [method, pattern, [handler], path] of entries) {
    if (handler === undefined) continue;
    if (pattern === KV_PATH) keyed.set(method, handler);
    else exact.set(`${method} ${path}`, handler);
  }
  return (request) => {
    const path = host.plainPath?.(request);
    // What was sent decides where it is known: `/v1/kv/..` names a key, and a URL would lead elsewhere.
    if ((path ?? host.sentPath?.(request))?.startsWith("/v1/kv/")) return keyed.get(request.method);
    return path === undefined ? undefined : exact.get(`${request.method} ${path}`);
  };
}

const NO_PARAMETERS = new URLSearchParams();

const open: Guard = () => undefined;

/** The guard sees the request before anything is parsed or read. */
function guarded(allowed: Guard, handler: RouteHandler) {
  return (request: IRequest) => {
    allowed(request);
    // The router's own `query` forgets an empty value when another follows: `?cas=&cas=5`.
    const parameters = request.url.includes("?") ? new URL(request.url).searchParams : NO_PARAMETERS;
    return handler(Object.assign(request as unknown as RoutedRequest, { parameters }));
  };
}

/** The router parses the URL first; a host header such as `h:99999` makes that fail. */
function fromUrl(request: Request): RaftLiteError | undefined {
  if (URL.canParse(request.url)) return undefined;
  return new RaftLiteError("bad-url", "the request's host or path is not a valid URL", { status: 400 });
}
