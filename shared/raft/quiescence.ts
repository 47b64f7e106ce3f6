import type { Core, LeaderState } from "./core.ts";
import {
  electionTimeoutMinMs,
  endSilence,
  hardStateIsDurable,
  heartbeatMs,
  momentWithin,
  randomBelow,
  trace,
} from "./core.ts";
import type { Progress } from "./progress.ts";
import type { AppendEntries, AppendEntriesResponse, EntryRange, NodeId } from "./types.ts";

/**
 * An idle cluster falls silent: nobody sends, nobody has a deadline, and on a host that bills by the request it costs
 * nothing. Raft has no such thing; CockroachDB's quiescent ranges and TiKV's hibernating regions are where it is from.
 *
 * A leader to which nothing was proposed for a while, and whose followers hold all of its log and know it committed,
 * asks them with its heartbeats to fall silent; each says whether it does, and is left alone then, and when all have,
 * the leader does too. If one does not, it goes on with heartbeats, which wake the others.
 *
 * Silence proves nothing, so nothing may rest on it: a quiet leader confirms its office before it answers a read, as
 * always (reads.ts), and a quiet follower takes no leader for alive. Whatever comes to a quiet node wakes it. A leader
 * begins its heartbeats anew; a follower asks its leader, and stands for election when that does not answer, or says
 * that it leads no more. One that has lost its memory, and its leader with it, hears all the others before it stands.
 */

/** A node that wakes without a leader asks for votes within this time. */
const wakeJitterMs = 20;
/** Under this number a follower that wakes asks whether its leader still leads; no read of a client has it. */
export const probeReadId = 0;

// ---- the leader ----

/** Something has come that the cluster is awake for. */
export function recordActivity({ state }: Core): void {
  if (state.role.type !== "leader") return;
  state.role.activeAt = state.now;
  state.role.quiescing = null;
}

/** At the time of a heartbeat: whether it is to ask for silence, or to ask on. What nobody granted in time ends. */
export function considerQuiescence(core: Core, leader: LeaderState): void {
  const { state } = core;
  if (leader.quiescing !== null) {
    if (leader.quiescing.until <= state.now) recordActivity(core);
    return;
  }
  if (!mayFallSilent(core, leader)) return;
  for (const progress of leader.progress) progress.quiet = false;
  leader.quiescing = { round: leader.round + 1, until: state.now + patienceMs(core) };
  settleSilence(core, leader);
}

/** Those who agreed first are not heard from again: the last one has to before they are missed (check-quorum). */
function patienceMs(core: Core): number {
  return electionTimeoutMinMs(core) - 2 * core.settings.heartbeatMs;
}

function mayFallSilent(core: Core, leader: LeaderState): boolean {
  const { settings, state } = core;
  const { log, commitIndex, now } = state;
  if (settings.quiesceAfterMs === 0 || now - leader.activeAt < settings.quiesceAfterMs) return false;
  if (leader.reads.length > 0 || leader.transfer || state.stalled || !hardStateIsDurable(state)) return false;
  if (commitIndex < log.lastIndex || log.durableIndex < log.lastIndex) return false;
  for (const progress of leader.progress) {
    if (progress.contactAt + settings.awayAfterMs <= now) progress.away = true;
  }
  const since = now - electionTimeoutMinMs(core);
  return leader.progress.every((progress) => progress.away || isSettled(progress, commitIndex, since));
}

/** It holds the whole log, has been told that all of it is committed, and answers. */
function isSettled(progress: Progress, commitIndex: number, since: number): boolean {
  return (
    progress.state === "replicate" &&
    progress.matchIndex === commitIndex &&
    progress.sentCommit === commitIndex &&
    progress.contactAt > since
  );
}

/** Whether a message is to ask its follower for silence. */
export function isAskedForSilence(
  leader: LeaderState,
  progress: Progress,
  { first, last }: EntryRange,
): boolean {
  return leader.quiescing !== null && !progress.away && last < first;
}

