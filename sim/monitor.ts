import { InvariantViolation } from "../shared/errors.ts";
import type { NodeStatus } from "../shared/node/api.ts";
import type { NodeEvent } from "../shared/node/events.ts";
import type { ExchangeBody } from "../shared/node/ports.ts";
import { unpackRequest } from "../shared/node/wire-packed.ts";
import type { LogIndex, NodeId } from "../shared/raft/types.ts";
import type { LogEntry } from "../shared/storage/entry.ts";
import { CommittedLog } from "./committed-log.ts";
import type { Counts } from "./counts.ts";
import type { HistoryRecord } from "./history.ts";
import { EffectInvariants } from "./invariants/effects.ts";
import { ElectionInvariants } from "./invariants/elections.ts";
import { LogInvariants } from "./invariants/logs.ts";
import { checkSilence } from "./invariants/silence.ts";
import { StatusInvariants } from "./invariants/status.ts";
import type { InvariantName, Report } from "./invariants/violation.ts";
import { Violation } from "./invariants/violation.ts";
import type { DiskContent } from "./observed-disk.ts";

/** Takes in what happens as lines of a trace. */
export type TraceSink = (id: NodeId, what: string, details: unknown) => void;

type ClientRecord = HistoryRecord<{ readonly name: string }>;

interface WireMessage {
  readonly type: string;
  readonly term: number;
  readonly voteGranted?: boolean;
  readonly preVote?: boolean;
  readonly requestTerm?: number;
  readonly success?: boolean;
  readonly matchIndex?: number;
  readonly leaderId?: string;
  readonly boot?: number;
}

interface WireExchange {
  readonly clusterId?: string | null;
  readonly messages?: readonly WireMessage[];
}

export interface MonitorOptions {
  readonly now: () => number;
  readonly counts: Counts;
  readonly trace: TraceSink | null;
  /** null: all of them. What is not watched may be broken without a word. */
  readonly watched: ReadonlySet<InvariantName> | null;
}

/**
 * Sees everything that the nodes write, send, apply and say, and holds it against the invariants. It is called from
 * within the nodes, so it never throws: the first thing that is wrong is kept, and the simulation asks after each step.
 */
export class Monitor {
  readonly logs: LogInvariants;
  readonly elections: ElectionInvariants;
  readonly effects: EffectInvariants;
  readonly log = new CommittedLog();
  readonly #status: StatusInvariants;
  readonly #now: () => number;
  readonly #counts: Counts;
  readonly #trace: TraceSink | null;
  readonly #watched: ReadonlySet<InvariantName> | null;
  readonly #durable = new Map<NodeId, DiskContent>();
  #clusterId: string | null = null;
  #hasServed = false;
  #leaderChanges = 0;
  #violation: Violation | null = null;
  /** Called once, with the next that becomes leader. */
  onLeader: ((id: NodeId) => void) | null = null;
  /** Called once, with the next that grants a vote. */
  onVote: ((id: NodeId) => void) | null = null;

  constructor(ids: readonly NodeId[], options: MonitorOptions) {
    this.#now = options.now;
    this.#counts = options.counts;
    this.#trace = options.trace;
    this.#watched = options.watched;
    this.logs = new LogInvariants(ids, this.report);
    this.elections = new ElectionInvariants(this.report);
    this.effects = new EffectInvariants(this.report);
    this.#status = new StatusInvariants(this.report);
  }

  /** The first violation; null while all is well. */
  get violation(): Violation | null {
    return this.#violation;
  }

  /** How many leaders there have been since a client was first answered. */
  get leaderChanges(): number {
    return this.#leaderChanges;
  }

  readonly report: Report = (invariant, detail, cause) => {
    if (this.#watched !== null && !this.#watched.has(invariant)) return;
    this.#violation ??= new Violation(
      invariant,
      detail,
      this.#now(),
      cause === undefined ? undefined : { cause },
    );
  };

  /** Somebody asks a node how it is. */
  shown(status: NodeStatus): void {
    const durable = this.#durable.get(status.node);
    if (durable !== undefined) this.#status.shown(status, durable, this.logs.commitOf(status.node));
  }

