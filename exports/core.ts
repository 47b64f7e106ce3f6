/**
 * `raft-lite/core`: consensus as a pure state machine. One event in, the work it wants done out; no I/O, no clock, no
 * timer, no chance of its own. Imports nothing.
 */
export { InvariantViolation } from "../shared/errors.ts";
export type { RaftSettings } from "../shared/raft/core.ts";
export { defaultLimits } from "../shared/raft/core.ts";
export type { RestoredState } from "../shared/raft/raft.ts";
export { Raft } from "../shared/raft/raft.ts";
export type {
  AppendEntries,
  AppendEntriesRange,
  AppendEntriesResponse,
  CampaignCause,
  Configuration,
  Entry,
  EntryKind,
  EntryRange,
  HardState,
  LogIndex,
  Member,
  Message,
  NodeId,
  OpenSlot,
  OutgoingMessage,
  Persist,
  Proposal,
  ProposeRefusal,
  RaftEvent,
  RaftTrace,
  RaftView,
  ReadIndexRequest,
  ReadIndexResponse,
  ReadOutcome,
  RequestVote,
  RequestVoteResponse,
  RoleName,
  Slot,
  StepDownCause,
  StepResult,
  Term,
  TermRun,
  TimeoutNow,
  Work,
} from "../shared/raft/types.ts";
