import { join } from "node:path";
import { LONGEST_QUIESCE_AFTER_MS, readElectionPriority } from "../shared/config/participation.ts";
import { chooseTimings, LONGEST_HEARTBEAT_MS, LONGEST_MS } from "../shared/config/timings.ts";
import { usageError } from "../shared/config/usage-error.ts";
import { checkCredential } from "../shared/http/auth.ts";
import { nodeIdProblem } from "../shared/ids.ts";
import type { Timings } from "../shared/node/defaults.ts";
import { defaultTimings, MIN_HEARTBEATS_PER_ELECTION_TIMEOUT } from "../shared/node/defaults.ts";
import type { EmbeddedNode } from "../shared/node/embedded-node.ts";
import type { NodeEventSink } from "../shared/node/events.ts";
import type { StateMachine } from "../shared/node/state-machine.ts";
import type { ElectionPriority } from "../shared/raft/core.ts";
import type { KeyValueStore } from "../shared/store/key-value-store.ts";
import { checkPorts, ownAddresses, readHost, readUrl } from "./cli/node-options.ts";
import { parsePeers } from "./cli/peers.ts";
import { withoutSelf } from "./cli/self.ts";
import { DEFAULT_PORT, LOCAL_HOST, TRACE_DIRECTORY } from "./defaults.ts";
import type { NodeSettings } from "./run-node.ts";

/** How a node runs that is part of a program. Only `id` and `dataDir` must be given. */
export interface StartNodeOptions<Machine extends StateMachine = KeyValueStore> {
  /** 1 to 32 of A-Z a-z 0-9 _ -, and not the name of a route. */
  readonly id: string;
  /** Where the node keeps its state: its own, for life. Made when it is missing. */
  readonly dataDir: string;
  /** 8000 unless given; 0: any free one. */
  readonly port?: number | undefined;
  /**
   * A second port for clients, on which the nodes' own routes are closed (403 `raft-routes-closed`): a firewall can then
   * keep `port` to the nodes. 0: any free one. Left out: clients come to `port`.
   */
  readonly clientPort?: number | undefined;
  /**
   * Name or address of the interface to listen on. 127.0.0.1 unless given, so that nobody on the network reaches the
   * node by accident; with nodes on other machines e.g. 0.0.0.0, and a secret.
   */
  readonly host?: string | undefined;
  /**
   * The other nodes: `http://host:port`, `host:port` or `ID=host:port`. An entry that names this node is passed over.
   * Left out: a cluster of one. They form the cluster when it begins, and supply addresses afterwards.
   */
  readonly peers?: readonly string[] | undefined;
  /** URL under which this node is reached, if not the one in the other nodes' lists. */
  readonly advertise?: string | undefined;
  /** Whatever is left out follows from the rest, or is as in `defaultTimings`. The two of an election go together. */
  readonly timings?: Partial<Timings> | undefined;
  /**
   * Milliseconds: a cluster that this node leads falls silent when nothing was proposed or read for so long, and wakes
   * with the next request. 0, and left out: never.
   */
  readonly quiesceAfterMs?: number | undefined;
  /** `low`: this node leads only where no other can, and hands over as soon as one can. `normal` unless given. */
  readonly electionPriority?: ElectionPriority | undefined;
  /** Where the node records what it does, for `raft-lite verify`: `trace` in `dataDir` unless given; false: nowhere. */
  readonly trace?: string | false | undefined;
  /** The cluster's secret: without it nobody speaks on the nodes' routes. */
  readonly secret?: string | undefined;
  /** What clients must show on their routes, the program's own included. */
  readonly token?: string | undefined;
  /**
   * What the log is applied to, made for this node alone. Left out: the key-value store, whose routes are served then.
   * All nodes of a cluster run the same one.
   */
  readonly stateMachine?: Machine | undefined;
  /**
   * The program's own routes: asked for what none of the node's routes takes; undefined: not one of mine either, 404.
   * A token, where set, guards them too. RaftLiteErrors are answered as problem details. Bodies are not limited.
   */
  readonly fetch?:
    | ((
        request: Request,
        node: EmbeddedNode<Machine>,
      ) => Response | undefined | Promise<Response | undefined>)
    | undefined;
  /** Takes the lines that `raft-lite node` prints. */
  readonly log?: ((line: string) => void) | undefined;
  /** Takes what happens, as typed events. Called on the node's own path: quick, and never throws. */
  readonly onEvent?: NodeEventSink | undefined;
  /**
   * The node has stopped for good: its disk failed, or its state is not to be trusted. End the process and start it
   * again. Left out: the error is thrown where nobody catches it, which ends the process unless something of yours
   * forbids it.
   */
  readonly onFatal?: ((error: unknown) => void) | undefined;
  /** An error within `fetch` or in a route of the node; its client was told that there was one, and not which. */
  readonly onRequestError?: ((error: unknown) => void) | undefined;
}

