import { invariant } from "../errors.ts";
import type { Core, LeaderState } from "./core.ts";
import {
  addEntry,
  becomeFollower,
  commitTo,
  configurationOf,
  createEntry,
  electionTimeoutMinMs,
  trace,
} from "./core.ts";
import { considerHandOver, keepOffice } from "./priority.ts";
import type { Progress } from "./progress.ts";
import {
  createProgress,
  recordAcknowledged,
  recordAwaited,
  recordLost,
  recordRejected,
  recordSent,
  windowIsOpen,
} from "./progress.ts";
import {
  considerQuiescence,
  isAskedForSilence,
  isLeftAlone,
  recordActivity,
  recordQuiet,
} from "./quiescence.ts";
import { committedIndex, members, quorumValue } from "./quorum.ts";
import { answerConfirmedReads, registerWaitingReads } from "./reads.ts";
import { bytesOf, findConflictByTerm, termAt } from "./term-log.ts";
import { advanceTransfer } from "./transfer.ts";
import type {
  AppendEntriesRange,
  AppendEntriesResponse,
  EntryRange,
  LogIndex,
  NodeId,
  Proposal,
  StepResult,
} from "./types.ts";

/**
 * The leader's side of log replication: paper 5.3 and 5.4.2, writing in parallel with sending as in thesis 10.2.1.
 * follower.ts is the other side.
 */

/** Room that an entry's header takes in windows and limits, beside its payload. */
export const entryOverheadBytes = 64;

export function becomeLeader(core: Core): void {
  const { state, settings } = core;
  invariant(state.role.type === "candidate", "only a candidate becomes leader", () => state.role.type);
  if (state.role.cause === "transfer") keepOffice(core);
  state.role = {
    type: "leader",
    since: state.now,
    firstIndex: state.log.lastIndex + 1,
    progress: [],
    heartbeatDeadline: state.now + settings.heartbeatMs,
    round: 0,
    roundOpen: false,
    heartbeatDue: true,
    commitNoticeAt: Number.POSITIVE_INFINITY,
    reads: [],
    transfer: null,
    activeAt: state.now,
    quiescing: null,
    awakeSince: state.now,
    beatCommit: Number.POSITIVE_INFINITY,
    uncommittedBytes: 0,
  };
  state.leader = settings.id;
  state.leaderContactAt = null;
  state.leaderLostUntil = 0;
  state.leaderAskedUntil = 0;
  trace(core, { type: "leader", term: state.term });
  // The first entry of a term settles what earlier terms left open (paper 8, 5.4.2); the very first of all says who
  // the cluster is.
  if (state.log.lastIndex === 0) {
    const configuration = configurationOf(state);
    invariant(configuration !== null, "a leader has a configuration", () => "none before the first entry");
    addEntry(core, createEntry(core, "configuration", configurationSize(configuration), { configuration }));
  } else {
    addEntry(core, createEntry(core, "noop", entryOverheadBytes));
  }
  followConfiguration(core, state.role);
}

export function configurationSize(configuration: { readonly slots: readonly unknown[] }): number {
  return entryOverheadBytes + 256 * configuration.slots.length;
}

/** Keeps a progress for every other named member, and for nobody else. */
export function followConfiguration(core: Core, leader: LeaderState): void {
  const configuration = configurationOf(core.state);
  if (configuration === null) return;
  const others = members(configuration).filter(({ id }) => id !== core.settings.id);
  const known = new Map(leader.progress.map((progress) => [progress.id, progress]));
  leader.progress.length = 0;
  for (const { id } of others) {
    leader.progress.push(
      known.get(id) ??
        createProgress(id, core.state.log.lastIndex, core.state.now, core.settings.maxMessageBytes),
    );
  }
}

export function propose(core: Core, proposals: readonly Proposal[], awaitedBy?: NodeId): StepResult {
  const { state, settings } = core;
  if (state.role.type !== "leader") return { accepted: false, reason: "not-leader" };
  if (state.stalled) return { accepted: false, reason: "stalled" };
  if (state.role.transfer) return { accepted: false, reason: "transferring" };
  if (state.role.uncommittedBytes > settings.maxUncommittedBytes)
    return { accepted: false, reason: "overloaded" };
  const first = state.log.lastIndex + 1;
  for (const { size, data } of proposals) {
    const entry = createEntry(core, "command", size + entryOverheadBytes, data === undefined ? {} : { data });
    addEntry(core, entry);
  }
  if (awaitedBy !== undefined) recordAwaited(state.role.progress, awaitedBy, state.log.lastIndex);
  recordActivity(core);
  trace(core, { type: "appended", first, last: state.log.lastIndex, term: state.term, leader: true });
  return { accepted: true, first, term: state.term };
}

