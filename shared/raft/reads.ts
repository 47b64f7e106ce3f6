import type { Core, LeaderState, PendingRead } from "./core.ts";
import { answerRead, configurationOf, refuseRead } from "./core.ts";
import { recordAwaited } from "./progress.ts";
import { onLeaderAbsent, probeReadId, recordActivity, wake } from "./quiescence.ts";
import { quorumValue } from "./quorum.ts";
import type { ReadIndexRequest, ReadIndexResponse } from "./types.ts";

/**
 * Linearizable reads without the log: ReadIndex (thesis 6.4). The leader notes its commit index, proves with a round
 * of messages started afterwards that it still leads, and lets the reader wait until that index is applied.
 */

export function onRead(core: Core, readId: number): void {
  const { state, settings, out } = core;
  if (state.role.type === "leader") {
    registerRead(core, state.role, { readId, from: null });
  } else if (state.leader !== null) {
    out.send.push({ type: "ReadIndex", from: settings.id, to: state.leader, term: state.term, readId });
  } else {
    refuseRead(core, { readId, from: null });
  }
}

export function onReadIndexRequest(core: Core, message: ReadIndexRequest): void {
  const { role } = core.state;
  wake(core);
  if (role.type === "leader") registerRead(core, role, { readId: message.readId, from: message.from });
  else refuseRead(core, { readId: message.readId, from: message.from });
}

export function onReadIndexResponse(core: Core, message: ReadIndexResponse): void {
  const { readId, readIndex, from } = message;
  if (readId !== probeReadId) core.out.reads.push({ readId, readIndex });
  else if (readIndex === null) onLeaderAbsent(core, from);
}

function registerRead(core: Core, leader: LeaderState, read: Pick<PendingRead, "readId" | "from">): void {
  const pending: PendingRead = { ...read, readIndex: 0, round: 0 };
  leader.reads.push(pending);
  recordActivity(core);
  // Before the term's first entry is committed the commit index may lie behind what an earlier leader acknowledged.
  if (core.state.commitIndex < leader.firstIndex) return;
  startConfirmation(core, leader, pending);
  answerConfirmedReads(core);
}

/** The term's first entry has been committed: reads that waited for it can be given their index. */
export function registerWaitingReads(core: Core): void {
  const { role, commitIndex } = core.state;
  if (role.type !== "leader" || commitIndex < role.firstIndex) return;
  for (const read of role.reads) if (read.readIndex === 0) startConfirmation(core, role, read);
  answerConfirmedReads(core);
}

/** Reads of one turn share a round; its messages leave when the turn's work is taken. */
function startConfirmation(core: Core, leader: LeaderState, read: PendingRead): void {
  if (!leader.roundOpen) {
    leader.round++;
    leader.roundOpen = true;
  }
  read.readIndex = core.state.commitIndex;
  read.round = leader.round;
  if (read.from !== null) recordAwaited(leader.progress, read.from, read.readIndex);
}

export function answerConfirmedReads(core: Core): void {
  const { state, settings } = core;
  const configuration = configurationOf(state);
  if (state.role.type !== "leader" || configuration === null || state.role.reads.length === 0) return;
  const leader = state.role;
  const ackedRound = quorumValue(
    configuration,
    (id) =>
      id === settings.id
        ? Number.POSITIVE_INFINITY
        : (leader.progress.find((progress) => progress.id === id)?.ackedRound ?? 0),
    0,
  );
  const waiting: PendingRead[] = [];
  for (const read of leader.reads) {
    if (read.readIndex > 0 && read.round <= ackedRound) answerRead(core, read, read.readIndex);
    else waiting.push(read);
  }
  leader.reads = waiting;
}