/** Checks what is said of the node itself. Throws `wrong-usage` and `bad-credential`, each in one line. */
export function readStartNodeOptions(
  options: Omit<StartNodeOptions, "stateMachine" | "fetch">,
): NodeSettings {
  const { id, dataDir, secret, token } = options;
  const problem = typeof id === "string" ? nodeIdProblem(id) : "is no string";
  if (problem !== null) throw usageError(`id: "${id}" ${problem}`);
  if (typeof dataDir !== "string" || dataDir === "") {
    throw usageError("dataDir must name the directory in which this node keeps its state");
  }
  const { trace = join(dataDir, TRACE_DIRECTORY) } = options;
  if (trace === "" || (typeof trace !== "string" && trace !== false)) {
    throw usageError("trace must name the directory in which this node records what it does, or be false");
  }
  if (secret !== undefined) checkCredential("secret", secret);
  if (token !== undefined) checkCredential("token", token);
  const port = whole("port", options.port ?? DEFAULT_PORT, 0, 65535);
  const clientPort =
    options.clientPort === undefined ? null : whole("clientPort", options.clientPort, 0, 65535);
  checkPorts(port, clientPort, "port", "clientPort");
  const host = readHost(options.host ?? LOCAL_HOST, "host");
  const advertise = options.advertise === undefined ? null : readUrl("advertise", options.advertise);
  const self = { id, host, port, advertise, interfaces: ownAddresses() };
  const { peers = [] } = options;
  return {
    id,
    port,
    clientPort,
    host,
    peers: peers.length === 0 ? [] : withoutSelf(parsePeers(peers, "peers"), self, "peers"),
    dataDirectory: dataDir,
    traceDirectory: trace === false ? null : trace,
    advertise,
    timings: readTimings(options.timings ?? {}),
    quiesceAfterMs: whole("quiesceAfterMs", options.quiesceAfterMs ?? 0, 0, LONGEST_QUIESCE_AFTER_MS),
    electionPriority: readElectionPriority("electionPriority", options.electionPriority ?? "normal"),
    secret: secret ?? null,
    token: token ?? null,
  };
}

function readTimings({
  heartbeatMs,
  electionTimeoutMinMs: min,
  electionTimeoutMaxMs: max,
}: Partial<Timings>): Timings {
  if ((min === undefined) !== (max === undefined)) {
    throw usageError("timings: electionTimeoutMinMs and electionTimeoutMaxMs go together");
  }
  const shortest = MIN_HEARTBEATS_PER_ELECTION_TIMEOUT;
  return chooseTimings(
    {
      base: defaultTimings,
      heartbeatMs:
        heartbeatMs === undefined ? null : whole("heartbeatMs", heartbeatMs, 1, LONGEST_HEARTBEAT_MS),
      electionTimeout:
        min === undefined || max === undefined
          ? null
          : {
              min: whole("electionTimeoutMinMs", min, shortest, LONGEST_MS),
              max: whole("electionTimeoutMaxMs", max, shortest, LONGEST_MS),
            },
    },
    { heartbeat: "heartbeatMs", election: "election timeout" },
  );
}

function whole(name: string, value: number, min: number, max: number): number {
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw usageError(`${name}: ${value} is not a whole number from ${min} to ${max}`);
}