export function onAppendEntriesResponse(core: Core, message: AppendEntriesResponse): void {
  const { state } = core;
  if (message.term > state.term) {
    becomeFollower(core, message.term, null, "higher-term");
    return;
  }
  if (message.term < state.term || state.role.type !== "leader") return;
  const leader = state.role;
  const progress = leader.progress.find(({ id }) => id === message.from);
  if (!progress) return;
  progress.contactAt = state.now;
  progress.answered = true;
  progress.lowPriority = message.lowPriority === true;
  // Nobody can have answered a round that was not sent to it.
  progress.ackedRound = Math.max(progress.ackedRound, Math.min(message.round, progress.sentRound));
  if (message.success) {
    // Nobody can hold more of this log than there is.
    if (message.matchIndex > state.log.lastIndex) return;
    if (recordAcknowledged(progress, message.matchIndex, state.now, core.settings.maxMessageBytes))
      advanceCommit(core);
  } else {
    const hint = findConflictByTerm(state.log, message.conflictIndex, message.conflictTerm);
    recordRejected(progress, message.prevLogIndex, hint);
  }
  recordQuiet(core, leader, progress, message);
  answerConfirmedReads(core);
  advanceTransfer(core);
}

/** Commits what a majority holds durably, itself included only as far as its own disk has it. */
export function advanceCommit(core: Core): void {
  const { state, settings } = core;
  const configuration = configurationOf(state);
  if (state.role.type !== "leader" || configuration === null) return;
  const leader = state.role;
  const index = committedIndex(configuration, (id) => matchOf(core, leader, id));
  // Only entries of the own term commit by counting; earlier ones follow with them (paper 5.4.2, Figure 8).
  if (index <= state.commitIndex || termAt(state.log, index) !== state.term) return;
  const committed = bytesOf(state.log, {
    first: Math.max(state.commitIndex + 1, leader.firstIndex),
    last: index,
  });
  // Sizes from far back are not known: then what is left is counted, as soon as all of that is known.
  leader.uncommittedBytes =
    committed === undefined
      ? (bytesOf(state.log, { first: index + 1, last: state.log.lastIndex }) ?? leader.uncommittedBytes)
      : leader.uncommittedBytes - committed;
  invariant(settings.id === state.leader, "only a leader commits by counting", () => `${state.leader}`);
  commitTo(core, index);
  registerWaitingReads(core);
}

function matchOf(core: Core, leader: LeaderState, id: NodeId): number {
  if (id === core.settings.id) return core.state.log.durableIndex;
  return leader.progress.find((progress) => progress.id === id)?.matchIndex ?? 0;
}

export function onUnreachable(core: Core, peer: NodeId): void {
  if (core.state.role.type !== "leader") return;
  const progress = core.state.role.progress.find(({ id }) => id === peer);
  if (progress) recordLost(progress);
}

export function onLeaderDeadline(core: Core): void {
  const { state, settings } = core;
  if (state.role.type !== "leader") return;
  const leader = state.role;
  if (quorumContactDeadline(core, leader) <= state.now) {
    becomeFollower(core, state.term, null, "no-quorum");
    return;
  }
  if (leader.heartbeatDeadline > state.now) return;
  leader.heartbeatDeadline = state.now + settings.heartbeatMs;
  leader.heartbeatDue = true;
  considerHandOver(core, leader);
  considerQuiescence(core, leader);
  // What has been under way for so long is lost, whatever the transport believes.
  const patienceMs = 2 * electionTimeoutMinMs(core);
  for (const progress of leader.progress) {
    const waiting = progress.inflight.length > 0 || progress.paused;
    if (progress.state === "replicate" && waiting && progress.movedAt + patienceMs <= state.now)
      recordLost(progress);
  }
}

/** Check-quorum (thesis 6.2): a leader that has not heard a majority for an election timeout steps down. */
export function quorumContactDeadline(core: Core, leader: LeaderState): number {
  const configuration = configurationOf(core.state);
  if (configuration === null) return Number.POSITIVE_INFINITY;
  const contactOf = (id: NodeId) => {
    if (id === core.settings.id) return Number.POSITIVE_INFINITY;
    const contactAt = leader.progress.find((progress) => progress.id === id)?.contactAt ?? leader.since;
    return Math.max(contactAt, leader.awakeSince);
  };
  return quorumValue(configuration, contactOf, Number.NEGATIVE_INFINITY) + electionTimeoutMinMs(core);
}

