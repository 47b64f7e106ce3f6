import type { LogIndex, NodeId, Term } from "../raft/types.ts";
import type { GapKind } from "./evidence.ts";
import type { Rule } from "./findings.ts";

/** What comes of judging recordings, as plain data. */

/** A line of a recording, for people to look at. */
export interface RecordText {
  readonly path: string;
  /** From 1. */
  readonly line: number;
  readonly text: string;
}

/** A rule that does not hold. */
export interface Finding {
  readonly rule: Rule;
  readonly message: string;
  /** The records that show it, of both sides where there are two. */
  readonly records: readonly RecordText[];
}

/** What the recordings do not tell: no reason to refuse them. */
export interface Gap {
  readonly kind: GapKind;
  readonly message: string;
  readonly path: string | null;
  readonly line: number | null;
}

export interface RecordingSummary {
  readonly node: NodeId;
  readonly store: string;
  readonly files: number;
  readonly records: number;
  /** Number of the first and of the last start that is told of. */
  readonly firstBoot: number;
  readonly lastBoot: number;
  /** Of its first and last record, milliseconds since the epoch by the node's own clock. */
  readonly from: number;
  readonly to: number;
  readonly term: Term;
  readonly last: LogIndex;
  readonly commit: LogIndex;
  /** How often it stood for election. */
  readonly elections: number;
  /** How it ends; null: its last record says nothing of that. */
  readonly ended: "stopped" | "failed" | null;
}

export interface ClusterSummary {
  readonly clusterId: string;
  /** In the order of the terms. */
  readonly leaders: readonly { readonly term: Term; readonly node: NodeId }[];
  /** The last entry that anybody called committed. */
  readonly commit: LogIndex;
}

export interface Verdict {
  readonly accepted: boolean;
  readonly recordings: readonly RecordingSummary[];
  readonly clusters: readonly ClusterSummary[];
  readonly gaps: readonly Gap[];
  /** The first ones. */
  readonly findings: readonly Finding[];
  /** How many there are in all. */
  readonly findingCount: number;
}
