import { createHandler } from "../shared/http/handler.ts";
import { EmbeddedNode } from "../shared/node/embedded-node.ts";
import { LogLines } from "../shared/node/log-lines.ts";
import { RaftNode } from "../shared/node/node.ts";
import type { Transport } from "../shared/node/ports.ts";
import type { StateMachine } from "../shared/node/state-machine.ts";
import type { DurableStorage } from "../shared/storage/port.ts";
import { KeyValueStore } from "../shared/store/key-value-store.ts";
import type { Addresses } from "./addresses.ts";
import type { Config } from "./config.ts";
import { COMMIT_NOTICE_MS, MAX_WAITING_BYTES, PARTS_PER_TURN } from "./defaults.ts";
import { disagreements } from "./disagreements.ts";
import { drainingHost } from "./drain.ts";
import { objectHost } from "./object-host.ts";
import { presented } from "./presented-node.ts";

type Handler = (request: Request) => Promise<Response>;

/** URLs of the Worker for which a handler is kept. */
const MOST_URLS = 16;

/** Routes of the program that the node is a part of (`RaftObjectOptions.fetch`). */
export type ProgramRoutes<Machine extends StateMachine> = (
  request: Request,
  node: EmbeddedNode<Machine>,
) => Response | undefined | Promise<Response | undefined>;

export interface RunningNodeParts<Machine extends StateMachine> {
  readonly id: string;
  readonly config: Config;
  readonly addresses: Addresses;
  readonly storage: DurableStorage;
  readonly transport: Transport;
  readonly stateMachine: Machine;
  readonly fetch: ProgramRoutes<Machine> | undefined;
  /** The node had fallen silent when it lost its memory. */
  readonly quiet: boolean;
  /** It has fallen silent, or is needed again. */
  readonly onSilence: (isQuiet: boolean) => void;
  /** The node cannot go on: what it holds in memory is not to be trusted any more. */
  readonly onFatal: (error: unknown) => void;
}

/** A node that runs in an object: the node itself, its log lines and its HTTP face. */
export class RunningNode<Machine extends StateMachine> {
  readonly node: RaftNode;
  readonly embedded: EmbeddedNode<Machine>;
  readonly #parts: RunningNodeParts<Machine>;
  readonly #announce: () => void;
  readonly #handlers = new Map<string, Handler>();

  private constructor(node: RaftNode, parts: RunningNodeParts<Machine>, announce: () => void) {
    this.node = node;
    this.embedded = new EmbeddedNode(node, parts.stateMachine);
    this.#parts = parts;
    this.#announce = announce;
  }

  /**
   * Restores the node from its storage. A long log is verified in parts, with turns for others in between. Throws what
   * `RaftNode.open` throws.
   */
  static async open<Machine extends StateMachine>(
    parts: RunningNodeParts<Machine>,
  ): Promise<RunningNode<Machine>> {
    const { id, config, addresses, storage, stateMachine } = parts;
    const lines = new LogLines({
      id,
      format: config.log === "json" ? "json" : "text",
      verbose: config.log === "verbose",
      wallTime: () => Date.now(),
      write: (line) => console.log(line),
    });
    const host = objectHost(parts.transport, (now) => lines.poll(now));
    const address = addresses.of(id);
    const node = await RaftNode.open({
      id,
      peers: addresses.peersOf(id),
      advertise: address,
      fallbackAddress: () => address,
      timings: config.timings,
      storage,
      stateMachine,
      host,
      onEvent: (event) => {
        lines.report(event);
        const { type } = event.trace;
        if (type === "quiet" || type === "awake") parts.onSilence(type === "quiet");
      },
      countEntries: lines.count.bind(lines),
      onFatal: parts.onFatal,
      limits: {
        commitNoticeMs: COMMIT_NOTICE_MS,
        maxUncommittedBytes: 2 * MAX_WAITING_BYTES,
        quiesceAfterMs: config.quiesceAfterMs,
      },
      electionPriority: config.electionPriority,
      quiet: parts.quiet,
      maxWaitingBytes: MAX_WAITING_BYTES,
      whileOpening: turnAfter(PARTS_PER_TURN),
    });
    return new RunningNode(node, parts, () => {
      const now = host.clock.now();
      lines.report({ now, trace: { type: "started", port: null } });
      for (const { id: peer, address, message } of disagreements(config.nodes, id, node.status(0).raft)) {
        lines.report({ now, trace: { type: "refused", peer, address, code: "members-differ", message } });
      }
    });
  }

  /** Begins to take part. */
  start(): void {
    this.node.start();
    this.#announce();
  }

  /** Id of the leader that this node knows; null when it knows none. */
  get leader(): string | null {
    return this.node.leader;
  }

  /** Answers a request from outside, of a Worker that serves the cluster under `path`; never rejects. */
  handle(request: Request, path: string): Promise<Response> {
    const { origin } = new URL(request.url);
    return this.#handlerFor(origin + path)(request);
  }

  #handlerFor(workerUrl: string): Handler {
    const known = this.#handlers.get(workerUrl);
    if (known !== undefined) return known;
    const { addresses, config, id, stateMachine, fetch } = this.#parts;
    const show = (address: string) => addresses.shown(address, workerUrl);
    const store = stateMachine instanceof KeyValueStore ? stateMachine : null;
    const handler = createHandler(presented(this.node, show), store, {
      secret: config.secret,
      token: config.token,
      closesRaftRoutes: true,
      host: drainingHost,
      acceptText: stateMachine.acceptText && ((text) => stateMachine.acceptText!(text)),
      fetch: fetch && ((request) => fetch(request, this.embedded)),
      onError: (error) => console.error(`[Node ${id}] ${errorLine(error)}`),
    });
    if (this.#handlers.size >= MOST_URLS) this.#handlers.clear();
    this.#handlers.set(workerUrl, handler);
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