/** Writes the messages that the leader's followers are due: new entries, a commit index, a round, a heartbeat. */
export function flushLeader(core: Core): void {
  const { state } = core;
  if (state.role.type !== "leader" || state.quiet) return;
  const leader = state.role;
  if (leader.heartbeatDue && !leader.roundOpen) leader.round++;
  for (const progress of leader.progress) flushPeer(core, leader, progress);
  leader.heartbeatDue = false;
  leader.roundOpen = false;
  const isUntold = leader.progress.some((progress) => untoldCommit(core, progress) > 0);
  if (!isUntold) leader.commitNoticeAt = Number.POSITIVE_INFINITY;
  else if (leader.commitNoticeAt <= state.now || leader.commitNoticeAt === Number.POSITIVE_INFINITY)
    leader.commitNoticeAt = state.now + core.settings.commitNoticeMs;
}

/** The commit index that a follower holds and has not been told of; 0 when it has, or cannot be. */
function untoldCommit({ state }: Core, progress: Progress): LogIndex {
  const commitKnown = Math.min(state.commitIndex, progress.matchIndex);
  return progress.state === "replicate" && commitKnown > progress.sentCommit ? commitKnown : 0;
}

/** Entries carry the commit index along: a message for it alone waits a while for some, unless somebody waits for it. */
function isCommitNoticeDue(core: Core, leader: LeaderState, progress: Progress): boolean {
  const untold = untoldCommit(core, progress);
  if (untold === 0) return false;
  if (core.settings.commitNoticeMs === 0 || leader.commitNoticeAt <= core.state.now) return true;
  return progress.awaitedCommit > progress.sentCommit;
}

function flushPeer(core: Core, leader: LeaderState, progress: Progress): void {
  const { state, settings } = core;
  let sent = false;
  while (progress.nextIndex <= state.log.lastIndex && windowIsOpen(progress, settings)) {
    const range = nextRange(core, progress);
    const bytes = bytesOf(state.log, range);
    // Entries whose sizes are not known go one message at a time.
    if (bytes === undefined && progress.inflight.length > 0) break;
    sendAppend(core, leader, progress, progress.nextIndex - 1, range, bytes === undefined);
    recordSent(progress, range.last, bytes, state.now);
    sent = true;
  }
  if (sent) return;
  if (isLeftAlone(leader, progress)) return;
  const due =
    leader.heartbeatDue || progress.sentRound < leader.round || isCommitNoticeDue(core, leader, progress);
  if (!due) return;
  // A heartbeat asks about what is certain; while probing it is itself a probe.
  const prev = progress.state === "probe" ? progress.nextIndex - 1 : progress.matchIndex;
  sendAppend(core, leader, progress, prev, { first: prev + 1, last: prev }, false);
}

function nextRange(core: Core, progress: Progress): EntryRange {
  const { log } = core.state;
  const { maxMessageEntries } = core.settings;
  const first = progress.nextIndex;
  const limit = Math.min(log.lastIndex, first + maxMessageEntries - 1);
  let last = first;
  if (first < log.sizesFirst) return { first, last: Math.min(limit, log.sizesFirst - 1) };
  let bytes = log.sizes[first - log.sizesFirst] ?? 0;
  while (last < limit) {
    bytes += log.sizes[last + 1 - log.sizesFirst] ?? 0;
    if (bytes > progress.maxBytes) break;
    last++;
  }
  return { first, last };
}

function sendAppend(
  core: Core,
  leader: LeaderState,
  progress: Progress,
  prevLogIndex: number,
  range: EntryRange,
  upTo: boolean,
): void {
  const { state, settings, out } = core;
  const prevLogTerm = termAt(state.log, prevLogIndex);
  const configuration = configurationOf(state);
  invariant(
    prevLogTerm !== undefined && configuration !== null,
    "entries before a message are in the log",
    () => `${prevLogIndex}`,
  );
  const proven = upTo ? prevLogIndex : Math.max(prevLogIndex, range.last);
  const leaderCommit = Math.min(state.commitIndex, proven);
  const message: AppendEntriesRange = {
    type: "AppendEntries",
    from: settings.id,
    to: progress.id,
    term: state.term,
    leaderId: settings.id,
    prevLogIndex,
    prevLogTerm,
    range,
    upTo,
    maxBytes: progress.maxBytes,
    leaderCommit,
    heartbeatMs: settings.heartbeatMs,
    logClusterId: configuration.clusterId,
    round: leader.round,
  };
  out.send.push(isAskedForSilence(leader, progress, range) ? { ...message, quiesce: true } : message);
  progress.sentRound = leader.round;
  progress.sentCommit = Math.max(progress.sentCommit, leaderCommit);
}
