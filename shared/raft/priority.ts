import type { Core, LeaderState } from "./core.ts";
import { electionTimeoutMinMs } from "./core.ts";
import type { Progress } from "./progress.ts";
import { startTransfer } from "./transfer.ts";

/**
 * Election priority. A voter of low priority is there for the quorum: it stands for election last, gives way to whoever
 * else stands, and when it leads all the same, because its log was ahead, it hands over as soon as another has caught
 * up. It votes, acknowledges and counts like any other, so nothing of this touches safety: it only moves the moments at
 * which elections begin (paper 5.2, 9.3), and thesis 3.10 does the rest.
 */

/** A hand-over that came to nothing is tried again after so many election timeouts. */
const retryTimeouts = 10;

/** At the time of a heartbeat: a leader of low priority looks for one that may lead in its place. */
export function considerHandOver(core: Core, leader: LeaderState): void {
  const { state, settings } = core;
  if (settings.electionPriority !== "low" || leader.transfer || state.stalled) return;
  if (state.commitIndex < leader.firstIndex || state.now < leader.handOverAt) return;
  const successor = leader.progress.find((progress) => mayLead(core, progress));
  if (successor === undefined) return;
  leader.handOverAt = state.now + retryTimeouts * electionTimeoutMinMs(core);
  startTransfer(core, successor.id);
}

function mayLead({ state, settings }: Core, progress: Progress): boolean {
  return (
    !progress.lowPriority &&
    progress.state === "replicate" &&
    progress.matchIndex >= state.commitIndex &&
    progress.contactAt + 2 * settings.heartbeatMs > state.now
  );
}
