import type { Core, LeaderState } from "./core.ts";
import { becomeFollower, electionTimeoutMinMs, trace } from "./core.ts";
import type { Progress } from "./progress.ts";
import { recordActivity } from "./quiescence.ts";
import type { NodeId } from "./types.ts";

/** Leadership transfer (thesis 3.10): stop taking proposals, bring the target up to date, tell it to start. */

export function startTransfer(core: Core, to: NodeId | undefined): void {
  const { state } = core;
  if (state.role.type !== "leader" || state.role.transfer) return;
  const target = pickTarget(core, state.role, to);
  if (!target) return;
  const deadline = state.now + electionTimeoutMinMs(core);
  state.role.transfer = { to: target.id, deadline, sent: false };
  recordActivity(core);
  trace(core, { type: "transfer-started", to: target.id });
  advanceTransfer(core);
}

/** The one named, or the voter that is furthest along, among those that answered within an election timeout. */
function pickTarget(core: Core, leader: LeaderState, to: NodeId | undefined): Progress | undefined {
  const since = core.state.now - electionTimeoutMinMs(core);
  const alive = leader.progress.filter((progress) => progress.answered && progress.contactAt > since);
  if (to !== undefined) return alive.find(({ id }) => id === to);
  return alive.reduce<Progress | undefined>(
    (best, progress) => (best === undefined || isBetter(progress, best) ? progress : best),
    undefined,
  );
}

/** Further along, or as far and not there for the quorum alone. */
function isBetter(one: Progress, other: Progress): boolean {
  if (one.matchIndex !== other.matchIndex) return one.matchIndex > other.matchIndex;
  return other.lowPriority && !one.lowPriority;
}

export function advanceTransfer(core: Core): void {
  const { state, settings, out } = core;
  if (state.role.type !== "leader" || !state.role.transfer || state.role.transfer.sent) return;
  const { transfer, progress } = state.role;
  const target = progress.find(({ id }) => id === transfer.to);
  // A leader whose disk has stopped cannot wait for the last entries: the target may win without them, or not.
  if (!target || (target.matchIndex < state.log.lastIndex && !state.stalled)) return;
  transfer.sent = true;
  out.send.push({ type: "TimeoutNow", from: settings.id, to: transfer.to, term: state.term });
}

export function onTransferDeadline(core: Core): void {
  const { state } = core;
  if (state.role.type !== "leader" || !state.role.transfer || state.role.transfer.deadline > state.now)
    return;
  trace(core, { type: "transfer-aborted", to: state.role.transfer.to });
  state.role.transfer = null;
  if (state.stalled) becomeFollower(core, state.term, null, "storage-stalled");
}

/**
 * The disk has not answered for an election timeout. A leader that cannot write must not lead: it hands over, and
 * steps down where nobody takes it. Until a write succeeds this node neither campaigns nor votes.
 */
export function onStorageStalled(core: Core): void {
  const { state } = core;
  state.stalled = true;
  // A pre-vote that is won now would raise the term for an election that cannot be finished.
  if (state.role.type === "pre-candidate") state.role = { type: "follower" };
  if (state.role.type !== "leader") return;
  startTransfer(core, undefined);
  if (state.role.transfer) advanceTransfer(core);
  else becomeFollower(core, state.term, null, "storage-stalled");
}
