import type {
  AppendEntries,
  AppendEntriesResponse,
  Entry,
  NodeId,
  RequestVote,
  RequestVoteResponse,
} from "../../../shared/raft/types.ts";
import { timings } from "./settings.ts";

/** Messages as a peer sends them to `N`, the node under test, with everything that a test does not care about. */

export const self = "N";

export function requestVote(
  from: NodeId,
  term: number,
  [lastLogIndex, lastLogTerm]: readonly [index: number, term: number],
  rest: Partial<RequestVote> = {},
): RequestVote {
  return {
    type: "RequestVote",
    from,
    to: self,
    term,
    candidateId: from,
    lastLogIndex,
    lastLogTerm,
    preVote: false,
    leadershipTransfer: false,
    ...rest,
  };
}

export function voteReply(
  from: NodeId,
  term: number,
  voteGranted: boolean,
  rest: Partial<RequestVoteResponse> = {},
): RequestVoteResponse {
  return {
    type: "RequestVoteResponse",
    from,
    to: self,
    term,
    requestTerm: term,
    voteGranted,
    preVote: false,
    ...rest,
  };
}

/** A voter that grants a pre-vote for `term` is itself in the term before. */
export function preVoteReply(from: NodeId, term: number, voteGranted: boolean): RequestVoteResponse {
  return voteReply(from, term - 1, voteGranted, { requestTerm: term, preVote: true });
}

export function append(
  from: NodeId,
  term: number,
  [prevLogIndex, prevLogTerm]: readonly [index: number, term: number],
  entries: readonly Entry[] = [],
  rest: Partial<AppendEntries> = {},
): AppendEntries {
  return {
    type: "AppendEntries",
    from,
    to: self,
    term,
    leaderId: from,
    prevLogIndex,
    prevLogTerm,
    entries,
    leaderCommit: 0,
    heartbeatMs: timings.heartbeatMs,
    round: 1,
    ...rest,
  };
}

export function ack(
  from: NodeId,
  term: number,
  matchIndex: number,
  rest: Partial<AppendEntriesResponse> = {},
): AppendEntriesResponse {
  return {
    type: "AppendEntriesResponse",
    from,
    to: self,
    term,
    success: true,
    matchIndex,
    conflictIndex: 0,
    conflictTerm: 0,
    prevLogIndex: 0,
    round: 1,
    ...rest,
  };
}

export function reject(
  from: NodeId,
  term: number,
  prevLogIndex: number,
  [conflictIndex, conflictTerm]: readonly [index: number, term: number],
): AppendEntriesResponse {
  return ack(from, term, 0, { success: false, prevLogIndex, conflictIndex, conflictTerm });
}
