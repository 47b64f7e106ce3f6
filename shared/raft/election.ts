import type { Core, Role } from "./core.ts";
import {
  becomeFollower,
  configurationOf,
  electionTimeoutMinMs,
  endSilence,
  hardStateIsDurable,
  heartbeatMs,
  isPromotable,
  momentWithin,
  randomBelow,
  reply,
  resetElectionDeadline,
  trace,
} from "./core.ts";
import { wake } from "./quiescence.ts";
import type { Votes } from "./quorum.ts";
import { isMember, members, voteResult } from "./quorum.ts";
import { becomeLeader } from "./replication.ts";
import { isUpToDate, lastTerm } from "./term-log.ts";
import type {
  CampaignCause,
  Configuration,
  NodeId,
  RaftTrace,
  RequestVote,
  RequestVoteResponse,
  TimeoutNow,
} from "./types.ts";

/** Leader election: paper 5.2 and 5.4.1, pre-vote and check-quorum of thesis 9.6 and 6.2. */

/** A node that lost its leader's connection asks for votes within this time, and again as often. */
const peerLostRetryMs = 20;

/** How often a node asks that knows its leader to be gone. One that woke up knows nothing of how near the others are. */
function retryMs(core: Core): number {
  return core.state.leaderLostBy === "wake" ? heartbeatMs(core) : peerLostRetryMs;
}

type VoteRefusal = Extract<RaftTrace, { type: "vote-refused" }>["reason"];

export function onElectionDeadline(core: Core): void {
  const { state } = core;
  if (!isPromotable(core)) {
    resetElectionDeadline(core);
    return;
  }
  // Whoever may lead has had the time to say so.
  if (countVotes(core, true)) return;
  startPreVote(core, isLeaderLost(core) ? state.leaderLostBy : "timeout");
}

/** It asks without having waited for an election timeout, and may have been promised its votes already. */
function isHasty(role: Role): boolean {
  return role.type === "pre-candidate" && role.cause !== "timeout";
}

function isLeaderLost({ state }: Core): boolean {
  return state.now < state.leaderLostUntil;
}

/**
 * Asks whether an election could be won, without touching any term: a node that was cut off cannot depose a leader
 * that serves the majority.
 */
function startPreVote(core: Core, cause: CampaignCause): void {
  const { state, settings } = core;
  state.leader = null;
  state.leaderContactAt = null;
  state.role = { type: "pre-candidate", cause, votes: { granted: [settings.id], refused: [] } };
  setCampaignDeadline(core, cause);
  trace(core, { type: "pre-candidate", term: state.term + 1, cause });
  askForVotes(core, true, false);
  countVotes(core);
}

/** Raises the term and stands for it (paper 5.2). */
function startElection(core: Core, cause: CampaignCause): void {
  const { state, settings } = core;
  endSilence(core);
  state.term += 1;
  state.votedFor = settings.id;
  state.hardStateDirty = true;
  state.leader = null;
  state.leaderContactAt = null;
  // The own vote counts when it is durable: a leader must never come back to its term with other entries.
  state.role = { type: "candidate", cause, votes: { granted: [], refused: [] } };
  resetElectionDeadline(core);
  trace(core, { type: "term", term: state.term });
  trace(core, { type: "candidate", term: state.term, cause });
  askForVotes(core, false, cause === "transfer");
}

/** After a lost leader the next try comes at once; a rival's luck decides by the random part. */
function setCampaignDeadline(core: Core, cause: CampaignCause): void {
  const { state } = core;
  if (cause !== "peer-lost" && cause !== "wake") resetElectionDeadline(core);
  else state.electionDeadline = momentWithin(core, retryMs(core)) + retryMs(core) / 2;
}

function askForVotes(core: Core, preVote: boolean, leadershipTransfer: boolean): void {
  const { state, settings, out } = core;
  const configuration = configurationOf(state);
  if (configuration === null) return;
  // A vote is given to a log. While a crash could shorten this one it must not collect any: they would still be under
  // way to a node that has come back, asks for the same term again, and lacks what a voter saw in its request.
  const outbox = preVote || state.log.durableIndex === state.log.lastIndex ? out.send : out.sendAfter;
  for (const { id } of members(configuration)) {
    if (id === settings.id) continue;
    outbox.push({
      type: "RequestVote",
      from: settings.id,
      to: id,
      term: preVote ? state.term + 1 : state.term,
      candidateId: settings.id,
      lastLogIndex: state.log.lastIndex,
      lastLogTerm: lastTerm(state.log),
      preVote,
      leadershipTransfer,
      ...(settings.electionPriority === "low" && { lowPriority: true }),
    });
  }
}

