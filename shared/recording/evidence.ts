import type { Findings, Where } from "./findings.ts";
import type { RecordedElections, RecordedVotes } from "./recorded-elections.ts";
import type { RecordedLog } from "./recorded-log.ts";
import type { RecordedConfiguration } from "./records.ts";

/**
 * What recordings do not tell. `head`: what was before their first record. `tail`: what came after their last, cut
 * through or not. `away`: what came between the last record of a run that was not stopped, and the next run. `dropped`:
 * records that could not be written. `missing`: a node of which there is no recording. `untold`: what comes after a
 * record that is not what was written.
 */
export type GapKind = "head" | "tail" | "away" | "dropped" | "missing" | "untold";

export interface RawGap {
  readonly kind: GapKind;
  readonly message: string;
  /** The record at its edge; null when there is none. */
  readonly record: Where | null;
}

/** Where recordings put what concerns more than one node. */
export interface Evidence {
  readonly findings: Findings;
  readonly votes: RecordedVotes;
  logOf(clusterId: string): RecordedLog;
  electionsOf(clusterId: string): RecordedElections;
  /** A configuration was in a log of its cluster. */
  configured(configuration: RecordedConfiguration): void;
  gap(kind: GapKind, message: string, record: Where | null): void;
}
