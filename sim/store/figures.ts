import { countOverlapping } from "../overlap.ts";
import type { ReadCall, StoreCall, WriteCall } from "./call.ts";
import { isAnsweredRead, isWrite } from "./call.ts";
import { objectsOf } from "./objects.ts";

/** What a history is worth as evidence. */
export interface HistoryFigures {
  /** Operations that were answered, or may have been carried out. */
  readonly operations: number;
  /** Of these the ones whose outcome nobody knows. */
  readonly unknown: number;
  /**
   * The share of operations that were under way together with another one on the same keys: only there an order is to
   * be found. Reads that wait for a change, or look at what a node has by itself, are left out of it.
   */
  readonly overlapping: number;
  /** How often another leader took over while operations were under way. */
  readonly leaderChanges: number;
}

const fewestOperations = 500;

/** A history that is short, in which nobody ever had to take over, or hardly anything happened at once, proves little. */
export function isEvidence({ operations, leaderChanges, overlapping }: HistoryFigures): boolean {
  return operations >= fewestOperations && leaderChanges >= 1 && overlapping >= 0.2;
}

export function figuresOf(calls: readonly StoreCall[], leaderChanges: number): HistoryFigures {
  const linearizable = calls.filter(({ operation }) => {
    return operation.type === "write" || operation.mode.type === "linearizable";
  });
  const objects = objectsOf(linearizable);
  const overlapping = objects.reduce((sum, object) => sum + countOverlapping(object.calls), 0);
  return {
    operations: calls.length,
    unknown: calls.filter(({ answer }) => answer === null).length,
    overlapping: linearizable.length === 0 ? 0 : overlapping / linearizable.length,
    leaderChanges,
  };
}

/** As it stands in a line. */
export function describeFigures({ operations, unknown, overlapping, leaderChanges }: HistoryFigures): string {
  return `${operations} operations, ${leaderChanges} leader changes, ${unknown} unknown outcomes, ${Math.round(100 * overlapping)}% overlapping`;
}

/** The kinds of operations, and of what can come of them, by the names under which they are counted. */
export function kindsOf(calls: readonly StoreCall[]): string[] {
  const newest = newestIndexes(calls);
  return calls.flatMap((call) => {
    if (isWrite(call)) return kindsOfWrite(call);
    return isAnsweredRead(call) ? kindsOfRead(call, newest) : [];
  });
}

function kindsOfWrite({ operation, answer }: WriteCall): string[] {
  const { form, atomic, steps } = operation;
  if (answer === null) return [`${form === "text" ? "text command" : "batch"} of unknown outcome`];
  if (form === "text") return ["text command"];
  const { results } = answer;
  const kinds = steps.flatMap((step, at) => {
    if (step.type === "delete-under") return results[at]?.changed ? ["recursive delete"] : [];
    if (step.on === null) return [];
    return [`${step.type} by index ${results[at]?.ok ? "done" : "refused"}`];
  });
  const refused = results.filter(({ ok }) => !ok).length;
  const name = atomic ? "atomic batch" : "independent batch";
  return [...kinds, `${name} ${refused === 0 ? "done" : atomic ? "rolled back" : "done in part"}`];
}

function kindsOfRead({ operation, answer, invokedAt }: ReadCall, newest: NewestIndex): string[] {
  const { target, mode } = operation;
  const what = "prefix" in target ? "recurse read" : "read of a key";
  switch (mode.type) {
    case "linearizable":
      return [what];
    case "local":
      return [
        (answer.index ?? 0) < newest(invokedAt) ? `stale ${what}, behind` : `stale ${what}, up to date`,
      ];
    case "blocking": {
      const changed = answer.items.some(({ modifyIndex }) => (modifyIndex ?? 0) > mode.after);
      return [`blocking ${what}, ${changed ? "changed" : "unchanged"}`];
    }
  }
}

/** The greatest index that had been answered to anybody by a position in the history. */
type NewestIndex = (position: number) => number;

function newestIndexes(calls: readonly StoreCall[]): NewestIndex {
  const ended = calls.filter(isAnsweredRead).sort((a, b) => a.endedAt - b.endedAt);
  const steps: { readonly at: number; readonly index: number }[] = [];
  for (const { endedAt, answer } of ended) {
    const before = steps.at(-1)?.index ?? 0;
    if ((answer.index ?? 0) > before) steps.push({ at: endedAt, index: answer.index ?? 0 });
  }
  return (position) => steps.findLast(({ at }) => at < position)?.index ?? 0;
}
