import type { LogIndex, NodeId } from "./types.ts";

/**
 * What a leader knows of one follower. In `probe` it looks for the point where the logs agree, one message at a time;
 * in `replicate` it sends ahead of the acknowledgements, within a window of messages and bytes.
 */
export interface Progress {
  readonly id: NodeId;
  state: "probe" | "replicate";
  /** Highest index known to be durable at the follower and equal to ours. */
  matchIndex: LogIndex;
  /** First index of the next message with entries. */
  nextIndex: LogIndex;
  /** A message is under way whose outcome decides `nextIndex`: a probe, or entries of unknown size. */
  paused: boolean;
  inflight: Inflight[];
  /** When the last message of this term came from it; the leader's first moment until then. */
  contactAt: number;
  answered: boolean;
  ackedRound: number;
  sentRound: number;
  sentCommit: LogIndex;
  /** It waits to hear that the log is committed up to here: a client of its own does. */
  awaitedCommit: LogIndex;
  /** When entries were last sent, or acknowledged: past a limit they are taken for lost. */
  movedAt: number;
  /** It is to lead only where no other can. */
  lowPriority: boolean;
  /** It has fallen silent, as it was asked to. */
  quiet: boolean;
  /** It had not answered for so long that the cluster fell silent without it; until it does. */
  away: boolean;
  /** What one message may hold: halved by every loss, so that it fits through a slow link in time. */
  maxBytes: number;
}

export interface Inflight {
  readonly last: LogIndex;
  readonly bytes: number;
}

export interface Window {
  readonly maxInflightMessages: number;
  readonly maxInflightBytes: number;
}

/** A message is not made smaller than this for a slow link. */
const leastBytes = 16 << 10;

export function createProgress(id: NodeId, nextIndex: LogIndex, now: number, maxBytes: number): Progress {
  return {
    id,
    state: "probe",
    matchIndex: 0,
    nextIndex,
    paused: false,
    inflight: [],
    contactAt: now,
    answered: false,
    ackedRound: 0,
    sentRound: 0,
    sentCommit: 0,
    awaitedCommit: 0,
    movedAt: now,
    lowPriority: false,
    quiet: false,
    away: false,
    maxBytes,
  };
}

export function windowIsOpen(progress: Progress, window: Window): boolean {
  if (progress.paused) return false;
  if (progress.state === "probe") return true;
  if (progress.inflight.length >= window.maxInflightMessages) return false;
  let bytes = 0;
  for (const message of progress.inflight) bytes += message.bytes;
  return bytes < window.maxInflightBytes;
}

/** Entries up to `last` have left. `bytes` is undefined when their size is not known: then one message at a time. */
export function recordSent(progress: Progress, last: LogIndex, bytes: number | undefined, now: number): void {
  if (progress.inflight.length === 0 && !progress.paused) progress.movedAt = now;
  if (progress.state === "probe" || bytes === undefined) {
    progress.paused = true;
    return;
  }
  progress.inflight.push({ last, bytes });
  progress.nextIndex = last + 1;
}

/**
 * An acknowledgement up to `matchIndex`. Returns whether it brought anything new. `maxBytes`: what one message may
 * hold at most on a link that is fast enough.
 */
export function recordAcknowledged(
  progress: Progress,
  matchIndex: LogIndex,
  now: number,
  maxBytes: number,
): boolean {
  const advanced = matchIndex > progress.matchIndex;
  if (advanced) {
    progress.maxBytes = Math.min(maxBytes, 2 * progress.maxBytes);
    progress.matchIndex = matchIndex;
    progress.movedAt = now;
  }
  if (progress.state === "probe") {
    // Whatever the probe asked, the logs agree up to a point that is now known.
    if (!advanced && matchIndex + 1 < progress.nextIndex) return false;
    progress.state = "replicate";
    progress.paused = false;
    progress.nextIndex = progress.matchIndex + 1;
    progress.inflight = [];
    return true;
  }
  if (advanced) progress.paused = false;
  progress.nextIndex = Math.max(progress.nextIndex, progress.matchIndex + 1);
  while (progress.inflight.length > 0 && (progress.inflight[0] as Inflight).last <= progress.matchIndex) {
    progress.inflight.shift();
  }
  return advanced;
}

/** A follower is to hear without delay that the log is committed up to `index`. */
export function recordAwaited(progress: readonly Progress[], follower: NodeId, index: LogIndex): void {
  for (const one of progress) {
    if (one.id === follower) one.awaitedCommit = Math.max(one.awaitedCommit, index);
  }
}

/**
 * The follower refused `rejected` as the index before our entries; `hint` is how far back the logs may agree. Returns
 * false for a refusal that later answers have overtaken.
 */
export function recordRejected(progress: Progress, rejected: LogIndex, hint: LogIndex): boolean {
  if (rejected <= progress.matchIndex) return false;
  if (progress.state === "probe" && rejected !== progress.nextIndex - 1) return false;
  becomeProbe(progress, Math.max(progress.matchIndex + 1, Math.min(rejected, hint + 1)));
  return true;
}

/**
 * What was under way may be lost: start again behind what is known to have arrived, with less at a time. A probe stays
 * as it is until the next heartbeat, so that a dead follower is not asked without pause.
 */
export function recordLost(progress: Progress): void {
  progress.maxBytes = Math.max(Math.min(leastBytes, progress.maxBytes), progress.maxBytes / 2);
  if (progress.state === "replicate") becomeProbe(progress, progress.matchIndex + 1);
}

function becomeProbe(progress: Progress, nextIndex: LogIndex): void {
  progress.state = "probe";
  progress.paused = false;
  progress.inflight = [];
  progress.nextIndex = nextIndex;
  progress.sentCommit = Math.min(progress.sentCommit, progress.matchIndex);
}
