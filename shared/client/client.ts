import type { Entry } from "./entry.ts";
import { badInput } from "./errors.ts";
import type { Send } from "./exchange.ts";
import { checkCount, checkFetch, checkMs, checkToken, nodeUrls } from "./input.ts";
import type { KnownNode } from "./nodes.ts";
import { Nodes } from "./nodes.ts";
import type { CommandResult, Health, NodeStatus } from "./observe.ts";
import { commandCall, healthCall, leaderCall, membersCall, statusCall } from "./observe.ts";
import type { Call, Connection, Terms } from "./perform.ts";
import { perform } from "./perform.ts";
import { getCall, keysCall, listCall } from "./reads.ts";
import type { Watch, WatchedKey, WatchedPrefix, WatchOptions } from "./watch.ts";
import { watchKey, watchPrefix } from "./watch.ts";
import type { BatchResult, Operation, WriteResult } from "./writes.ts";
import { batchCall, writeCall } from "./writes.ts";

export interface ClientOptions {
  /** URLs of the cluster's nodes, as they are reached from here; a path prefix may be part of them. */
  readonly nodes: readonly string[];
  /** What the nodes' `--token-file` asks of clients. It goes to these nodes and to nobody else. */
  readonly token?: string | undefined;
  /** What carries requests; `globalThis.fetch` if nothing is said. */
  readonly fetch?: Send | undefined;
  /** How long a call may take, all its attempts together; 10,000 ms if nothing is said. */
  readonly timeoutMs?: number | undefined;
  /** Send writes again of which nobody knows whether they were carried out. They may then be carried out twice. */
  readonly retryUnknown?: boolean | undefined;
}

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  /** How long this call may take, all its attempts together. */
  readonly timeoutMs?: number | undefined;
}

export interface ReadOptions extends CallOptions {
  /** Take what the node has at hand, however old that is: faster, and answered without a leader. */
  readonly stale?: boolean | undefined;
}

export interface WriteOptions extends CallOptions {
  /** As of the client, for this call alone. */
  readonly retryUnknown?: boolean | undefined;
}

export interface PutOptions extends WriteOptions {
  /** Only if the key's `modifyIndex` is this; 0: only if the key is absent. */
  readonly cas?: number | undefined;
  /** A number of your own, kept with the value: 0 to 2^53-1. */
  readonly flags?: number | undefined;
}

export interface NodeOptions extends CallOptions {
  /** One of the client's nodes; any of them if nothing is said. */
  readonly node?: string | undefined;
}

const DEFAULT_TIMEOUT_MS = 10_000;
/** A node waits no longer, whatever it is asked. */
const LONGEST_WAIT_MS = 600_000;

/**
 * A client of a Raft Lite cluster, for Node, Workers and browsers. It holds no connection and needs no closing.
 * Throws ClientError `bad-nodes`, `bad-token` or `bad-timeout`.
 */
export function createClient(options: ClientOptions): Client {
  return new Client(options);
}

/**
 * All methods reject with ClientError, and with UnknownOutcomeError where a write may have been carried out; after an
 * abort that certainly changed nothing, with the signal's reason. What may be sent again is, until `timeoutMs` is over.
 */
export class Client {
  readonly #connection: Connection;
  readonly #timeoutMs: number;
  readonly #retryUnknown: boolean;