export function onRequestVote(core: Core, message: RequestVote): void {
  const { state } = core;
  // What cannot be made durable is not answered; the candidate asks others.
  if (state.stalled) return;
  forgetAsking(core, message);
  wake(core);
  const refusal = message.preVote ? considerPreVote(core, message) : considerVote(core, message);
  if (refusal === null && !message.preVote) {
    if (state.votedFor !== message.candidateId) {
      state.votedFor = message.candidateId;
      state.hardStateDirty = true;
    }
    state.role = { type: "follower" };
    resetElectionDeadline(core);
  }
  if (refusal === null && message.preVote && (isLeaderLost(core) || isHasty(state.role))) standBack(core);
  const about = { term: message.term, to: message.candidateId, preVote: message.preVote };
  if (refusal === null) trace(core, { type: "vote-granted", ...about });
  else trace(core, { type: "vote-refused", ...about, reason: refusal });
  reply(core, {
    type: "RequestVoteResponse",
    from: core.settings.id,
    to: message.from,
    term: state.term,
    requestTerm: message.term,
    voteGranted: refusal === null,
    preVote: message.preVote,
  });
}

/** Whoever asks for votes in a later term does not lead any more: it was started again, or woke up without its office. */
function forgetAsking({ state }: Core, { from, term }: RequestVote): void {
  // A leader that is heard is believed, whatever comes in its name.
  if (!state.quiet && state.now >= state.leaderAskedUntil) return;
  if (state.leader !== from || term <= state.term) return;
  state.leader = null;
  state.leaderContactAt = null;
  state.leaderAskedUntil = 0;
}

function considerPreVote(core: Core, message: RequestVote): VoteRefusal | null {
  const { state } = core;
  if (message.term <= state.term) return "old-term";
  if (isUnknownBeforeBootstrap(core, message)) return "unknown-candidate";
  if (hasLiveLeader(core)) return "leader-alive";
  if (!isUpToDate(state.log, message.lastLogTerm, message.lastLogIndex)) return "log-behind";
  return goesFirst(core, message) ? "rival" : null;
}

/**
 * Nodes that lose their leader's connection do so in the same moment. If they granted each other's pre-vote, each
 * would raise the term, vote for itself, and wait for a whole election timeout: of equal logs the higher priority goes
 * first, then the lower id. Only for as long as the loss is fresh, so that nobody is kept from leading by one that cannot.
 */
function goesFirst({ state, settings }: Core, rival: RequestVote): boolean {
  const { role, log } = state;
  if (role.type !== "pre-candidate" || role.cause === "timeout" || rival.term !== state.term + 1)
    return false;
  if (rival.lastLogTerm !== lastTerm(log) || rival.lastLogIndex !== log.lastIndex) return false;
  const isLow = settings.electionPriority === "low";
  if (isLow !== (rival.lowPriority === true)) return !isLow;
  return settings.id < rival.candidateId;
}

/** Whoever lost its leader too and would vote for another leaves that one the time to be elected. */
function standBack(core: Core): void {
  const { state } = core;
  if (state.role.type === "pre-candidate") state.role = { type: "follower" };
  const leaveMs = retryMs(core) + randomBelow(core, retryMs(core));
  state.electionDeadline = Math.max(state.electionDeadline, state.now + leaveMs);
}

function considerVote(core: Core, message: RequestVote): VoteRefusal | null {
  const { state } = core;
  if (message.term < state.term) return "old-term";
  if (isUnknownBeforeBootstrap(core, message)) return "unknown-candidate";
  // Stickiness (thesis 4.2.3): a term is not even looked at while a leader is alive, unless that leader sent it.
  if (!message.leadershipTransfer && hasLiveLeader(core)) return "leader-alive";
  if (message.term > state.term) becomeFollower(core, message.term, null, "higher-term");
  if (state.leader !== null) return "voted";
  if (state.votedFor !== null && state.votedFor !== message.candidateId) return "voted";
  return isUpToDate(state.log, message.lastLogTerm, message.lastLogIndex) ? null : "log-behind";
}

/**
 * A configuration tells who may lead; a voter answers whoever asks (thesis 4.1), since its own may be old or missing,
 * and a candidate with a log carries the one that governs. Before any there is only the list of peers that this node
 * was given and has found: to found a cluster, nobody else gets its vote.
 */
function isUnknownBeforeBootstrap(core: Core, { candidateId, lastLogIndex }: RequestVote): boolean {
  const { state } = core;
  if (state.configurations.length > 0 || lastLogIndex > 0) return false;
  return state.provisional === null || !isMember(state.provisional, candidateId);
}

