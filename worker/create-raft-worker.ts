import { usageError } from "../shared/config/usage-error.ts";
import { RaftLiteError } from "../shared/errors.ts";
import { webHost } from "../shared/http/host.ts";
import { problemReply } from "../shared/http/problem.ts";
import { isRouteSegment } from "../shared/ids.ts";
import { checkBinding } from "./binding.ts";
import type { Config, ConfiguredNode } from "./config.ts";
import { badConfiguration } from "./config.ts";
import { DEFAULT_BINDING } from "./defaults.ts";
import { drain } from "./drain.ts";
import { Front } from "./front.ts";
import { PATH_HEADER } from "./headers.ts";
import { loadEnvironment } from "./load-environment.ts";
import type { ObjectNamespace } from "./platform.ts";

export interface RaftWorkerOptions {
  /** Name of the binding of the cluster's objects in wrangler.toml; `RAFT` unless given. */
  readonly binding?: string | undefined;
  /**
   * Path under which your Worker serves the cluster, e.g. `/raft`: `/raft/A/status` is `/status` of node A then. It must
   * begin with a slash and not end with one. Left out: the cluster has all paths.
   */
  readonly path?: string | undefined;
  /**
   * First segments of the paths that the option `fetch` of `createRaftObject` answers, e.g. `["tally"]`: `/tally` goes to
   * whichever node the Worker picks, as `/status` does. Without being named here they are reached as `/A/tally` alone.
   */
  readonly routes?: readonly string[] | undefined;
}

/** The Worker in front of a cluster's objects. */
export interface RaftWorker {
  /**
   * Answers a client. Never rejects: problem details for all that goes wrong, among it 500 `bad-configuration` for what
   * is missing or wrong in `env`, which is what the platform hands to a Worker, unchanged.
   */
  fetch(request: Request, env: object): Promise<Response>;
}

/** The platform repeats what certainly did not arrive, and never has anything carried out twice. Once is enough. */
const retry = { maxRetries: 1, timeoutMs: 2000 };

/**
 * Makes what a Worker exports as its default, or calls from a handler of its own. `/A/status` is `/status` of node A;
 * without a node's name the Worker picks one: the leader, where it knows who leads.
 *
 * Throws `wrong-usage` for options that cannot be.
 */
export function createRaftWorker(options: RaftWorkerOptions = {}): RaftWorker {
  const { binding = DEFAULT_BINDING, path = "", routes = [] } = options;
  checkBinding(binding);
  checkPath(path);
  checkRoutes(routes);
  const fronts = new WeakMap<object, Front | RaftLiteError>();

  /** One for all requests of a run: it remembers who leads. */
  function frontOf(env: object): Front | RaftLiteError {
    const known = fronts.get(env);
    if (known !== undefined) return known;
    const front = createFront(env);
    fronts.set(env, front);
    return front;
  }

  function createFront(env: object): Front | RaftLiteError {
    const environment = loadEnvironment(env, binding);
    if (environment instanceof RaftLiteError) return environment;
    const { config, objects } = environment;
    const problem = ambiguous(config, routes);
    if (problem !== null) return problem;
    const call = (node: ConfiguredNode, request: Request) => ask(objects, node, request, path);
    return new Front(config, call, { path, routes });
  }

  return {
    async fetch(request, env) {
      const front = frontOf(env);
      if (front instanceof Front) return await front.handle(request);
      await drain(request);
      return problemReply(webHost, front);
    },
  };
}

function ask(
  objects: ObjectNamespace,
  { id, url, location }: ConfiguredNode,
  request: Request,
  path: string,
): Promise<Response> {
  if (url !== null) {
    // A node answers for itself: whoever sends elsewhere is none of ours, and must not get the client's token passed on.
    return fetch(
      request.url.replace(/^[a-z]+:\/\/[^/]+/i, url),
      new Request(request, { redirect: "manual" }),
    );
  }
  const stub = objects.getByName(id, location === null ? { retry } : { retry, locationHint: location });
  return stub.fetch(withPath(request, path));
}

/** What a client sends under that name counts for nothing. */
function withPath(request: Request, path: string): Request {
  if (path === "" && !request.headers.has(PATH_HEADER)) return request;
  const told = new Request(request);
  told.headers.set(PATH_HEADER, path);
  return told;
}

function checkPath(path: unknown): void {
  const isPath = path === "" || (typeof path === "string" && /^(\/[\w.~-]+)+$/.test(path));
  // A URL is resolved before a Worker sees it.
  if (isPath && !/\/\.{1,2}(\/|$)/.test(path)) return;
  throw usageError(
    `path: ${JSON.stringify(path)} is no path to serve a cluster under: write e.g. "/raft", of the characters A-Z a-z ` +
      "0-9 - . _ ~ and slashes, without one at the end",
  );
}

function checkRoutes(routes: unknown): void {
  if (!Array.isArray(routes)) throw usageError('routes must be a list of words, e.g. ["tally"]');
  for (const route of routes as unknown[]) {
    const shown = JSON.stringify(route);
    if (typeof route !== "string" || !/^[\w.~-]+$/.test(route)) {
      throw usageError(`routes: ${shown} is not the first segment of a path: write e.g. "tally" for /tally`);
    }
    if (isRouteSegment(route)) throw usageError(`routes: ${shown} is a route of every node already`);
  }
}

function ambiguous({ nodes }: Config, routes: readonly string[]): RaftLiteError | null {
  const node = nodes.find(({ id }) => routes.includes(id));
  if (node === undefined) return null;
  const error = badConfiguration(
    `RAFT_NODES: "${node.id}" is a route of this Worker (createRaftWorker, routes), so no node can have that name`,
  );
  console.error(`raft-lite: ${error.message}`);
  return error;
}