  constructor({ nodes, token, fetch, timeoutMs, retryUnknown = false }: ClientOptions) {
    checkToken(token);
    checkMs("timeoutMs", timeoutMs);
    checkFetch(fetch);
    this.#connection = {
      nodes: new Nodes(nodeUrls(nodes)),
      // Looked up at each request: programs replace it.
      send: fetch ?? ((request) => globalThis.fetch(request)),
      headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
    };
    this.#timeoutMs = timeoutMs ?? DEFAULT_TIMEOUT_MS;
    this.#retryUnknown = retryUnknown;
  }

  // ---- reading ----

  /** What is stored under a key; null when there is no such key. Linearizable, unless `stale`. */
  async get(key: string, options: ReadOptions = {}): Promise<Entry | null> {
    return (await this.#perform(getCall(key, options.stale), options)).value;
  }

  /** All entries whose key begins with `prefix`, in the order of their keys' bytes: one consistent picture. */
  async list(prefix: string, options: ReadOptions = {}): Promise<readonly Entry[]> {
    return (await this.#perform(listCall(prefix, options.stale), options)).value;
  }

  /**
   * All keys that begin with `prefix`, in the order of their bytes. With a `separator` only up to and including the
   * first one after the prefix, and each of these once: a directory.
   */
  async keys(
    prefix: string,
    options: ReadOptions & { readonly separator?: string | undefined } = {},
  ): Promise<readonly string[]> {
    return (await this.#perform(keysCall(prefix, options.separator, options.stale), options)).value;
  }

  /**
   * The states of a key, or of everything below a prefix: the present one, and then each time it has changed the newest
   * one. Goes on through crashes, restarts and changes of leader; no state comes twice in a row, and the newest always
   * comes. A slow reader misses states in between, and nothing is read ahead of it.
   *
   * Ends when the reader leaves the loop. Rejects with the signal's reason when that fires (as Node's own iterators
   * do), and with ClientError for what will not mend by itself: bad input, a wrong token, something that is no node.
   */
  watch(key: string, options?: WatchOptions): Watch<WatchedKey>;
  watch(below: { readonly prefix: string }, options?: WatchOptions): Watch<WatchedPrefix>;
  watch(
    subject: string | { readonly prefix: string },
    options: WatchOptions = {},
  ): Watch<WatchedKey> | Watch<WatchedPrefix> {
    checkCount("from", options.from);
    checkMs("waitMs", options.waitMs, LONGEST_WAIT_MS);
    if (typeof subject === "string") return watchKey(this.#connection, subject, this.#timeoutMs, options);
    return watchPrefix(this.#connection, subject?.prefix, this.#timeoutMs, options);
  }

  // ---- writing ----

  /** Stores a value. `ok` is false only where `cas` did not hold. */
  async put(key: string, value: string | Uint8Array, options: PutOptions = {}): Promise<WriteResult> {
    const { cas, flags } = options;
    return await this.#perform(writeCall({ put: key, value, cas, flags }), options);
  }

  /** Deletes a key. `ok` is false only where `cas` did not hold; an absent key counts as deleted. */
  async delete(
    key: string,
    options: WriteOptions & { readonly cas?: number | undefined } = {},
  ): Promise<WriteResult> {
    return await this.#perform(writeCall({ delete: key, cas: options.cas }), options);
  }

  /** Deletes everything whose key begins with `prefix`; "" is everything there is. */
  async deleteAll(prefix: string, options: WriteOptions = {}): Promise<WriteResult> {
    return await this.#perform(writeCall({ delete: prefix, recurse: true }), options);
  }

  /** Up to 4096 operations in one request, each seeing what those before it did; `atomic`: all of them or none. */
  async batch(
    operations: readonly Operation[],
    options: WriteOptions & { readonly atomic?: boolean | undefined } = {},
  ): Promise<BatchResult> {
    return await this.#perform(batchCall(operations, options.atomic), options);
  }

  /** A text command: `SET x=5`, `GET x`, `DEL x`, `CAS x 5 6`. */
  async command(cmd: string, options: WriteOptions = {}): Promise<CommandResult> {
    return await this.#perform(commandCall(cmd), options);
  }

  // ---- the cluster ----

  /** A node's view of itself. `log`: how many of the newest commands to show. */
  async status(
    options: NodeOptions & { readonly log?: number | "all" | undefined } = {},
  ): Promise<NodeStatus> {
    if (options.log !== "all") checkCount("log", options.log);
    return await this.#perform(statusCall(this.#node(options), options.log), options);
  }

  /** Whether a node can serve. */
  async health(options: NodeOptions = {}): Promise<Health> {
    return await this.#perform(healthCall(this.#node(options)), options);
  }

  /** The leader's address as the cluster knows it, which may lead nowhere from here; null when none is known. */
  async leader(options: CallOptions = {}): Promise<string | null> {
    return await this.#perform(leaderCall(), options);
  }

  /** All members' addresses as the cluster knows them. */
  async members(options: CallOptions = {}): Promise<readonly string[]> {
    return await this.#perform(membersCall(), options);
  }

  #node({ node: url }: NodeOptions): KnownNode | null {
    if (url === undefined) return null;
    const [wanted] = nodeUrls([url]);
    const found = this.#connection.nodes.all.find((node) => node.url === wanted);
    if (found === undefined) throw badInput("bad-nodes", `${wanted} is none of this client's nodes`);
    return found;
  }

  async #perform<Value>(call: Call<Value>, options: WriteOptions): Promise<Value> {
    checkMs("timeoutMs", options.timeoutMs);
    const terms: Terms = {
      timeoutMs: options.timeoutMs ?? this.#timeoutMs,
      signal: options.signal,
      retryUnknown: options.retryUnknown ?? this.#retryUnknown,
    };
    return await perform(this.#connection, call, terms);
  }
}
