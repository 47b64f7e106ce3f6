import type { RaftState } from "./core.ts";

/** The core's state as a value: copied, written down, compared. */

export function cloneState(state: RaftState): RaftState {
  return clonePlain(state);
}

/** Plain objects and arrays are copied; what an entry carries for others (`data`) is shared, being immutable. */
function clonePlain<Value>(value: Value): Value {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(clonePlain) as Value;
  const copy: Record<string, unknown> = {};
  for (const key in value) copy[key] = key === "data" ? value[key] : clonePlain(value[key]);
  return copy as Value;
}

const moments = new Set([
  "electionDeadline",
  "leaderContactAt",
  "heartbeatDeadline",
  "commitNoticeAt",
  "deadline",
  "activeAt",
  "awakeSince",
  "until",
  "contactAt",
  "movedAt",
  "since",
]);

/** Moments are written relative to now, so that the same situation at another time is the same text. */
export function encodeState(state: RaftState): string {
  const { now } = state;
  return JSON.stringify(state, (key, value: unknown) => {
    if (key === "now") return undefined;
    if (typeof value !== "number") return value;
    // Over is over, however long ago.
    if (key === "leaderLostUntil" || key === "leaderAskedUntil" || key === "handOverAt")
      return Math.max(0, value - now);
    if (!moments.has(key)) return value;
    // A quiet node has no deadlines, and as much time as it likes.
    return state.quiet ? 0 : value - now;
  });
}

/** 53 bits by two rounds of FNV-1a over UTF-16 code units with different offsets. */
export function hashText(text: string): number {
  let low = 0x811c9dc5;
  let high = 0x9747b28c;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    low = Math.imul(low ^ unit, 0x01000193);
    high = Math.imul(high ^ unit, 0x85ebca6b) ^ (high >>> 15);
  }
  return (high & 0x1fffff) * 0x1_0000_0000 + (low >>> 0);
}
