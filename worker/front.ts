import { RaftLiteError } from "../shared/errors.ts";
import { webHost } from "../shared/http/host.ts";
import { CLIENT_BODY_LIMIT_BYTES } from "../shared/http/limits.ts";
import { problemReply, unexpected } from "../shared/http/problem.ts";
import { isRouteSegment } from "../shared/ids.ts";
import type { Config, ConfiguredNode } from "./config.ts";
import { drain } from "./drain.ts";
import { LEADER_HEADER, NOT_RUNNING_HEADER } from "./headers.ts";

/** Sends a request to the object of that name. Rejects when the object died or cannot be reached. */
export type CallObject = (node: ConfiguredNode, request: Request) => Promise<Response>;

/** A node's answer, and what it says for the Worker alone. */
interface Answer {
  readonly response: Response;
  /** The node runs; false: it has certainly not carried out what it was asked. */
  readonly isRunning: boolean;
}

/** How the Worker that a front serves is laid out (create-raft-worker.ts). */
export interface FrontOptions {
  readonly path: string;
  readonly routes: readonly string[];
}

/**
 * The Worker in front of the objects: `/A/status` is `/status` of node A, `/status` that of whichever node it picks.
 * It remembers who leads, by a header of the objects' replies, so that most requests go there without a second hop.
 */
export class Front {
  readonly #config: Config;
  readonly #call: CallObject;
  readonly #options: FrontOptions;
  #leader: string | null = null;
  #turn = 0;

  constructor(config: Config, call: CallObject, options: FrontOptions = { path: "", routes: [] }) {
    this.#config = config;
    this.#call = call;
    this.#options = options;
  }

  /** Never rejects. */
  async handle(request: Request): Promise<Response> {
    try {
      return await this.#handle(request);
    } catch (error) {
      await drain(request);
      return problemReply(webHost, error instanceof RaftLiteError ? error : unexpected(error));
    }
  }

  async #handle(request: Request): Promise<Response> {
    const { path, routes } = this.#options;
    return await this.#route(path === "" ? request : below(path, request), routes);
  }

  async #route(request: Request, routes: readonly string[]): Promise<Response> {
    const { origin, pathname } = new URL(request.url);
    const first = pathname.split("/", 2)[1] ?? "";
    const node = this.#config.nodes.find(({ id }) => id === first);
    if (node !== undefined) {
      const path = request.url.slice(origin.length + 1 + first.length);
      const url = `${origin}${path.startsWith("/") ? "" : "/"}${path}`;
      return (await this.#ask(node, new Request(url, request))).response;
    }
    if (first === "chaos" && this.#config.chaos) throw this.#unnamed();
    if (first !== "" && !isRouteSegment(first) && !routes.includes(first)) throw this.#unknown(first);
    return await this.#askAny(request);
  }

  async #ask(node: ConfiguredNode, request: Request): Promise<Answer> {
    let response: Response;
    try {
      response = await this.#call(node, request);
    } catch (error) {
      if (this.#leader === node.id) this.#leader = null;
      throw unreachable(node.id, error);
    }
    if (node.url !== null) return { response, isRunning: true };
    const leader = response.headers.get(LEADER_HEADER);
    const isRunning = !response.headers.has(NOT_RUNNING_HEADER);
    if (leader !== null) this.#leader = leader;
    else if (this.#leader === node.id) this.#leader = null;
    const bare = new Response(response.body, response);
    bare.headers.delete(LEADER_HEADER);
    bare.headers.delete(NOT_RUNNING_HEADER);
    return { response: bare, isRunning };
  }

  /** Asks one node, and another only where the first has certainly done nothing. */
  async #askAny(request: Request): Promise<Response> {
    const repeat = await repeatable(request);
    const isSafe = isRead(request);
    let last: Answer | null = null;
    let failure: unknown = null;
    for (const node of this.#inOrder()) {
      try {
        last = await this.#ask(node, repeat === null ? request : repeat());
      } catch (error) {
        if (!isSafe) throw error;
        failure = error;
        continue;
      }
      if (last.isRunning || repeat === null) return last.response;
    }
    if (last === null) throw failure;
    return last.response;
  }

  /** The leader, then the others, beginning with another one each time. Nodes elsewhere last: they are further away. */
  #inOrder(): ConfiguredNode[] {
    const { nodes } = this.#config;
    const start = this.#turn++ % nodes.length;
    const turned = [...nodes.slice(start), ...nodes.slice(0, start)];
    const rank = ({ id, url }: ConfiguredNode) => (id === this.#leader ? 0 : url === null ? 1 : 2);
    return turned.sort((a, b) => rank(a) - rank(b));
  }

  #unknown(name: string): RaftLiteError {
    const nodes = this.#config.nodes.map(({ id }) => id);
    const message = `there is no node and no route of the name "${name}"; the nodes are ${nodes.join(", ")}`;
    return new RaftLiteError("unknown-node", message, { status: 404, details: { nodes } });
  }

  #unnamed(): RaftLiteError {
    const nodes = this.#config.nodes.map(({ id }) => id);
    const message = `name the node: ${this.#options.path}/${nodes[0]}/chaos/stop; the nodes are ${nodes.join(", ")}`;
    return new RaftLiteError("unknown-node", message, { status: 404, details: { nodes } });
  }
}

/** The request without the path under which the cluster is served. Throws `unknown-route` for one of another path. */
function below(path: string, request: Request): Request {
  const { origin, pathname } = new URL(request.url);
  if (pathname !== path && !pathname.startsWith(`${path}/`)) {
    const message = `the cluster is served under ${path}, e.g. ${path}/status`;
    throw new RaftLiteError("unknown-route", message, { status: 404 });
  }
  const rest = request.url.slice(origin.length + path.length);
  return new Request(`${origin}${rest.startsWith("/") ? "" : "/"}${rest}`, request);
}

/**
 * Makes the request again each time it is called; null where that would take keeping more than a client may send. A
 * body of unknown length is passed on as it comes.
 */
async function repeatable(request: Request): Promise<(() => Request) | null> {
  // What comes with a read means nothing, and no request of fetch can be made with it.
  if (isRead(request)) {
    await drain(request);
    const { method, headers, url, signal } = request;
    return () => new Request(url, { method, headers, signal, redirect: "manual" });
  }
  if (request.body === null) return () => new Request(request);
  const length = Number(request.headers.get("content-length") ?? Number.NaN);
  if (!(length <= CLIENT_BODY_LIMIT_BYTES)) return null;
  const body = await webHost.readBody(request, CLIENT_BODY_LIMIT_BYTES);
  const { method, headers, url, signal } = request;
  return () => new Request(url, { method, headers, body: body as BodyInit, signal, redirect: "manual" });
}

function isRead({ method }: Request): boolean {
  return method === "GET" || method === "HEAD";
}

function unreachable(id: string, cause: unknown): RaftLiteError {
  const message = `node ${id} does not answer, or died while it did; it may have carried out what it was asked`;
  return new RaftLiteError("node-unreachable", message, {
    status: 503,
    details: { outcome: "unknown" },
    cause,
  });
}
