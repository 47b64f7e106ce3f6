import type { OwnRoutes } from "../shared/http/handler.ts";
import { createHandler } from "../shared/http/handler.ts";
import type { Timings } from "../shared/node/defaults.ts";
import type { EntryCounter, NodeEventSink } from "../shared/node/events.ts";
import { RaftNode } from "../shared/node/node.ts";
import type { ListedPeer } from "../shared/node/peer-directory.ts";
import type { Clock } from "../shared/node/ports.ts";
import type { StateMachine } from "../shared/node/state-machine.ts";
import type { ElectionPriority } from "../shared/raft/core.ts";
import { KeyValueStore } from "../shared/store/key-value-store.ts";
import { packageVersion } from "./cli/version.ts";
import { FlightRecorder } from "./flight-recorder.ts";
import { createHost } from "./host.ts";
import { nodeHttpHost } from "./http-host.ts";
import { PeerConnections } from "./peer-connections.ts";
import { PeerStreamsIn } from "./peer-streams-in.ts";
import { PeerTransport } from "./peer-transport.ts";
import type { KnownLeader } from "./peer-watch.ts";
import { PeerWatch } from "./peer-watch.ts";
import { probe } from "./probe.ts";
import { listen } from "./server.ts";
import { openNodeStorage } from "./storage.ts";

/** How a node is to run, checked: by flags (cli/node-options.ts) or by the program it is a part of (start-node.ts). */
export interface NodeSettings {
  readonly id: string;
  /** 0: any free one. */
  readonly port: number;
  /** A second port, on which the nodes' own routes are closed; null: clients come to the same one. 0: any free one. */
  readonly clientPort: number | null;
  /** Name or address of the interface to listen on. */
  readonly host: string;
  /** The others; empty for a single node. */
  readonly peers: readonly ListedPeer[];
  readonly dataDirectory: string;
  /** Where the node records what it does, for `raft-lite verify`; null: nowhere. */
  readonly traceDirectory: string | null;
  /** Base URL that wins over the one by which the peers' lists reach this node. */
  readonly advertise: string | null;
  readonly timings: Timings;
  /** A cluster that this node leads falls silent after so long without work; 0: never. */
  readonly quiesceAfterMs: number;
  readonly electionPriority: ElectionPriority;
  /** Guards the nodes' own routes. */
  readonly secret: string | null;
  /** Guards the clients' routes. */
  readonly token: string | null;
}

/** What the log is applied to, and who hears of what happens. */
export interface NodeParts {
  readonly stateMachine: StateMachine;
  /** Routes beside the node's own. */
  readonly fetch?: ((node: RaftNode) => OwnRoutes) | undefined;
  readonly onEvent: NodeEventSink;
  readonly countEntries?: EntryCounter | undefined;
  /** The node cannot go on: what it holds in memory is not to be trusted any more, end the process. */
  readonly onFatal: (error: unknown) => void;
  /** An error that no route foresaw; its client was told that there was one. */
  readonly onRequestError?: ((error: unknown) => void) | undefined;
}

export interface RunningNode {
  readonly node: RaftNode;
  readonly port: number;
  /** Where clients have a port of their own. */
  readonly clientPort: number | null;
  /** Base URL by which this machine reaches the node. */
  readonly url: string;
  /** Hands over what it leads, answers what it can and closes everything. To be called once. */
  stop(): Promise<void>;
}

/**
 * Starts a node on this machine: storage, server, transport and timer around one RaftNode. Where the state machine is
 * the key-value store, its routes are served too. Resolves once it listens and serves. Throws RaftLiteErrors of one
 * line each when it cannot.
 */
export async function runNode(settings: NodeSettings, parts: NodeParts): Promise<RunningNode> {
  const undo: (() => unknown)[] = [];
  try {
    const storage = openNodeStorage(settings.dataDirectory);
    undo.push(() => storage.close());
    const transport = new PeerTransport({ secret: settings.secret ?? undefined });
    undo.push(() => transport.close());
    const host = createHost(transport);
    const { stateMachine, onEvent, countEntries } = parts;
    const recorder = createRecorder(settings, host.clock, onEvent);
    undo.push(() => recorder?.close());
    let url = "";
    // The port opens last: whoever gets an answer gets it from a node that has read and verified its log.
    const node = await RaftNode.open({
      id: settings.id,
      peers: settings.peers,
      advertise: settings.advertise,
      fallbackAddress: () => url,
      timings: settings.timings,
      limits: { quiesceAfterMs: settings.quiesceAfterMs },
      electionPriority: settings.electionPriority,
      storage,
      stateMachine,
      host,
      onEvent,
      countEntries,
      recorder,
      onFatal: (error) => {
        if (recorder === undefined) parts.onFatal(error);
        // What led to it is worth a moment: the node is silent already.
        else void recorder.close().finally(() => parts.onFatal(error));
      },
    });
    const watch = new PeerWatch(
      () => knownLeader(node),
      probe,
      (peer) => node.peerLost(peer),
    );
    const connections = new PeerConnections((peer) => void watch.connectionClosed(peer));
    const ownRoutes = parts.fetch?.(node);
    const handler = (clientsOnly: boolean) =>
      createHandler(node, stateMachine instanceof KeyValueStore ? stateMachine : null, {
        secret: settings.secret ?? undefined,
        token: settings.token ?? undefined,
        clientsOnly,
        host: nodeHttpHost,
        acceptText: stateMachine.acceptText && ((text) => stateMachine.acceptText!(text)),
        fetch: ownRoutes,
        onPeerRequest: (request, peer) => connections.tag(request, peer),
        onError: parts.onRequestError,
      });
    const hasFastLane = stateMachine instanceof KeyValueStore;
    const server = await listen({
      host: settings.host,
      port: settings.port,
      handler: handler(false),
      hasFastLane,
      streams: new PeerStreamsIn({
        secret: settings.secret ?? undefined,
        exchange: (body) => node.exchange(body),
        onPeer: (socket, peer) => connections.tagSocket(socket, peer),
      }),
    });
    undo.push(() => server.close(0));
    const clients =
      settings.clientPort === null
        ? null
        : await listen({
            host: settings.host,
            port: settings.clientPort,
            portFlag: "--client-port",
            handler: handler(true),
            hasFastLane,
          });
    url = server.url;
    node.start();
    const clientPort = clients?.port ?? null;
    const { port } = server;
    const trace = { type: "started", port, ...(clientPort !== null && { clientPort }) } as const;
    onEvent({ now: host.clock.now(), trace });

    return {
      node,
      port,
      clientPort,
      url: server.url,
      async stop() {
        connections.close();
        // While it hands over it still has to hear and answer the others.
        await node.stop();
        await recorder?.close();
        await Promise.all([server.close(), clients?.close()]);
        transport.close();
        await storage.close();
      },
    };
  } catch (error) {
    for (const step of undo.reverse()) await step();
    throw error;
  }
}

function createRecorder(
  { traceDirectory }: NodeSettings,
  clock: Clock,
  onEvent: NodeEventSink,
): FlightRecorder | undefined {
  if (traceDirectory === null) return undefined;
  return new FlightRecorder({
    directory: traceDirectory,
    clock,
    release: packageVersion(),
    onNotice: (message) => onEvent({ now: clock.now(), trace: { type: "recording", message } }),
  });
}

function knownLeader(node: RaftNode): KnownLeader | null {
  const { leader, term, raft } = node.status(0);
  return leader === null || leader === node.id ? null : { id: leader, term, address: raft.leaderAddress };
}