function hasLiveLeader(core: Core): boolean {
  const { state } = core;
  // A leader steps down by itself when it has lost its majority; until then it is alive.
  if (state.role.type === "leader") return true;
  if (state.leader === null) return false;
  // One that was asked a moment ago has not been given the time to answer.
  if (state.now < state.leaderAskedUntil) return true;
  if (state.leaderContactAt === null) return false;
  return state.now - state.leaderContactAt < electionTimeoutMinMs(core);
}

export function onRequestVoteResponse(core: Core, message: RequestVoteResponse): void {
  const { state } = core;
  if (message.term > state.term) {
    becomeFollower(core, message.term, null, "higher-term");
    return;
  }
  const { role } = state;
  const asked = message.preVote
    ? role.type === "pre-candidate" && message.requestTerm === state.term + 1
    : role.type === "candidate" && message.requestTerm === state.term;
  if (!asked || (role.type !== "pre-candidate" && role.type !== "candidate")) return;
  if (role.votes.granted.includes(message.from)) return;
  role.votes = withVote(role.votes, message.from, message.voteGranted);
  if (message.voteGranted) {
    trace(core, {
      type: "vote-received",
      term: message.requestTerm,
      from: message.from,
      preVote: message.preVote,
    });
  }
  countVotes(core);
}

/**
 * A grant stands above a refusal: the refusal may be the late answer to an earlier try for the same term. Sorted, so
 * that the order of arrival makes no difference afterwards.
 */
function withVote(votes: Votes, id: NodeId, granted: boolean): Votes {
  const refused = votes.refused.filter((other) => other !== id);
  return granted
    ? { granted: [...votes.granted, id].sort(), refused }
    : { granted: votes.granted, refused: [...refused, id].sort() };
}

/** The own vote joins the others' once a crash could not take it back. */
export function onHardStateDurable(core: Core): void {
  const { state, settings } = core;
  if (state.role.type !== "candidate" || !hardStateIsDurable(state)) return;
  if (state.role.votes.granted.includes(settings.id)) return;
  state.role.votes = withVote(state.role.votes, settings.id, true);
  countVotes(core);
}

/** `isDue`: nobody is waited for any more. Returns whether an election has begun, or ended well. */
function countVotes(core: Core, isDue = false): boolean {
  const { state, settings } = core;
  const { role } = state;
  const configuration = configurationOf(state);
  if (configuration === null || (role.type !== "pre-candidate" && role.type !== "candidate")) return false;
  const result = voteResult(configuration, role.votes);
  if (result === "pending") return false;
  if (result === "won") {
    if (role.type === "pre-candidate") {
      if (!isDue && waitsForAll(role.cause, role.votes, configuration)) return false;
      startElection(core, role.cause);
      return true;
    }
    if (!role.votes.granted.includes(settings.id)) return false;
    becomeLeader(core);
    return true;
  }
  // Lost: wait for the deadline that was drawn when asking, and ask again then.
  if (role.type === "candidate") state.role = { type: "follower" };
  return false;
}

/**
 * Who woke up without a leader knows nothing of one that others may have: those who lost their memory as well would
 * elect it at once, and depose one that has not been asked yet. So it hears all of them, or waits until its deadline.
 */
function waitsForAll(cause: CampaignCause, votes: Votes, configuration: Configuration): boolean {
  return cause === "wake" && votes.granted.length < members(configuration).length;
}

/** The leader hands over: no pre-vote, no waiting (thesis 3.10). */
export function onTimeoutNow(core: Core, message: TimeoutNow): void {
  const { state } = core;
  if (message.term !== state.term || state.leader !== message.from || !isPromotable(core)) return;
  startElection(core, "transfer");
}

/** The host saw the leader's connection close and its port refuse: there is no reason to wait for the timeout. */
export function onPeerLost(core: Core, peer: NodeId): void {
  const { state } = core;
  if (state.role.type === "leader" || state.leader !== peer) return;
  trace(core, { type: "peer-lost", peer });
  state.leader = null;
  state.leaderContactAt = null;
  // The deadline of a quiet node is long past, and says nothing.
  if (state.quiet) state.electionDeadline = Number.POSITIVE_INFINITY;
  endSilence(core);
  state.leaderAskedUntil = 0;
  state.leaderLostUntil = state.now + electionTimeoutMinMs(core);
  state.leaderLostBy = "peer-lost";
  state.electionDeadline = Math.min(state.electionDeadline, momentWithin(core, peerLostRetryMs));
}
