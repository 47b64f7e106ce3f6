import type { Call } from "../linearizability.ts";
import type { StoreCall, WriteCall } from "./call.ts";
import { isAnsweredRead, isWrite } from "./call.ts";
import type { StoreObject } from "./objects.ts";
import type { Condition, ReadAnswer, Step, StoreAnswer } from "./operation.ts";
import { isUnder } from "./operation.ts";
import type { Revisions } from "./revisions.ts";

/** A call made ready for the search: keys by their place in the state, values by numbers. */
export type PreparedInput = PreparedWrite | PreparedRead;

export type PreparedCall = Call<PreparedInput, StoreAnswer>;

export interface PreparedWrite {
  readonly type: "write";
  readonly atomic: boolean;
  readonly steps: readonly PreparedStep[];
  /** Which of the changes with known revisions it is, from 0; null: its own is not known, or it made none. */
  readonly rank: number | null;
}

export type PreparedStep =
  | { readonly type: "put"; readonly place: number; readonly value: number; readonly on: PreparedCondition }
  | { readonly type: "delete"; readonly place: number; readonly on: PreparedCondition }
  | { readonly type: "delete-under"; readonly places: readonly number[] };

export type PreparedCondition = null | { readonly value: number } | { readonly index: number };

export interface PreparedRead {
  readonly type: "read";
  /** What the answer says of each place it looks at. */
  readonly seen: readonly { readonly place: number; readonly value: number }[];
  /** How many of the changes with known revisions are in what was read; null: not told. */
  readonly upTo: number | null;
}

export interface PreparedValue {
  readonly text: string;
  readonly revision: number | null;
  /** When the last call begins that finds it. 0 also where several have written it: another one will do. */
  neededUntil: number;
  /** How many known changes there have been when it is last found. */
  neededAt: number;
}

export const ABSENT = 0;
/** All values that nobody ever sees are one. */
const UNSEEN = 1;

/** The calls of one object, made ready. What answers tell of indexes is turned into an order of the calls. */
export class PreparedObject {
  readonly keys: readonly string[];
  /** In the order of `object.calls`. */
  readonly calls: readonly PreparedCall[];
  readonly values: readonly PreparedValue[];
  readonly #revisions: Revisions;
  /** The changes whose revisions are known, in order. */
  readonly #known: readonly (readonly [revision: number, call: WriteCall])[];
  readonly #ranks = new Map<WriteCall, number>();
  readonly #numbers = new Map<string, number>();
  readonly #values: PreparedValue[] = [];
  readonly #seen: ReadonlySet<string>;

  constructor({ keys, calls }: StoreObject, revisions: Revisions) {
    this.keys = keys;
    this.values = this.#values;
    this.#revisions = revisions;
    this.#addValue("nothing", null);
    this.#addValue("what nobody saw", null);
    const own = new Set(calls);
    this.#known = revisions.known().filter(([, call]) => own.has(call));
    for (const [rank, [, call]] of this.#known.entries()) this.#ranks.set(call, rank);
    this.#seen = seenValues(calls);
    const ofRank = this.#callsBefore(calls);
    this.calls = calls.map((call) => this.#prepare(call, ofRank));
    for (const call of calls) this.#noteNeeds(call);
  }

  #prepare(call: StoreCall, ofRank: ReadonlyMap<number, readonly number[]>): PreparedCall {
    const { operation, answer, invokedAt, endedAt } = call;
    const output = answer ?? undefined;
    const returnedAt = answer === null ? Number.POSITIVE_INFINITY : endedAt;
    if (isWrite(call)) {
      const { atomic, steps } = call.operation;
      const rank = this.#ranks.get(call) ?? null;
      const isHidden = answer === null && rank === null;
      const prepared = steps.map((step) => this.#prepareStep(step, isHidden));
      const after = rank === null ? [] : (ofRank.get(rank) ?? []);
      return {
        input: { type: "write", atomic, steps: prepared, rank },
        output,
        invokedAt,
        returnedAt,
        after,
      };
    }
    if (operation.type !== "read") throw new Error("a call is a write or a read");
    const { index, items } = (answer ?? { index: null, items: [] }) as ReadAnswer;
    const upTo = index === null ? null : this.#knownUpTo(index);
    const values = new Map(items.map(({ key, value }) => [key, value]));
    const seen = this.#placesUnder(operation.target).map((place) => {
      const key = this.keys[place] as string;
      const value = values.get(key);
      return { place, value: value === undefined ? ABSENT : this.#numberOf(key, value) };
    });
    // What a node shows of its own state may be as old as the history, but not older than the newest that it shows.
    const newest = this.#known[(upTo ?? 0) - 1]?.[1].invokedAt ?? -1;
    const since = operation.mode.type === "local" ? Math.min(invokedAt, newest) : invokedAt;
    return { input: { type: "read", seen, upTo }, output, invokedAt: since, returnedAt };
  }

  #prepareStep(step: Step, isHidden: boolean): PreparedStep {
    if (step.type === "delete-under") return { type: step.type, places: this.#placesUnder(step) };
    const { type, key } = step;
    const place = this.keys.indexOf(key);
    const on = this.#prepareCondition(key, step.on);
    if (type === "delete") return { type, place, on };
    const isUnseen = isHidden && !this.#seen.has(nameOf(key, step.value));
    return { type, place, value: isUnseen ? UNSEEN : this.#numberOf(key, step.value), on };
  }

  #prepareCondition(key: string, on: Condition): PreparedCondition {
    return on === null || "index" in on ? on : { value: this.#numberOf(key, on.value) };
  }

  #placesUnder(target: { readonly key: string } | { readonly prefix: string }): number[] {
    return this.keys.flatMap((key, place) => (isUnder(target, key) ? [place] : []));
  }

  #numberOf(key: string, value: string): number {
    const name = nameOf(key, value);
    const number = this.#numbers.get(name) ?? this.#addValue(value, this.#revisions.ofValue(key, value));
    this.#numbers.set(name, number);
    return number;
  }