/** It has fallen silent: a heartbeat would wake it. */
export function isLeftAlone(leader: LeaderState, progress: Progress): boolean {
  return leader.quiescing !== null && progress.quiet;
}

/** An answer, perhaps to a request for silence; one from a member that was away, and a refusal, end the silence. */
export function recordQuiet(
  core: Core,
  leader: LeaderState,
  progress: Progress,
  message: AppendEntriesResponse,
): void {
  if (progress.away || !message.success) wake(core);
  progress.away = false;
  if (leader.quiescing === null || message.round < leader.quiescing.round) return;
  if (message.quiet !== true) {
    recordActivity(core);
    return;
  }
  progress.quiet = true;
  settleSilence(core, leader);
}

/** All whom the leader waits for are silent: it falls silent as well. */
function settleSilence(core: Core, leader: LeaderState): void {
  const { state } = core;
  if (leader.transfer || !leader.progress.every(({ quiet, away }) => quiet || away)) return;
  leader.quiescing = null;
  leader.heartbeatDue = false;
  state.quiet = true;
  trace(core, { type: "quiet", term: state.term, leader: core.settings.id });
}

// ---- the follower ----

/** Whether this node falls silent as its leader asks: it has nothing left to write, to learn, or to wait for. */
export function onQuiesce(core: Core, message: AppendEntries): boolean {
  const { state } = core;
  const { lastIndex, durableIndex } = state.log;
  if (message.quiesce !== true || message.entries.length > 0 || state.stalled) return false;
  if (message.prevLogIndex !== lastIndex || state.commitIndex !== lastIndex) return false;
  if (durableIndex !== lastIndex || !hardStateIsDurable(state)) return false;
  state.quiet = true;
  state.leaderContactAt = null;
  trace(core, { type: "quiet", term: state.term, leader: message.leaderId });
  return true;
}

// ---- waking ----

/** Does nothing where the node is awake. */
export function wake(core: Core): void {
  const { state, settings } = core;
  if (!state.quiet) return;
  endSilence(core);
  if (state.role.type === "leader") {
    recordActivity(core);
    // It has asked nobody, so nobody owes it an answer yet.
    state.role.awakeSince = state.now;
    state.role.heartbeatDue = true;
    state.role.heartbeatDeadline = state.now + settings.heartbeatMs;
  } else if (state.leader === null) {
    standSoon(core);
  } else {
    askLeader(core, state.leader);
  }
}

/** Until it answers, or has had the time to, the leader is given the benefit of the doubt. */
function askLeader(core: Core, leader: NodeId): void {
  const { state, settings, out } = core;
  const beatMs = heartbeatMs(core);
  state.leaderAskedUntil = state.now + Math.max(beatMs, electionTimeoutMinMs(core) / 2);
  // Of low priority or not: what it asks then is what wakes the others.
  state.electionDeadline = state.leaderAskedUntil + randomBelow(core, beatMs);
  state.leaderLostUntil = state.leaderAskedUntil + electionTimeoutMinMs(core);
  state.leaderLostBy = "wake";
  out.send.push({
    type: "ReadIndex",
    from: settings.id,
    to: leader,
    term: state.term,
    readId: probeReadId,
  });
}

/** The leader that was asked is not there, or says that it leads no more. */
export function onLeaderAbsent(core: Core, peer: NodeId): void {
  const { state } = core;
  if (state.leader !== peer || state.now >= state.leaderAskedUntil) return;
  state.leader = null;
  state.leaderContactAt = null;
  standSoon(core);
}

/** As when a leader's connection is lost (election.ts): there is no reason to wait for a timeout. */
function standSoon(core: Core): void {
  const { state } = core;
  state.leaderAskedUntil = 0;
  state.leaderLostUntil = state.now + electionTimeoutMinMs(core);
  state.leaderLostBy = "wake";
  state.electionDeadline = momentWithin(core, wakeJitterMs);
}
