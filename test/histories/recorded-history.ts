import { readFileSync } from "node:fs";
import type { HistoryFigures } from "../../sim/store/figures.ts";
import { describeFigures, figuresOf, isEvidence } from "../../sim/store/figures.ts";
import { judgeStore } from "../../sim/store/judge.ts";
import type { FaultCounts } from "./faults.ts";
import type { RecordedCall } from "./recorder.ts";

/** A history as it is kept, to be judged again. */
export interface RecordedHistory {
  readonly format: typeof format;
  readonly seed: number;
  readonly leaderChanges: number;
  readonly faults: FaultCounts;
  readonly calls: readonly RecordedCall[];
}

export const format = "raft-lite history 1";

export interface Verdict {
  readonly figures: HistoryFigures;
  /** Why it could not have happened one operation at a time; null when it could. */
  readonly refutation: string | null;
  /** It is long enough, and enough happened in it. */
  readonly counts: boolean;
}

export function verdictOn({ calls, leaderChanges }: RecordedHistory): Verdict {
  const figures = figuresOf(calls, leaderChanges);
  return { figures, refutation: judgeStore(calls), counts: isEvidence(figures) };
}

/** One line, and for a history that was refused why. */
export function describeVerdict({ seed, faults }: RecordedHistory, verdict: Verdict): string {
  const { figures, refutation, counts } = verdict;
  const struck = Object.entries(faults).map(([what, times]) => `${what} ${times.leader}+${times.follower}`);
  const parts = [
    describeFigures(figures),
    `faults at leader+follower: ${struck.sort().join(", ") || "none"}`,
    refutation === null ? "linearizable" : "NOT LINEARIZABLE",
  ];
  const line = `history ${seed}: ${parts.join(", ")}${counts ? "" : " (does not count)"}`;
  return refutation === null ? line : `${line}\n${refutation}`;
}

/** JSON with a line for each call. */
export function historyText({ calls, ...rest }: RecordedHistory): string {
  const head = JSON.stringify(rest).slice(0, -1);
  return `${head},"calls":[\n${calls.map((call) => JSON.stringify(call)).join(",\n")}\n]}\n`;
}

/** Throws an Error that says in one line what is wrong with the file. */
export function readHistory(path: string): RecordedHistory {
  let history: unknown;
  try {
    history = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw new Error(`cannot read ${path}: ${(error as Error).message}`);
  }
  if (!isRecorded(history))
    throw new Error(`${path} is no recorded history ("format": ${JSON.stringify(format)})`);
  const at = history.calls.findIndex((call) => !isCall(call));
  if (at >= 0) throw new Error(`${path}: call ${at} is none`);
  return history;
}

function isRecorded(value: unknown): value is RecordedHistory {
  const { format: is, seed, leaderChanges, faults, calls } = (value ?? {}) as Partial<RecordedHistory>;
  const hasNumbers = typeof seed === "number" && typeof leaderChanges === "number";
  return is === format && hasNumbers && typeof faults === "object" && faults !== null && Array.isArray(calls);
}

/** As far as the judge could stumble over it. */
function isCall(value: unknown): boolean {
  const { node, operation, answer, invokedAt, endedAt } = (value ?? {}) as Partial<RecordedCall>;
  if (typeof node !== "string" || typeof invokedAt !== "number" || typeof endedAt !== "number") return false;
  if (operation?.type === "write" && !Array.isArray(operation.steps)) return false;
  if (
    operation?.type === "read" &&
    (typeof operation.target !== "object" || typeof operation.mode !== "object")
  ) {
    return false;
  }
  if (operation?.type !== "write" && operation?.type !== "read") return false;
  if (answer === null) return true;
  return Array.isArray(answer?.type === "write" ? answer.results : answer?.items);
}