  #addValue(text: string, revision: number | null): number {
    // A state is a string with a character for each value.
    if (this.#values.length > 0xffff) throw new Error("more values than a state can tell apart");
    return this.#values.push({ text, revision, neededUntil: 0, neededAt: 0 }) - 1;
  }

  #noteNeeds(call: StoreCall): void {
    const isLocal = call.operation.type === "read" && call.operation.mode.type === "local";
    const index = call.answer?.type === "read" ? call.answer.index : null;
    for (const { key, value } of foundBy(call)) {
      const held = this.#values[this.#numberOf(key, value)];
      if (held === undefined || this.#revisions.writerOfValue(key, value) === null) continue;
      if (!isLocal) held.neededUntil = Math.max(held.neededUntil, call.invokedAt);
      if (index !== null) held.neededAt = Math.max(held.neededAt, this.#knownUpTo(index));
    }
  }

  // ---- what indexes tell of the order ----

  #knownUpTo(index: number): number {
    let count = 0;
    while ((this.#known[count]?.[0] ?? Number.POSITIVE_INFINITY) <= index) count++;
    return count;
  }

  /** For each known change, by its rank, the calls that cannot have taken effect after it. */
  #callsBefore(calls: readonly StoreCall[]): Map<number, readonly number[]> {
    const before = new Map<number, number[]>();
    for (const [at, call] of calls.entries()) {
      const rank = this.#mustPrecede(call);
      if (rank !== null) before.set(rank, [...(before.get(rank) ?? []), at]);
    }
    return before;
  }

  #mustPrecede(call: StoreCall): number | null {
    const { answer } = call;
    if (isAnsweredRead(call)) return call.answer.index === null ? null : this.#knownUpTo(call.answer.index);
    if (!isWrite(call) || answer?.type !== "write" || this.#ranks.has(call)) return null;
    // A refusal shows the index of its key: it came before the next change of that.
    const ranks = call.operation.steps.flatMap((step, at) => {
      const { ok = true, index = null } = answer.results[at] ?? {};
      if (ok || index === null || index === 0 || step.type === "delete-under") return [];
      return this.#nextChangeOf(step.key, this.#knownUpTo(index));
    });
    return ranks.length === 0 ? null : Math.min(...ranks);
  }

  /** The first known change, of at least this rank, that certainly changed a key; none: []. */
  #nextChangeOf(key: string, rank: number): number[] {
    const next = this.#known.findIndex(([, { operation, answer }], at) => {
      return (
        at >= rank &&
        operation.steps.some((step, place) => {
          return step.type !== "delete-under" && step.key === key && answer?.results[place]?.changed;
        })
      );
    });
    return next < 0 ? [] : [next];
  }
}

/** What an answer proves to have been there while its call was under way. */
export function foundBy(call: StoreCall): readonly { readonly key: string; readonly value: string }[] {
  if (isAnsweredRead(call)) return call.answer.items;
  if (!isWrite(call)) return [];
  return call.operation.steps.flatMap((step, at) => {
    if (step.type === "delete-under" || step.on === null || !("value" in step.on)) return [];
    return call.answer?.results[at]?.ok ? [{ key: step.key, value: step.on.value }] : [];
  });
}

/** The values that somebody has seen or asked for. */
function seenValues(calls: readonly StoreCall[]): Set<string> {
  const seen = new Set<string>();
  for (const call of calls) {
    if (isAnsweredRead(call)) for (const { key, value } of call.answer.items) seen.add(nameOf(key, value));
    if (!isWrite(call)) continue;
    for (const step of call.operation.steps) {
      if (step.type !== "delete-under" && step.on !== null && "value" in step.on) {
        seen.add(nameOf(step.key, step.on.value));
      }
    }
  }
  return seen;
}

function nameOf(key: string, value: string): string {
  return `${key}\n${value}`;
}
