/**
 * The vocabulary of the consensus core: indexes, entries, configurations, messages, events and the work that comes
 * out. Field names are those of the extended Raft paper (Ongaro and Ousterhout, 2014), Figure 2, wherever it has one.
 */

/** A Raft term, from 1; 0 before the first election. The flavor keeps a term from being passed as an index. */
export type Term = number & { readonly flavor?: "term" };
/** A position in the replicated log, from 1; 0 stands before the first entry. */
export type LogIndex = number & { readonly flavor?: "index" };
/** A member's name: `[A-Za-z0-9_-]{1,32}`. */
export type NodeId = string;

/** A voter that has been heard: `storeId` names the one data directory that may speak under `id`. */
export interface Member {
  readonly id: NodeId;
  readonly storeId: string;
  /** Base URL by which the leader that wrote this reaches the member. */
  readonly address: string;
}

/** A listed voter that nobody has heard yet. It counts in the size of the cluster and never votes. */
export interface OpenSlot {
  readonly id: null;
  readonly address: string;
}

export type Slot = Member | OpenSlot;

/** Who votes. It takes effect as soon as its entry is in the log (thesis 4.1) and leaves with it on truncation. */
export interface Configuration {
  readonly clusterId: string;
  readonly slots: readonly Slot[];
}

export type EntryKind = "noop" | "configuration" | "command";

/** What the core knows of an entry. `data` is carried from input to `Work.persist` untouched and never kept. */
export interface Entry {
  readonly index: LogIndex;
  readonly term: Term;
  readonly kind: EntryKind;
  /** Bytes this entry counts for in windows and limits. */
  readonly size: number;
  /** Present exactly when `kind` is `configuration`. */
  readonly configuration?: Configuration;
  readonly data?: unknown;
}

/** A run of consecutive entries of one term that ends where the next run, or the log, does. */
export interface TermRun {
  readonly term: Term;
  readonly first: LogIndex;
}

/** A range of the log, both ends included; empty when `last < first`. */
export interface EntryRange {
  readonly first: LogIndex;
  readonly last: LogIndex;
}

interface Envelope {
  readonly from: NodeId;
  readonly to: NodeId;
  readonly term: Term;
}

/** Paper 5.2. A pre-vote (thesis 9.6) carries the term it would campaign in and changes nothing at the voter. */
export interface RequestVote extends Envelope {
  readonly type: "RequestVote";
  readonly candidateId: NodeId;
  readonly lastLogIndex: LogIndex;
  readonly lastLogTerm: Term;
  readonly preVote: boolean;
  /** Set by a candidate that its leader told to start (thesis 3.10): stickiness does not apply. */
  readonly leadershipTransfer: boolean;
  /** The candidate gives way to others (priority.ts). */
  readonly lowPriority?: true;
}

export interface RequestVoteResponse extends Envelope {
  readonly type: "RequestVoteResponse";
  readonly voteGranted: boolean;
  readonly preVote: boolean;
  /** The term that was asked about; a refusal's `term` is the voter's own. */
  readonly requestTerm: Term;
}

interface AppendEntriesHeader extends Envelope {
  readonly type: "AppendEntries";
  readonly leaderId: NodeId;
  readonly prevLogIndex: LogIndex;
  readonly prevLogTerm: Term;
  /** Never past what this very message proves the follower to hold. */
  readonly leaderCommit: LogIndex;
  /** The leader's heartbeat interval: followers derive their election timeout from it. */
  readonly heartbeatMs: number;
  /** The cluster that the leader's first entry founds; absent from messages made by hand. */
  readonly logClusterId?: string;
  /** Counts the leader's confirmation rounds; echoed, so that a read knows which acknowledgements came after it. */
  readonly round: number;
  /** The leader wants to fall silent, and asks the follower to (quiescence.ts). Only without entries. */
  readonly quiesce?: true;
}

/** Paper 5.3, as it arrives: with the entries. */
export interface AppendEntries extends AppendEntriesHeader {
  readonly entries: readonly Entry[];
}

/** Paper 5.3, as the core asks for it: with a range that the node loop fills in from its log, at once. */
export interface AppendEntriesRange extends AppendEntriesHeader {
  readonly range: EntryRange;
  /** The loop may send a shorter, non-empty prefix of the range: the sizes of these entries are not known here. */
  readonly upTo: boolean;
  /** How much such a prefix may take, beyond its first entry. */
  readonly maxBytes: number;
}

