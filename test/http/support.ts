import { nodeHttpHost } from "../../ec2-node/http-host.ts";
import { listen } from "../../ec2-node/server.ts";
import type { StoreReader } from "../../shared/http/context.ts";
import type { HandlerOptions } from "../../shared/http/handler.ts";
import { createHandler } from "../../shared/http/handler.ts";
import type { NodeApi, NodeStatus, RequestOptions } from "../../shared/node/api.ts";
import { Bench } from "../store/support.ts";

/** What the routes asked of the node, in order. */
export type Asked =
  | {
      readonly what: "execute";
      readonly schema: number;
      readonly cmd: string;
      readonly options: RequestOptions;
    }
  | { readonly what: "read"; readonly options: RequestOptions }
  | { readonly what: "exchange" | "single"; readonly body: string; readonly type?: string };

export const STATUS: NodeStatus = {
  node: "A",
  state: "Leader",
  term: 3,
  leader: "A",
  log: [
    { term: 3, cmd: "SET x=5" },
    { term: 4, cmd: "SET y=10" },
  ],
  logStart: 0,
  commitIndex: 1,
  raft: {
    clusterId: "c",
    storeId: "s",
    address: "http://127.0.0.1:8000",
    leaderAddress: "http://127.0.0.1:8000",
    clusterSize: 3,
    lastIndex: 7,
    durableIndex: 7,
    commitIndex: 7,
    appliedIndex: 7,
    quiet: false,
    peers: [],
    problem: null,
  },
};

/** A node that carries out everything at once and remembers what it was asked. */
export function fakeNode(overrides: Partial<NodeApi> = {}): NodeApi & { readonly asked: Asked[] } {
  const asked: Asked[] = [];
  return {
    asked,
    id: "A",
    execute: async (schema, bytes, options) => {
      asked.push({ what: "execute", schema, cmd: new TextDecoder().decode(bytes), options });
      return { index: 7, ordinal: 0, term: 3, leader: "A", result: "OK" };
    },
    read: async (options) => {
      asked.push({ what: "read", options });
      return { ordinal: 4, term: 3, leader: "A" };
    },
    wait: async () => "timeout",
    exchange: async (body) => {
      asked.push({ what: "exchange", body: String(body) });
      return { status: 200, body: '{"messages":[]}', peer: "B" };
    },
    single: async (type, body) => {
      asked.push({ what: "single", type, body });
      return { status: 200, body: '{"term":3}', peer: null };
    },
    status: (limit) => ({ ...STATUS, log: STATUS.log.slice(-limit) }),
    health: () => ({ healthy: true }),
    metrics: () => [],
    addresses: () => ({ leader: null, peers: [] }),
    ...overrides,
  };
}

export const EMPTY_STORE: StoreReader = new Bench().store;

/** A store in which every key that `get` knows holds what it says. */
export function storeWith(get: (key: string) => Uint8Array | null): StoreReader {
  return Object.create(EMPTY_STORE, {
    get: {
      value: (key: string) => {
        const value = get(key);
        return value && { value, flags: 0, createRevision: 2, modifyRevision: 2, version: 1 };
      },
    },
  });
}

export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly bytes: Uint8Array;
}

/** One way to reach a handler. */
export interface Face {
  call(
    method: string,
    path: string,
    body?: BodyInit | null,
    headers?: Record<string, string>,
  ): Promise<Reply>;
  close(): Promise<void>;
}

/** `store`: null, as a node has it that runs another state machine; an empty one unless given. */
export type OpenFace = (node: NodeApi, store?: StoreReader | null, options?: HandlerOptions) => Promise<Face>;

/** Called with fetch's own objects, as on Workers. */
async function directFace(...[node, store = EMPTY_STORE, options]: Parameters<OpenFace>): Promise<Face> {
  const handler = createHandler(node, store, options);
  return {
    call: async (method, path, body, headers) =>
      reply(await handler(new Request(`http://node.test${path}`, init(method, body, headers)))),
    close: async () => undefined,
  };
}

/** Over a real socket, through the Node host's server. */
async function socketFace(...[node, store = EMPTY_STORE, options]: Parameters<OpenFace>): Promise<Face> {
  const handler = createHandler(node, store, { ...options, host: nodeHttpHost });
  // As a node does: the lane is for the store's routes.
  const server = await listen({ host: "127.0.0.1", port: 0, handler, hasFastLane: store !== null });
  return {
    call: async (method, path, body, headers) =>
      reply(await fetch(`${server.url}${path}`, init(method, body, headers))),
    close: () => server.close(0),
  };
}

/** Every test of a route runs on both. */
export const FACES: readonly (readonly [name: string, open: OpenFace])[] = [
  ["fetch's own objects", directFace],
  ["the Node host's server", socketFace],
];

function init(
  method: string,
  body: BodyInit | null | undefined,
  headers: Record<string, string> = {},
): RequestInit {
  // `duplex` is required for a streamed body and unknown to the types.
  return { method, body: body ?? null, headers, duplex: "half" } as RequestInit;
}

async function reply(response: Response): Promise<Reply> {
  const bytes = new Uint8Array(await response.arrayBuffer());
  return { status: response.status, headers: response.headers, text: new TextDecoder().decode(bytes), bytes };
}
