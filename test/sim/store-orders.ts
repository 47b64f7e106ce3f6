import type { StoreCall } from "../../sim/store/call.ts";
import type { Condition, Step, StepResult, StoreAnswer, StoreOperation } from "../../sim/store/operation.ts";
import { isUnder } from "../../sim/store/operation.ts";

/** The key-value store said once more, and all orders of a few calls gone through: what the judge must agree with. */

export interface Held {
  readonly value: string;
  readonly index: number;
}

export type Keys = ReadonlyMap<string, Held>;

/** What a store makes of an operation whose entry has this index, and its answer. */
export function carryOut(
  keys: Keys,
  operation: StoreOperation,
  index: number,
): { readonly keys: Keys; readonly answer: StoreAnswer; readonly changed: boolean } {
  if (operation.type === "read") {
    const items = [...keys]
      .filter(([key]) => isUnder(operation.target, key))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, held]) => ({ key, value: held.value, modifyIndex: held.index }));
    return { keys, answer: { type: "read", index: null, items }, changed: false };
  }
  const after = new Map(keys);
  const results = operation.steps.map((step) => carryOutStep(after, step, index));
  if (operation.atomic && results.some(({ ok }) => !ok)) {
    const shown = operation.steps.map((step): StepResult => {
      const held = step.type === "delete-under" ? undefined : keys.get(step.key);
      return { ok: false, changed: false, index: held?.index ?? 0 };
    });
    return { keys, answer: { type: "write", index: null, results: shown }, changed: false };
  }
  const changed = results.some((result) => result.changed === true);
  return { keys: after, answer: { type: "write", index: null, results }, changed };
}

function carryOutStep(keys: Map<string, Held>, step: Step, index: number): StepResult {
  if (step.type === "delete-under") {
    const under = [...keys.keys()].filter((key) => key.startsWith(step.prefix));
    for (const key of under) keys.delete(key);
    return { ok: true, changed: under.length > 0, index: under.length > 0 ? index : 0 };
  }
  const held = keys.get(step.key);
  if (step.type === "delete" && held === undefined) return { ok: true, changed: false, index: 0 };
  if (!holds(held, step.on)) return { ok: false, changed: false, index: held?.index ?? 0 };
  if (step.type === "delete") keys.delete(step.key);
  else keys.set(step.key, { value: step.value, index });
  return { ok: true, changed: true, index };
}

function holds(held: Held | undefined, on: Condition): boolean {
  if (on === null) return true;
  return "index" in on ? (held?.index ?? 0) === on.index : held?.value === on.value;
}

/** Whether the calls can be put in an order, and changes given rising indexes, so that every answer is right. */
export function hasOrder(calls: readonly StoreCall[]): boolean {
  const named = new Set<number>();
  for (const { operation, answer } of calls) {
    if (operation.type === "write") {
      for (const step of operation.steps) {
        if (step.type !== "delete-under" && step.on !== null && "index" in step.on) named.add(step.on.index);
      }
    }
    if (answer?.type === "read") for (const { modifyIndex } of answer.items) named.add(modifyIndex ?? 0);
    if (answer?.type === "write") for (const { index } of answer.results) named.add(index ?? 0);
  }
  return search(calls, new Map(), 0, [...named]);
}

/** `floor`: what comes next has a higher index, or if it reads, one as high. `named`: the indexes that occur. */
function search(left: readonly StoreCall[], keys: Keys, floor: number, named: readonly number[]): boolean {
  if (left.every(({ answer }) => answer === null)) return true;
  const firstEnd = Math.min(...left.filter(({ answer }) => answer !== null).map(({ endedAt }) => endedAt));
  return left.some((call) => {
    if (call.invokedAt > firstEnd) return false;
    const rest = left.filter((other) => other !== call);
    if (call.operation.type === "read") {
      const index = call.answer?.type === "read" ? call.answer.index : null;
      if (index !== null && index < floor) return false;
      const { answer } = carryOut(keys, call.operation, 0);
      return agrees(call.answer, answer) && search(rest, keys, index ?? floor, named);
    }
    // An index that nobody names is as good as any other that nobody names.
    return [floor + 1e-6, ...named.filter((index) => index > floor)].some((index) => {
      const { keys: after, answer, changed } = carryOut(keys, call.operation, index);
      return agrees(call.answer, answer) && search(rest, after, changed ? index : floor, named);
    });
  });
}

/** What the answer tells is so; null tells nothing. */
function agrees(told: StoreAnswer | null, is: StoreAnswer): boolean {
  if (told === null) return true;
  if (told.type === "read") {
    return (
      is.type === "read" &&
      told.items.length === is.items.length &&
      told.items.every(({ key, value, modifyIndex }, at) => {
        const item = is.items[at];
        return (
          item?.key === key && item.value === value && (modifyIndex ?? item.modifyIndex) === item.modifyIndex
        );
      })
    );
  }
  return (
    is.type === "write" &&
    told.results.every(({ ok, changed, index }, at) => {
      const result = is.results[at];
      if (result === undefined || result.ok !== ok) return false;
      return (changed ?? result.changed) === result.changed && (index ?? result.index) === result.index;
    })
  );
}
