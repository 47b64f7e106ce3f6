import { createHandler } from "../shared/http/handler.ts";
import type { NodeEventSink } from "../shared/node/events.ts";
import { RaftNode } from "../shared/node/node.ts";
import { KeyValueStore } from "../shared/store/key-value-store.ts";
import type { NodeOptions } from "./cli/node-options.ts";
import { createHost } from "./host.ts";
import { nodeHttpHost } from "./http-host.ts";
import { PeerConnections } from "./peer-connections.ts";
import type { KnownLeader } from "./peer-watch.ts";
import { PeerWatch } from "./peer-watch.ts";
import { probe } from "./probe.ts";
import { listen } from "./server.ts";
import { openNodeStorage } from "./storage.ts";
import { HttpTransport } from "./transport.ts";

export interface RunningNode {
  readonly port: number;
  /** Base URL by which this machine reaches the node. */
  readonly url: string;
  /** Hands over what it leads, answers what it can and closes everything. To be called once. */
  stop(): Promise<void>;
}

export interface RunNodeHooks {
  readonly onEvent: NodeEventSink;
  /** The node cannot go on: what it holds in memory is not to be trusted any more, end the process. */
  readonly onFatal: (error: unknown) => void;
  /** An error that no route foresaw; its client was told that there was one. */
  readonly onRequestError?: ((error: unknown) => void) | undefined;
}

/**
 * Starts a node on this machine: storage, server, transport and timer around one RaftNode with the key-value store.
 * Resolves once it listens and serves. Throws RaftLiteErrors of one line each when it cannot.
 */
export async function runNode(options: NodeOptions, hooks: RunNodeHooks): Promise<RunningNode> {
  const undo: (() => unknown)[] = [];
  try {
    const storage = openNodeStorage(options.dataDirectory);
    undo.push(() => storage.close());
    const transport = new HttpTransport({ secret: options.secret ?? undefined });
    undo.push(() => transport.close());
    const host = createHost(transport);
    const store = new KeyValueStore();
    let url = "";
    // The port opens last: whoever gets an answer gets it from a node that has read and verified its log.
    const node = await RaftNode.open({
      id: options.id,
      peers: options.peers,
      advertise: options.advertise,
      fallbackAddress: () => url,
      timings: options.timings,
      storage,
      stateMachine: store,
      host,
      onEvent: hooks.onEvent,
      onFatal: hooks.onFatal,
    });
    const watch = new PeerWatch(
      () => knownLeader(node),
      probe,
      (peer) => node.peerLost(peer),
    );
    const connections = new PeerConnections((peer) => void watch.connectionClosed(peer));
    const server = await listen({
      host: options.host,
      port: options.port,
      handler: createHandler(node, store, {
        secret: options.secret ?? undefined,
        token: options.token ?? undefined,
        host: nodeHttpHost,
        onPeerRequest: (request, peer) => connections.tag(request, peer),
        onError: hooks.onRequestError,
      }),
    });
    url = server.url;
    node.start();
    hooks.onEvent({ now: host.clock.now(), trace: { type: "started", port: server.port } });

    return {
      port: server.port,
      url: server.url,
      async stop() {
        connections.close();
        // While it hands over it still has to hear and answer the others.
        await node.stop();
        await server.close();
        transport.close();
        await storage.close();
      },
    };
  } catch (error) {
    for (const step of undo.reverse()) await step();
    throw error;
  }
}

function knownLeader(node: RaftNode): KnownLeader | null {
  const { leader, term, raft } = node.status(0);
  return leader === null || leader === node.id ? null : { id: leader, term, address: raft.leaderAddress };
}
