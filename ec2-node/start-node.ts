import { EmbeddedNode } from "../shared/node/embedded-node.ts";
import { LogLines } from "../shared/node/log-lines.ts";
import type { StateMachine } from "../shared/node/state-machine.ts";
import { KeyValueStore } from "../shared/store/key-value-store.ts";
import { systemClock } from "./clock.ts";
import type { RunningNode } from "./run-node.ts";
import { runNode } from "./run-node.ts";
import type { StartNodeOptions } from "./start-node-options.ts";
import { readStartNodeOptions } from "./start-node-options.ts";

/** How often a summary of log entries that were too many to show may come due. */
const POLL_MS = 250;

/** A node in this process, with its HTTP server. */
export class HostedNode<Machine extends StateMachine> extends EmbeddedNode<Machine> {
  readonly #running: RunningNode;
  readonly #atStop: () => void;
  #stopped: Promise<void> | undefined;

  /** Use `startNode`. */
  constructor(running: RunningNode, stateMachine: Machine, atStop: () => void) {
    super(running.node, stateMachine);
    this.#running = running;
    this.#atStop = atStop;
  }

  /** Base URL by which this machine reaches the node. */
  get url(): string {
    return this.#running.url;
  }

  get port(): number {
    return this.#running.port;
  }

  /** Where clients have a port of their own; null otherwise. */
  get clientPort(): number | null {
    return this.#running.clientPort;
  }

  /**
   * Hands leadership over, answers what can be answered and closes everything, within two seconds. Call it at SIGTERM
   * and SIGINT; a process that is killed instead loses nothing that was acknowledged. May be called again. Rejects when
   * the disk failed.
   */
  stop(): Promise<void> {
    this.#stopped ??= this.#running.stop().finally(this.#atStop);
    return this.#stopped;
  }
}

/**
 * Starts a node of a cluster within this process: storage in `dataDir`, HTTP server, timers, and `stateMachine` on top.
 * Resolves once it listens; `execute` and `read` then wait for a leader by themselves.
 *
 * Throws RaftLiteErrors of one line each: `wrong-usage` and `bad-credential` for options, `port-in-use` and its like,
 * `directory-in-use`, `directory-unusable`, `storage-damaged`, `sqlite-missing` for what is found on this machine.
 */
export async function startNode<Machine extends StateMachine = KeyValueStore>(
  options: StartNodeOptions<Machine>,
): Promise<HostedNode<Machine>> {
  const settings = readStartNodeOptions(options);
  // The type of the state machine is the default one exactly where none is given.
  const stateMachine = options.stateMachine ?? (new KeyValueStore() as StateMachine as Machine);
  const { log, onEvent, fetch } = options;
  const lines =
    log &&
    new LogLines({
      id: settings.id,
      format: "text",
      verbose: false,
      wallTime: systemClock.wallTime,
      write: log,
    });
  const poll = lines && setInterval(() => lines.poll(systemClock.now()), POLL_MS).unref();
  const atStop = () => clearInterval(poll);
  try {
    const running = await runNode(settings, {
      stateMachine,
      fetch:
        fetch &&
        ((node) => {
          const embedded = new EmbeddedNode(node, stateMachine);
          return (request) => fetch(request, embedded);
        }),
      onEvent: (event) => {
        lines?.report(event);
        onEvent?.(event);
      },
      countEntries: onEvent ? undefined : (...counted) => lines?.count(...counted) ?? true,
      onFatal: options.onFatal ?? throwUncaught,
      onRequestError: options.onRequestError,
    });
    return new HostedNode(running, stateMachine, atStop);
  } catch (error) {
    atStop();
    throw error;
  }
}

function throwUncaught(error: unknown): void {
  setImmediate(() => {
    throw error;
  });
}