export interface AppendEntriesResponse extends Envelope {
  readonly type: "AppendEntriesResponse";
  readonly success: boolean;
  /** On success: every entry up to here is durable at the follower and equal to the leader's. */
  readonly matchIndex: LogIndex;
  /** On refusal: where the logs may still agree, and the follower's term there (0 when before its first entry). */
  readonly conflictIndex: LogIndex;
  readonly conflictTerm: Term;
  /** Echo of the refused prevLogIndex, so that an overtaken refusal is recognised. */
  readonly prevLogIndex: LogIndex;
  readonly round: number;
  /** The follower has fallen silent, as it was asked to. */
  readonly quiet?: true;
  /** The follower is to lead only where no other can (priority.ts). */
  readonly lowPriority?: true;
}

/** Thesis 3.10: start an election now. */
export interface TimeoutNow extends Envelope {
  readonly type: "TimeoutNow";
}

/** A follower asks for a read index (thesis 6.4). `readId` is never used twice by one sender and boot. */
export interface ReadIndexRequest extends Envelope {
  readonly type: "ReadIndex";
  readonly readId: number;
}

export interface ReadIndexResponse extends Envelope {
  readonly type: "ReadIndexResponse";
  readonly readId: number;
  /** null: not the leader, or no longer; ask again elsewhere. */
  readonly readIndex: LogIndex | null;
}

export type Message =
  | RequestVote
  | RequestVoteResponse
  | AppendEntries
  | AppendEntriesResponse
  | TimeoutNow
  | ReadIndexRequest
  | ReadIndexResponse;

/** A message as the core hands it out: AppendEntries names its entries instead of carrying them. */
export type OutgoingMessage = Exclude<Message, AppendEntries> | AppendEntriesRange;

export interface Proposal {
  readonly size: number;
  readonly data?: unknown;
}

/** What can happen to the core. `now` comes beside it, in milliseconds of a clock that never goes back. */
export type RaftEvent =
  | { readonly type: "message"; readonly message: Message }
  /** `Work.deadline` has been reached. Early or repeated calls do nothing. */
  | { readonly type: "deadline" }
  /** `awaitedBy`: the follower whose client waits for it. */
  | { readonly type: "propose"; readonly proposals: readonly Proposal[]; readonly awaitedBy?: NodeId }
  /** Ask for a read index; answered in `Work.reads` under the same id, which is not 0. */
  | { readonly type: "read"; readonly readId: number }
  /** Somebody counts on the cluster: a quiet node takes part again. Proposals and reads say so themselves. */
  | { readonly type: "wake" }
  /** `Work.persist` of this number, and so all before it, is durable. */
  | { readonly type: "persisted"; readonly number: number }
  /** Hand leadership to `to`, or to the voter that is furthest along. */
  | { readonly type: "transfer"; readonly to?: NodeId }
  /** Fill an open slot with a listed node that has now been heard. Leader only. */
  | { readonly type: "claim"; readonly member: Member }
  /** What this node knows of its peers before the log has a configuration. null: do not campaign. */
  | { readonly type: "discovered"; readonly configuration: Configuration | null }
  /** The connection with the current leader closed and a redial was refused. */
  | { readonly type: "peer-lost"; readonly peer: NodeId }
  /** A call to this peer failed: what it carried may not have arrived. */
  | { readonly type: "unreachable"; readonly peer: NodeId }
  /** A write has been pending for longer than the minimum election timeout. */
  | { readonly type: "storage-stalled" };

export type ProposeRefusal = "not-leader" | "transferring" | "overloaded" | "stalled";

/** What `step` answers at once; only proposals and claims have one. */
export type StepResult =
  | { readonly accepted: true; readonly first: LogIndex; readonly term: Term }
  | { readonly accepted: false; readonly reason: ProposeRefusal };

export interface HardState {
  readonly term: Term;
  readonly votedFor: NodeId | null;
}

/** What must become durable, in the order of `number`. */
export interface Persist {
  readonly number: number;
  /** Present when term or vote changed. */
  readonly hardState?: HardState;
  /** Consecutive; whatever the log holds from the first one's index on is replaced. */
  readonly entries: readonly Entry[];
}

