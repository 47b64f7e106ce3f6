import { invariant } from "../errors.ts";
import type { Core } from "./core.ts";
import { addEntry, becomeFollower, commitTo, reply, trace, truncateLog } from "./core.ts";
import { onQuiesce } from "./quiescence.ts";
import { findConflictByTerm, termAt } from "./term-log.ts";
import type { AppendEntries, LogIndex } from "./types.ts";

/** The follower's side of log replication (paper 5.3): what a leader's messages do to a log, and what is answered. */

export function onAppendEntries(core: Core, message: AppendEntries): void {
  const { state } = core;
  if (message.term < state.term) {
    // The sender learns the term; without that a node with a higher one would be stuck (rule of check-quorum).
    rejectAppend(core, message, state.log.lastIndex);
    return;
  }
  // A second leader of one term cannot be (election safety, paper 5.2): whoever claims it is no peer of ours.
  if (message.term === state.term && state.leader !== null && state.leader !== message.leaderId) return;
  if (contradictsCommitted(core, message)) return;
  state.announcedHeartbeatMs = message.heartbeatMs;
  state.leaderLostUntil = 0;
  becomeFollower(core, message.term, message.leaderId, "higher-term");

  const founding = isOtherFounding(core, message);
  if (founding && message.prevLogIndex > 0) {
    rejectAppend(core, message, 0);
    return;
  }
  if (message.prevLogIndex >= state.commitIndex) {
    if (termAt(state.log, message.prevLogIndex) !== message.prevLogTerm) {
      rejectAppend(core, message, findConflictByTerm(state.log, message.prevLogIndex, message.prevLogTerm));
      return;
    }
  }
  if (founding && message.entries.length > 0) truncateLog(core, 1);
  // Below the commit index the logs agree already (leader completeness, paper 5.4): only what is above is looked at.
  const before = state.log.lastIndex;
  let first = 0;
  for (const entry of message.entries) {
    if (entry.index <= state.commitIndex) continue;
    if (entry.index <= state.log.lastIndex) {
      if (termAt(state.log, entry.index) === entry.term) continue;
      // A real conflict, and nothing less, removes what stands here (paper 5.3): a short or late message must not.
      truncateLog(core, entry.index);
    }
    if (first === 0) first = entry.index;
    addEntry(core, entry);
  }
  if (first > 0) {
    trace(core, { type: "appended", first, last: state.log.lastIndex, term: message.term, leader: false });
  }
  invariant(
    state.log.lastIndex >= before || first > 0,
    "a log shrinks only at a conflict",
    () => `${before} to ${state.log.lastIndex}`,
  );
  const proven = message.prevLogIndex + message.entries.length;
  commitTo(core, Math.min(message.leaderCommit, proven));
  const quiet = onQuiesce(core, message);
  acknowledge(core, message, Math.max(proven, Math.min(state.commitIndex, state.log.lastIndex)), quiet);
}

/**
 * No leader disagrees with what is committed (leader completeness, paper 5.4), and no cluster takes another's name:
 * whoever does is no peer of ours, and is not answered.
 */
function contradictsCommitted({ state }: Core, message: AppendEntries): boolean {
  if (state.commitIndex === 0) return false;
  if (
    message.prevLogIndex < state.commitIndex &&
    termAt(state.log, message.prevLogIndex) !== message.prevLogTerm
  ) {
    return true;
  }
  const clusterId = state.configurations[0]?.configuration.clusterId;
  return message.entries.some(({ index, term, configuration }) => {
    if (configuration && configuration.clusterId !== clusterId) return true;
    return index <= state.commitIndex && termAt(state.log, index) !== term;
  });
}

/**
 * The leader's log begins with another first entry, though perhaps of the same term: a voter that lost its disk before
 * anything was committed can have elected twice in it. Nothing of this log is committed, so all of it gives way.
 */
function isOtherFounding({ state }: Core, { logClusterId }: AppendEntries): boolean {
  const own = state.configurations[0]?.configuration.clusterId;
  if (state.commitIndex > 0 || own === undefined || logClusterId === undefined) return false;
  return own !== logClusterId;
}

/** An acknowledgement says "durable". One without new entries need not wait for the disk: it promises less. */
function acknowledge(core: Core, message: AppendEntries, upTo: LogIndex, quiet: boolean): void {
  const { state, settings } = core;
  const matchIndex = message.entries.length === 0 ? Math.min(upTo, state.log.durableIndex) : upTo;
  reply(
    core,
    {
      type: "AppendEntriesResponse",
      from: settings.id,
      to: message.from,
      term: state.term,
      success: true,
      matchIndex,
      conflictIndex: 0,
      conflictTerm: 0,
      prevLogIndex: message.prevLogIndex,
      round: message.round,
      ...(quiet && { quiet }),
      ...(settings.electionPriority === "low" && { lowPriority: true }),
    },
    matchIndex,
  );
}

function rejectAppend(core: Core, message: AppendEntries, conflictIndex: number): void {
  const { state, settings } = core;
  reply(core, {
    type: "AppendEntriesResponse",
    from: settings.id,
    to: message.from,
    term: state.term,
    success: false,
    matchIndex: 0,
    conflictIndex,
    conflictTerm: termAt(state.log, conflictIndex) ?? 0,
    prevLogIndex: message.prevLogIndex,
    round: message.round,
    ...(settings.electionPriority === "low" && { lowPriority: true }),
  });
}
