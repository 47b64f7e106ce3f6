import { createHandler } from "../shared/http/handler.ts";
import { LogLines } from "../shared/node/log-lines.ts";
import { RaftNode } from "../shared/node/node.ts";
import type { Transport } from "../shared/node/ports.ts";
import type { DurableStorage } from "../shared/storage/port.ts";
import { KeyValueStore } from "../shared/store/key-value-store.ts";
import type { Addresses } from "./addresses.ts";
import type { Config } from "./config.ts";
import { COMMIT_NOTICE_MS, MAX_WAITING_BYTES, PARTS_PER_TURN } from "./defaults.ts";
import { drainingHost } from "./drain.ts";
import { objectHost } from "./object-host.ts";
import { presented } from "./presented-node.ts";

type Handler = (request: Request) => Promise<Response>;

/** Origins for which a handler is kept. */
const MOST_ORIGINS = 16;

export interface RunningNodeParts {
  readonly id: string;
  readonly config: Config;
  readonly addresses: Addresses;
  readonly storage: DurableStorage;
  readonly transport: Transport;
  /** The node cannot go on: what it holds in memory is not to be trusted any more. */
  readonly onFatal: (error: unknown) => void;
}

/** A node that runs in an object: the node itself, its log lines and its HTTP face. */
export class RunningNode {
  readonly node: RaftNode;
  readonly #parts: RunningNodeParts;
  readonly #store: KeyValueStore;
  readonly #announce: () => void;
  readonly #handlers = new Map<string, Handler>();

  private constructor(node: RaftNode, store: KeyValueStore, parts: RunningNodeParts, announce: () => void) {
    this.node = node;
    this.#store = store;
    this.#parts = parts;
    this.#announce = announce;
  }

  /**
   * Restores the node from its storage. A long log is verified in parts, with turns for others in between. Throws what
   * `RaftNode.open` throws.
   */
  static async open(parts: RunningNodeParts): Promise<RunningNode> {
    const { id, config, addresses, storage } = parts;
    const lines = new LogLines({
      id,
      format: config.log === "json" ? "json" : "text",
      verbose: config.log === "verbose",
      wallTime: () => Date.now(),
      write: (line) => console.log(line),
    });
    const host = objectHost(parts.transport, (now) => lines.poll(now));
    const store = new KeyValueStore();
    const address = addresses.of(id);
    const node = await RaftNode.open({
      id,
      peers: addresses.peersOf(id),
      advertise: address,
      fallbackAddress: () => address,
      timings: config.timings,
      storage,
      stateMachine: store,
      host,
      onEvent: (event) => lines.report(event),
      onFatal: parts.onFatal,
      limits: { commitNoticeMs: COMMIT_NOTICE_MS, maxUncommittedBytes: 2 * MAX_WAITING_BYTES },
      maxWaitingBytes: MAX_WAITING_BYTES,
      whileOpening: turnAfter(PARTS_PER_TURN),
    });
    return new RunningNode(node, store, parts, () => {
      lines.report({ now: host.clock.now(), trace: { type: "started", port: null } });
    });
  }

  /** Begins to take part. */
  start(): void {
    this.node.start();
    this.#announce();
  }

  /** Id of the leader that this node knows; null when it knows none. */
  get leader(): string | null {
    const { leader } = this.node.addresses();
    return leader === null ? null : this.#parts.addresses.idAt(leader);
  }

  /** Answers a request from outside; never rejects. */
  handle(request: Request): Promise<Response> {
    const { origin } = new URL(request.url);
    return this.#handlerFor(origin)(request);
  }

  #handlerFor(origin: string): Handler {
    const known = this.#handlers.get(origin);
    if (known !== undefined) return known;
    const { addresses, config, id } = this.#parts;
    const show = (address: string) => addresses.shown(address, origin);
    const handler = createHandler(presented(this.node, show), this.#store, {
      secret: config.secret,
      token: config.token,
      closesRaftRoutes: true,
      host: drainingHost,
      onError: (error) => console.error(`[Node ${id}] ${errorLine(error)}`),
    });
    if (this.#handlers.size >= MOST_ORIGINS) this.#handlers.clear();
    this.#handlers.set(origin, handler);
    return handler;
  }
}

/** Lets others have their turn each time it has been called so often. */
function turnAfter(calls: number): () => Promise<void> | undefined {
  let left = calls;
  return () => {
    if (--left > 0) return undefined;
    left = calls;
    return new Promise((resolve) => setTimeout(resolve, 0));
  };
}

/** An error as one line, for the log. */
export function errorLine(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
