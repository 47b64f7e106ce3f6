import type { Call, Model, Refutation } from "./linearizability.ts";
import { refute } from "./linearizability.ts";

/** An operation on one key. */
export type KeyOperation =
  | { readonly verb: "SET"; readonly value: string }
  | { readonly verb: "GET" }
  | { readonly verb: "DEL" }
  | { readonly verb: "CAS"; readonly expected: string; readonly value: string };

export type KeyCall = Call<KeyOperation, unknown>;

export interface RegisterRefutation extends Refutation<KeyOperation, unknown> {
  /** What the call would have taken away although it is seen again later: then it is this that fits nothing. */
  readonly seenAgain: KeyCall | null;
}

/**
 * Why what was seen of one key could not have happened; null when it could. Outputs are those of POST /command: "OK",
 * 0 or 1, true or false, the value or null. Values may be written more than once, but then the search has more to do.
 */
export function refuteRegister(calls: readonly KeyCall[]): RegisterRefutation | null {
  const refutation = refute(modelFor(calls), withoutUnseen(calls));
  if (refutation === null) return null;
  const { call, states } = refutation;
  const again = calls.find(
    (later) => later.invokedAt > call.returnedAt && states.includes(seenBy(later) ?? "?"),
  );
  return { ...refutation, seenAgain: again ?? null };
}

/** The state in words. */
export function describeState(state: string): string {
  return state === "" ? "nothing" : state.slice(1);
}

/** The state is "" for an absent key, else "=" and the value, so that no value reads like absence. */
function present(value: string): string {
  return `=${value}`;
}

function modelFor(calls: readonly KeyCall[]): Model<KeyOperation, unknown> {
  const neededUntil = lastNeeds(calls);
  return {
    initial: "",
    apply(state, input, output, now) {
      const next = applyTo(state, input, output);
      // A value that is written once and will be seen again must not go before that: no need to wait and see.
      const isNeeded = next !== state && (neededUntil.get(state) ?? 0) > now;
      return isNeeded ? null : next;
    },
  };
}

/** null where the answer could not be that. */
function applyTo(state: string, input: KeyOperation, output: unknown): string | null {
  switch (input.verb) {
    case "SET":
      return output === undefined || output === "OK" ? present(input.value) : null;
    case "GET": {
      const answer = output === null ? "" : present(String(output));
      return output === undefined || state === answer ? state : null;
    }
    case "DEL":
      return output === undefined || output === (state === "" ? 0 : 1) ? "" : null;
    case "CAS": {
      const holds = state === present(input.expected);
      if (output !== undefined && output !== holds) return null;
      return holds ? present(input.value) : state;
    }
  }
}

/** For each state that only one call can bring about: when the last call begins whose answer proves that it is still there. */
function lastNeeds(calls: readonly KeyCall[]): Map<string, number> {
  const writers = new Map<string, number>();
  for (const { input } of calls) {
    if ("value" in input) writers.set(present(input.value), (writers.get(present(input.value)) ?? 0) + 1);
  }
  const needs = new Map<string, number>();
  for (const call of calls) {
    const seen = seenBy(call);
    if (seen === null || writers.get(seen) !== 1) continue;
    needs.set(seen, Math.max(needs.get(seen) ?? 0, call.invokedAt));
  }
  return needs;
}

/** The state, if it is a value, that this call found for certain. */
function seenBy({ input, output }: KeyCall): string | null {
  if (input.verb === "GET" && typeof output === "string") return present(output);
  return input.verb === "CAS" && output === true ? present(input.expected) : null;
}

/**
 * Writes without an answer whose value nobody ever asks for or sees differ in nothing: they get one value, so that the
 * search need not tell them apart.
 */
function withoutUnseen(calls: readonly KeyCall[]): KeyCall[] {
  const seen = new Set<unknown>();
  for (const { input, output } of calls) {
    if (input.verb === "GET") seen.add(output);
    if (input.verb === "CAS") seen.add(input.expected);
  }
  return calls.map((call) => {
    const { input, output } = call;
    if (output !== undefined || !("value" in input) || seen.has(input.value)) return call;
    return { ...call, input: { ...input, value: "(unseen)" } };
  });
}