  started(id: NodeId, content: DiskContent): void {
    this.#trace?.(id, "starts", {
      term: content.term,
      lastIndex: content.log.length,
      applied: content.applied,
    });
    this.#durable.set(id, content);
    this.logs.started(id, content);
    this.elections.started(id, content);
    this.effects.started(id, content.applied);
    this.log.started(id, content.applied);
  }

  /** Its state machine stands at `applied`, which is not what is stored where it keeps nothing. */
  opened(id: NodeId, applied: LogIndex): void {
    this.effects.started(id, applied);
  }

  ended(id: NodeId): void {
    this.#trace?.(id, "ends", {});
    this.logs.leadsNoMore(id);
  }

  /** A node gave up although nothing was wrong with its storage. */
  failed(id: NodeId, error: unknown): void {
    const what =
      error instanceof InvariantViolation
        ? `assertion ${error.message}`
        : `${(error as Error)?.stack ?? error}`;
    this.report("node-does-not-fail", `${id}: ${what}`, error);
  }

  written(id: NodeId, content: DiskContent, from: LogIndex): void {
    if (content.clusterId !== null) this.#noteCluster(id, content.clusterId);
    this.logs.written(id, content, from);
  }

  synced(id: NodeId, content: DiskContent): void {
    const before = this.#durable.get(id);
    if (before !== undefined && content.applied < before.applied) {
      this.report("monotonic-applied", `${id} stores ${content.applied} as applied after ${before.applied}`);
    }
    if (before !== undefined && content.term < before.term) {
      this.report("monotonic-term", `${id} stores term ${content.term} after ${before.term}`);
    }
    this.#durable.set(id, content);
    this.logs.synced(id, content);
  }

  applied(id: NodeId, entry: LogEntry, result: unknown): void {
    const commit = this.logs.commitOf(id);
    this.effects.applied(id, entry, result, commit, this.logs.committedTerm(entry.index));
    this.log.applied(id, entry, result, this.#now());
  }

  dumped(id: NodeId, index: LogIndex, dump: string): void {
    this.effects.dumped(id, index, dump);
  }

  /** Something the node says of itself. */
  traced(id: NodeId, { trace: event }: NodeEvent): void {
    this.#trace?.(id, event.type, event);
    switch (event.type) {
      case "term":
        this.elections.reaches(id, event.term);
        this.logs.leadsNoMore(id);
        break;
      case "candidate":
        this.#counts.add("elections");
        break;
      case "leader":
        this.#counts.add("leaders");
        if (this.#hasServed) this.#leaderChanges++;
        this.elections.leads(id, event.term);
        this.logs.leads(id, event.term);
        tellOnce(this, "onLeader", id);
        break;
      case "follows":
      case "stepped-down":
        if (event.type === "stepped-down") this.#counts.add(`stepped down: ${event.cause}`);
        this.logs.leadsNoMore(id);
        break;
      case "vote-granted":
        if (!event.preVote) tellOnce(this, "onVote", id);
        break;
      case "truncated":
        this.#counts.add("truncations");
        this.logs.truncated(id, event.from);
        break;
      case "committed":
        this.logs.committed(id, event.index, event.previous);
        break;
      case "refused":
        this.#noteRefusal(id, event.code, event.message);
        break;
      case "transfer-started":
        this.#counts.add("transfers");
        break;
      case "late-wake":
        this.#counts.add("late wakes");
        break;
      case "quiet":
        this.#counts.add(event.leader === id ? "silent clusters" : "silences");
        checkSilence(
          id,
          event,
          {
            term: this.elections.termOf(id),
            leader: this.elections.leaderOf(event.term),
            lastIndex: this.logs.heldBy(id),
            commitIndex: this.logs.commitOf(id),
          },
          this.report,
        );
        break;
      default:
        break;
    }
  }

  /** The body of an exchange leaves `id`, as a call or as a reply. */
  leaves(id: NodeId, to: NodeId, body: ExchangeBody): void {
    const durable = this.#durable.get(id);
    if (durable === undefined) return;
    const { clusterId, messages } = (
      typeof body === "string" ? JSON.parse(body) : unpackRequest(body, to)
    ) as WireExchange;
    if (clusterId) this.#noteCluster(id, clusterId);
    for (const message of messages ?? []) {
      this.#trace?.(id, `→ ${to}`, message);
      this.#check(id, to, message, durable);
    }
  }

  #check(id: NodeId, to: NodeId, message: WireMessage, durable: DiskContent): void {
    switch (message.type) {
      case "RequestVoteResponse":
        if (message.voteGranted && !message.preVote) {
          this.elections.votes(id, to, message.requestTerm ?? message.term, durable);
        }
        break;
      case "AppendEntries":
        if (message.leaderId !== id) {
          this.report("election-safety", `${id} sends entries in the name of ${message.leaderId}`);
        }
        this.elections.leads(id, message.term);
        break;
      case "AppendEntriesResponse":
        if (message.success) this.logs.acknowledges(id, to, message.term, message.matchIndex ?? 0);
        break;
      case "Forward":
        if (message.boot !== durable.boot) {
          this.report(
            "boot-is-fresh",
            `${id} speaks in start ${message.boot}, its disk says ${durable.boot}`,
          );
        }
        break;
      default:
        break;
    }
  }

  clientAsks({ client, node, operation }: ClientRecord): void {
    this.#trace?.(node, `client ${client} asks`, operation.name);
  }

  clientHears({ client, node, operation, outcome }: ClientRecord): void {
    if (outcome.type === "ok") this.#hasServed = true;
    this.#trace?.(node, `client ${client} hears`, { name: operation.name, ...outcome });
  }

  /** Something that the simulation does to a machine. */
  does(id: NodeId, what: string, details: unknown = {}): void {
    this.#trace?.(id, what, details);
  }

  /**
   * A node that is listed to itself and was stopped while it asked who is there may take itself for another, and its
   * list for longer, until it has heard its own answer. It must come to an end: see recovery.ts.
   */
  #noteRefusal(id: NodeId, code: string, message: string): void {
    if (code === "peer-lists-differ") this.#counts.add("lists that seemed to differ");
    else this.report("nobody-is-refused", `${id}: ${code}: ${message}`);
  }

  #noteCluster(id: NodeId, clusterId: string): void {
    this.#clusterId ??= clusterId;
    if (clusterId !== this.#clusterId) {
      this.report("one-cluster", `${id} belongs to cluster ${clusterId}, others to ${this.#clusterId}`);
    }
  }
}

function tellOnce(monitor: Monitor, listener: "onLeader" | "onVote", id: NodeId): void {
  const tell = monitor[listener];
  monitor[listener] = null;
  tell?.(id);
}
