import type { ElectionPriority } from "../raft/core.ts";
import { wholeNumber } from "./numbers.ts";
import { usageError } from "./usage-error.ts";

/** How a node takes part in its cluster, as it is typed: when it may fall silent, and whether it stands last. */

export const LONGEST_QUIESCE_AFTER_MS = 86_400_000;

/** Milliseconds without work after which a cluster led here falls silent; 0 for the word `off`. Throws usage errors. */
export function readQuiesceAfter(name: string, text: string): number {
  if (text === "off") return 0;
  if (!/^\d+$/.test(text))
    throw usageError(`${name}: "${text}" is neither milliseconds, as in 10000, nor off`);
  return wholeNumber(name, text, 1, LONGEST_QUIESCE_AFTER_MS);
}

/** Throws a usage error. */
export function readElectionPriority(name: string, text: string): ElectionPriority {
  if (text === "normal" || text === "low") return text;
  throw usageError(`${name}: "${text}" is neither normal nor low`);
}
