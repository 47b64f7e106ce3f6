import type { LogIndex, NodeId, RoleName, Term } from "../raft/types.ts";
import type { ExchangeBody } from "./ports.ts";

/**
 * What a running node offers to whoever serves it: HTTP routes, a host, an embedding program. All failures are
 * RaftLiteErrors whose code, status and details go to the client as they are.
 */

export interface RequestOptions {
  /** How long the caller waits, 1 to 60,000 ms. */
  readonly timeoutMs: number;
  /** false: answer `not-leader` (403, with `leader` and `leaderUrl`) instead of asking the leader on its behalf. */
  readonly forward: boolean;
}

export interface CommandOutcome<Result = unknown> {
  /** Raft index of the entry. */
  readonly index: LogIndex;
  /** Zero-based position among clients' commands: what /command shows as `index`. */
  readonly ordinal: number;
  readonly term: Term;
  readonly leader: NodeId;
  /** What the state machine returned. */
  readonly result: Result;
}

export interface ReadPoint {
  /** Ordinal of the newest command that a read at this point sees; -1 when there is none. */
  readonly ordinal: number;
  readonly term: Term;
  readonly leader: NodeId;
}

/**
 * Registers `wake` with the state machine, to be called at every change that the caller waits for, and returns what
 * takes it back. Neither may throw.
 */
export type Subscribe = (wake: () => void) => () => void;

export interface WaitOptions {
  /** How long to wait at most; any length. */
  readonly waitMs: number;
  /** The client has gone away: nobody waits any more. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Why a wait is over. `woken`: the state machine has changed. `leader-change`: this node knows of another leader or
 * term, or has lost the one it had. `stopping`: it answers what it can and stops. `aborted`: by the caller's signal.
 */
export type WaitEnd = "woken" | "timeout" | "leader-change" | "stopping" | "aborted";

/** One line of the log as /status shows it: clients' commands only. */
export interface LogLine {
  readonly term: Term;
  readonly cmd: string;
}

export interface PeerStatus {
  readonly id: NodeId | null;
  readonly address: string;
  /** null where only the leader knows. */
  readonly matchIndex: LogIndex | null;
  /** Entries behind the leader's last; null where only the leader knows. */
  readonly lag: number | null;
  readonly contactMs: number | null;
}

/**
 * One consistent snapshot. `term`, `state` and `leader` are those of the newest term that is durable here; the log
 * reaches as far as entries are durable or committed.
 */
export interface NodeStatus {
  readonly node: NodeId;
  readonly state: RoleName;
  readonly term: Term;
  readonly leader: NodeId | null;
  readonly log: readonly LogLine[];
  /** Ordinal of the first line of `log`. */
  readonly logStart: number;
  /** Ordinal of the newest committed and known command; -1 when there is none. */
  readonly commitIndex: number;
  readonly raft: {
    readonly clusterId: string | null;
    readonly storeId: string;
    readonly address: string;
    readonly leaderAddress: string | null;
    readonly clusterSize: number;
    readonly lastIndex: LogIndex;
    readonly durableIndex: LogIndex;
    readonly commitIndex: LogIndex;
    readonly appliedIndex: LogIndex;
    /** The cluster has fallen silent until it is needed, as far as this node knows. */
    readonly quiet: boolean;
    readonly peers: readonly PeerStatus[];
    /** Why this node does not take part, in one line (a refused peer list, another cluster); null when all is well. */
    readonly problem: string | null;
  };
}

export type Health =
  /** `quiet`: the cluster has fallen silent, as nobody needs it; the next request wakes it. */
  | { readonly healthy: true; readonly quiet?: true }
  /** `reason` says what is missing, e.g. "no leader heard for 2.1 s". */
  | { readonly healthy: false; readonly reason: string };

/** Counters since the start and gauges, by the name they carry in /metrics without the `raft_lite_` prefix. */
export interface Metric {
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "gauge";
  readonly value: number;
}

export interface ExchangeReply {
  readonly status: number;
  /** JSON, or packed as the request was. */
  readonly body: ExchangeBody;
  /** The member that called, when it is one of ours: lets a host tie a connection to a peer. */
  readonly peer: NodeId | null;
}

/** The single-message routes, by the paper's names. */
export type SingleMessageType = "RequestVote" | "AppendEntries" | "TimeoutNow";

export interface NodeApi {
  readonly id: NodeId;
  /**
   * Commits and applies one command. Throws: `not-leader` 403 (only without forwarding), `no-leader` 503 and
   * `timeout` 503 with `outcome` none or unknown, `overloaded` 429, `stopping` 503, `command-too-large` 413.
   */
  execute(schema: number, bytes: Uint8Array, options: RequestOptions): Promise<CommandOutcome>;
  /** Waits until the local state machine has everything that was committed anywhere before the call. */
  read(options: RequestOptions): Promise<ReadPoint>;
  /**
   * Waits until the state machine has changed, or for one of the other ends. `subscribe` is called at once: a change
   * after what the caller has just read is not missed. However it ends, the local state machine is then at least where
   * it was at the call, and what it holds is committed (docs/architecture.md, "Blocking reads"). Rejects with
   * `overloaded` 429, `stopping` 503 and `failed` 503.
   */
  wait(subscribe: Subscribe, options: WaitOptions): Promise<WaitEnd>;
  /** Takes in one exchange of a peer (the body of POST /raft, already within its size limit). Never throws. */
  exchange(body: ExchangeBody): Promise<ExchangeReply>;
  /** The same for one message of the paper's routes. Never throws. */
  single(type: SingleMessageType, body: string): Promise<ExchangeReply>;
  /** `logLimit`: how many of the newest commands to show; Infinity for all. */
  status(logLimit: number): NodeStatus;
  health(): Health;
  metrics(): readonly Metric[];
  /** Advertised URLs: the leader's (null when unknown), and every member's that has one, this node's included. */
  addresses(): { readonly leader: string | null; readonly peers: readonly string[] };
}