/** Why an election began. `wake`: a node that had fallen silent found no leader. */
export type CampaignCause = "timeout" | "peer-lost" | "wake" | "transfer";
export type StepDownCause = "higher-term" | "no-quorum" | "storage-stalled" | "removed";

/** What happened, typed: log lines, traces, metrics and pictures are drawn from these. */
export type RaftTrace =
  | { readonly type: "pre-candidate"; readonly term: Term; readonly cause: CampaignCause }
  | { readonly type: "candidate"; readonly term: Term; readonly cause: CampaignCause }
  | { readonly type: "vote-received"; readonly term: Term; readonly from: NodeId; readonly preVote: boolean }
  | { readonly type: "vote-granted"; readonly term: Term; readonly to: NodeId; readonly preVote: boolean }
  | {
      readonly type: "vote-refused";
      readonly term: Term;
      readonly to: NodeId;
      readonly preVote: boolean;
      readonly reason:
        | "voted"
        | "log-behind"
        | "leader-alive"
        | "old-term"
        | "unknown-candidate"
        | "rival"
        | "stalled";
    }
  | { readonly type: "leader"; readonly term: Term }
  | { readonly type: "follows"; readonly term: Term; readonly leader: NodeId }
  | { readonly type: "term"; readonly term: Term }
  | { readonly type: "stepped-down"; readonly term: Term; readonly cause: StepDownCause }
  | {
      readonly type: "appended";
      readonly first: LogIndex;
      readonly last: LogIndex;
      readonly term: Term;
      readonly leader: boolean;
    }
  | { readonly type: "truncated"; readonly from: LogIndex; readonly last: LogIndex }
  | { readonly type: "committed"; readonly index: LogIndex; readonly previous: LogIndex }
  | { readonly type: "configuration"; readonly index: LogIndex; readonly configuration: Configuration }
  | { readonly type: "transfer-started"; readonly to: NodeId }
  | { readonly type: "transfer-aborted"; readonly to: NodeId }
  | { readonly type: "peer-lost"; readonly peer: NodeId }
  | { readonly type: "late-wake"; readonly lateMs: number }
  | { readonly type: "quiet"; readonly term: Term; readonly leader: NodeId }
  | { readonly type: "awake"; readonly term: Term };

export interface ReadOutcome {
  readonly readId: number;
  /** null: refused; there is no leader, or leadership was lost before it could be confirmed. */
  readonly readIndex: LogIndex | null;
}

/** Everything the core wants done after the events stepped since the last call. */
export interface Work {
  /** May leave at once, beside the write. */
  readonly send: readonly OutgoingMessage[];
  readonly persist: Persist | null;
  /** May leave only when every `persist` handed out so far, this one included, is durable. */
  readonly sendAfter: readonly OutgoingMessage[];
  /** Newly committed range, to apply in order; null when nothing is new. */
  readonly commit: EntryRange | null;
  /** Reads that may be answered once the state machine has applied their index. */
  readonly reads: readonly ReadOutcome[];
  readonly trace: readonly RaftTrace[];
  /** When to step a `deadline`, in the clock of `now`. */
  readonly deadline: number;
}

/** Where a node stands in the protocol, in the words of the paper; a pre-candidate is still a follower. */
export type RoleName = "Follower" | "Candidate" | "Leader";

/** One consistent picture of the core, for /status and metrics. */
export interface RaftView {
  readonly role: RoleName;
  readonly term: Term;
  readonly leader: NodeId | null;
  /** It has no deadline and hears nobody until something wakes it; `leader` is who led when it fell silent. */
  readonly quiet: boolean;
  readonly lastIndex: LogIndex;
  readonly durableIndex: LogIndex;
  readonly commitIndex: LogIndex;
  readonly configuration: Configuration | null;
  readonly configurationIndex: LogIndex;
  /** At a leader: what it knows of the others. */
  readonly peers: readonly {
    readonly id: NodeId;
    readonly matchIndex: LogIndex;
    readonly nextIndex: LogIndex;
    readonly state: "probe" | "replicate";
    /** Milliseconds since the last answer; null when there was none in this term. */
    readonly contactMs: number | null;
  }[];
}
