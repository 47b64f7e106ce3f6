import type { CampaignCause, Configuration, LogIndex, NodeId, StepDownCause, Term } from "../raft/types.ts";

/**
 * The vocabulary of recordings, as it stands in the files: one JSON object a line. docs/flight-recorder.md explains it
 * to people. What is recorded here is for ever: another event, or another meaning of a member, is another version. Of
 * every version the first line of a file has `format` and `version`, and ends with a checksum as all lines do.
 */

export const RECORDING_FORMAT = "raft-lite-recording";
export const RECORDING_VERSION = 1;

/** Entries of one term from `first` on, up to the next run or the end of the log. */
export type RecordedRun = readonly [first: LogIndex, term: Term];

/** A member, by its id and its data directory's own name; null is an open slot. */
export type RecordedVoter = readonly [id: NodeId, storeId: string] | null;

export interface RecordedConfiguration {
  readonly index: LogIndex;
  readonly clusterId: string;
  readonly voters: readonly RecordedVoter[];
}

/** All that the records before have led to, so that a file can be judged without them. */
export interface RecordedState {
  /** In force, perhaps not durable yet. */
  readonly term: Term;
  /** Whether the node leads it. */
  readonly leads: boolean;
  /** Durable: what a crash leaves. */
  readonly durableTerm: Term;
  readonly vote: NodeId | null;
  readonly last: LogIndex;
  /** Of the entries from the beginning of the last one's block on, see content-hash.ts; null: not known. */
  readonly hash: string | null;
  /** The newest ones, oldest first; nothing is said of entries before the first. */
  readonly runs: readonly RecordedRun[];
  readonly durable: LogIndex;
  readonly commit: LogIndex;
  readonly applied: LogIndex;
  /** The newest in the log. */
  readonly configuration: RecordedConfiguration | null;
}

/** The first record of every file. */
export interface Opener {
  /** `started`: a new run of the node. `rotated`: the file before was full. `resumed`: records were lost in between. */
  readonly event: "started" | "rotated" | "resumed";
  readonly format: typeof RECORDING_FORMAT;
  readonly version: typeof RECORDING_VERSION;
  /** Of the software that writes. */
  readonly release: string;
  readonly node: NodeId;
  readonly store: string;
  readonly boot: number;
  /** Number of this file, from 1. */
  readonly segment: number;
  /** Checksum of the last whole record of the file before; null when there was none. */
  readonly after: string | null;
  /** Records lost since the one before. */
  readonly dropped: number;
  readonly state: RecordedState;
}

/** An opener before it has a place among the files. */
export type UnplacedOpener = Omit<Opener, "segment" | "after">;

/**
 * What has moved on since the record before; what has not is left out. In this order: the log grew, more of it became
 * durable, was acknowledged, was committed, was applied, and reads were answered.
 */
export interface Progress {
  readonly event: "progress";
  /** Entries that were added. */
  readonly first?: LogIndex;
  readonly last?: LogIndex;
  /** Their terms. */
  readonly runs?: readonly RecordedRun[];
  /** Hashes at the end of each block that ends among them; null: not known. */
  readonly blocks?: readonly (string | null)[];
  /** Hash at the last of them. */
  readonly hash?: string | null;
  /** Configurations among them. */
  readonly configurations?: readonly RecordedConfiguration[];
  readonly durable?: LogIndex;
  /** Told to a leader: durable and equal to its log. */
  readonly acknowledged?: LogIndex;
  readonly commit?: LogIndex;
  readonly applied?: LogIndex;
  /** How many reads were answered. */
  readonly reads?: number;
  /** At which index, the newest of them. */
  readonly readIndex?: LogIndex;
}

export type Happening =
  /** A later term is in force, not durable yet. */
  | { readonly event: "term"; readonly term: Term }
  /** Term and vote have become durable. */
  | { readonly event: "hard-state"; readonly term: Term; readonly vote: NodeId | null }
  | { readonly event: "pre-candidate"; readonly term: Term; readonly cause: CampaignCause }
  | { readonly event: "candidate"; readonly term: Term; readonly cause: CampaignCause }
  /** A vote, or a pre-vote, is on its way to `to`. */
  | { readonly event: "vote-granted"; readonly term: Term; readonly to: NodeId; readonly preVote: boolean }
  | {
      readonly event: "vote-refused";
      readonly term: Term;
      readonly to: NodeId;
      readonly preVote: boolean;
      readonly reason: string;
    }
  | { readonly event: "vote-received"; readonly term: Term; readonly from: NodeId; readonly preVote: boolean }
  /** `voters` are those of the election. */
  | {
      readonly event: "leader";
      readonly term: Term;
      readonly clusterId: string;
      readonly voters: readonly RecordedVoter[];
    }
  | { readonly event: "follows"; readonly term: Term; readonly leader: NodeId }
  | { readonly event: "stepped-down"; readonly term: Term; readonly cause: StepDownCause }
  /** The entries `from` to `last` are gone. */
  | { readonly event: "truncated"; readonly from: LogIndex; readonly last: LogIndex }
  | { readonly event: "transfer-started"; readonly to: NodeId }
  | { readonly event: "transfer-aborted"; readonly to: NodeId }
  | { readonly event: "peer-lost"; readonly peer: NodeId }
  | { readonly event: "late-wake"; readonly lateMs: number }
  | { readonly event: "quiet"; readonly term: Term; readonly leader: NodeId }
  | { readonly event: "awake"; readonly term: Term }
  | { readonly event: "stalled" }
  | { readonly event: "stopped" }
  | { readonly event: "failed"; readonly code: string };

/** A record before it is numbered. `wall`: milliseconds since the epoch. `at`: of a clock that never goes back. */
export type Unnumbered = { readonly wall: number; readonly at: number } & (
  | UnplacedOpener
  | Progress
  | Happening
);

/** A record as it is read. `seq` rises by one from record to record, over all files of a node. */
export type FlightRecord = { readonly seq: number; readonly wall: number; readonly at: number } & (
  | Opener
  | Progress
  | Happening
);

export function isOpener(record: FlightRecord): record is FlightRecord & Opener {
  return record.event === "started" || record.event === "rotated" || record.event === "resumed";
}

export function recordedConfiguration(
  index: LogIndex,
  { clusterId, slots }: Configuration,
): RecordedConfiguration {
  const voters = slots.map((slot) => (slot.id === null ? null : ([slot.id, slot.storeId] as const)));
  return { index, clusterId, voters };
}
