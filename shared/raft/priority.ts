import type { Core, LeaderState } from "./core.ts";
import { electionTimeoutMinMs } from "./core.ts";
import type { Progress } from "./progress.ts";
import { startTransfer } from "./transfer.ts";
import type { LogIndex } from "./types.ts";

/**
 * Election priority. A voter of low priority is there for the quorum: it stands for election last, gives way to whoever
 * else stands, and when it leads all the same, because its log was ahead, it hands over as soon as another has caught
 * up. It votes, acknowledges and counts like any other, so nothing of this touches safety: it only moves the moments at
 * which elections begin (paper 5.2, 9.3), and thesis 3.10 does the rest.
 */

/** A hand-over is tried again after so many election timeouts, and after twice as long each time it did not last. */
const leastWaitTimeouts = 10;
const longestWaitMs = 600_000;

/** At the time of a heartbeat: a leader of low priority looks for one that may lead in its place. */
export function considerHandOver(core: Core, leader: LeaderState): void {
  const { state, settings } = core;
  if (settings.electionPriority !== "low" || leader.transfer || state.stalled) return;
  const caughtUp = Math.min(state.commitIndex, leader.beatCommit);
  leader.beatCommit = state.commitIndex;
  if (state.commitIndex < leader.firstIndex || state.now < state.handOverAt) return;
  const successor = leader.progress.find((progress) => mayLead(core, progress, caughtUp));
  if (successor === undefined) return;
  // One that is slow or unsteady takes the office and loses it again: each time it is given longer to mend.
  const isSoon = state.now < state.handOverAt + 2 * state.handOverWaitMs;
  const leastWaitMs = leastWaitTimeouts * electionTimeoutMinMs(core);
  state.handOverWaitMs = isSoon ? Math.min(longestWaitMs, 2 * state.handOverWaitMs) : leastWaitMs;
  state.handOverAt = state.now + state.handOverWaitMs;
  startTransfer(core, successor.id);
}

/** Whoever handed this office over had a reason to: it is not given back at once. */
export function keepOffice(core: Core): void {
  const { state } = core;
  state.handOverAt = Math.max(state.handOverAt, state.now + leastWaitTimeouts * electionTimeoutMinMs(core));
}

function mayLead({ state, settings }: Core, progress: Progress, caughtUp: LogIndex): boolean {
  return (
    !progress.lowPriority &&
    progress.state === "replicate" &&
    progress.matchIndex >= caughtUp &&
    progress.contactAt + 2 * settings.heartbeatMs > state.now
  );
}
