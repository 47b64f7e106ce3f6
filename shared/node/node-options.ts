import type { ElectionPriority, RaftLimits } from "../raft/core.ts";
import type { NodeId } from "../raft/types.ts";
import type { DurableStorage } from "../storage/port.ts";
import type { Timings } from "./defaults.ts";
import type { EntryCounter, NodeEventSink } from "./events.ts";
import type { ListedPeer } from "./peer-directory.ts";
import type { Host } from "./ports.ts";
import type { NodeRecorder } from "./recorder.ts";
import type { StateMachine } from "./state-machine.ts";

/** What a node is made of. */
export interface NodeOptions {
  readonly id: NodeId;
  /** The other nodes as this one was told; empty for a cluster of one. */
  readonly peers: readonly ListedPeer[];
  /** URL under which peers reach this node; null: what their lists say. */
  readonly advertise: string | null;
  /** URL that serves until a peer has told; asked for when the node has been started. */
  readonly fallbackAddress: () => string;
  readonly timings: Timings;
  readonly storage: DurableStorage;
  readonly stateMachine: StateMachine;
  readonly host: Host;
  readonly onEvent?: NodeEventSink;
  /** Without it every step of every command is an event. */
  readonly countEntries?: EntryCounter | undefined;
  readonly recorder?: NodeRecorder | undefined;
  /** The node has stopped for good: its storage failed, or a rule of Raft did not hold. Called once. */
  readonly onFatal: (error: unknown) => void;
  readonly limits?: Partial<RaftLimits>;
  /** Bytes of commands that may wait at this node for a majority; more are refused with 429. 64 MiB unless given. */
  readonly maxWaitingBytes?: number;
  /** So many entries may be applied before what they changed is written; 1024 unless given. */
  readonly flushEntries?: number;
  /** Clients that may wait for a change at a time (`NodeApi.wait`); DEFAULT_MAX_WAITS unless given. */
  readonly maxWaits?: number;
  /** `low`: the node is to lead only where no other can. `normal` unless given. */
  readonly electionPriority?: ElectionPriority;
  /** The node had fallen silent when it lost its memory (`isQuiet`): it is to stay so until it is needed. */
  readonly quiet?: boolean;
  /**
   * Called while the log is verified, every few milliseconds: a host that has others to answer meanwhile gives a promise
   * that it resolves when they have had their turn. Without it all is verified in one go.
   */
  readonly whileOpening?: () => Promise<void> | undefined;
}
