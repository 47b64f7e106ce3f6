import type { StoreCall } from "../../sim/store/call.ts";
import type {
  Condition,
  ReadMode,
  Step,
  StepResult,
  StoreAnswer,
  StoreOperation,
  Target,
} from "../../sim/store/operation.ts";

/** Histories of the key-value store, made by hand. */

export const open = Number.POSITIVE_INFINITY;

/** `[from, to, operation, answer]`; without an answer the outcome is unknown. */
export type Line = readonly [from: number, to: number, operation: StoreOperation, answer?: StoreAnswer];

/** All at one run of one node, unless `runs` says at which of a line's. */
export function history(lines: readonly Line[], runs: readonly number[] = []): StoreCall[] {
  return lines.map(([invokedAt, to, operation, answer], at) => ({
    client: at,
    node: "A",
    run: runs[at] ?? 1,
    operation,
    answer: answer ?? null,
    invokedAt,
    endedAt: to === open ? 1000 : to,
  }));
}

export function put(key: string, value: string, on: Condition = null): Step {
  return { type: "put", key, value, on };
}

export function del(key: string, on: Condition = null): Step {
  return { type: "delete", key, on };
}

export function delUnder(prefix: string): Step {
  return { type: "delete-under", prefix };
}

export function text(step: Step): StoreOperation {
  return { type: "write", form: "text", atomic: false, steps: [step] };
}

export function each(...steps: Step[]): StoreOperation {
  return { type: "write", form: "batch", atomic: false, steps };
}

export function all(...steps: Step[]): StoreOperation {
  return { type: "write", form: "batch", atomic: true, steps };
}

/** "a/" is a prefix, "a" a key. */
export function read(what: string, mode: ReadMode = { type: "linearizable" }): StoreOperation {
  const target: Target = what.endsWith("/") ? { prefix: what } : { key: what };
  return { type: "read", form: "index", target, mode };
}

export function local(what: string): StoreOperation {
  return read(what, { type: "local" });
}

export function watch(what: string, after: number): StoreOperation {
  return read(what, { type: "blocking", after, waitMs: 1000 });
}

export function answer(...results: StepResult[]): StoreAnswer {
  return { type: "write", index: null, results };
}

/** Without an index, as a text command is answered. */
export function done(index: number | null = null): StepResult {
  return { ok: true, changed: true, index };
}

export function nothing(index: number | null = null): StepResult {
  return { ok: true, changed: false, index };
}

export function refused(index: number | null = null): StepResult {
  return { ok: false, changed: false, index };
}

/** `items`: "key=value" or "key=value@index". */
export function found(index: number | null, ...items: string[]): StoreAnswer {
  return {
    type: "read",
    index,
    items: items.map((item) => {
      const [, key = "", value = "", modifyIndex] = /^([^=]+)=([^@]*)(?:@(\d+))?$/.exec(item) ?? [];
      return { key, value, modifyIndex: modifyIndex === undefined ? null : Number(modifyIndex) };
    }),
  };
}
