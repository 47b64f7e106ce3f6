import type { ReadCall, StoreCall, WriteCall } from "./call.ts";
import { describeCall, isAnsweredRead, isWrite } from "./call.ts";
import { isUnder } from "./operation.ts";

/** What is wrong with an answer by itself, or with what two of them show of one index; null when nothing is. */
export function refuteAnswers(calls: readonly StoreCall[]): string | null {
  for (const call of calls) {
    const wrong = wrongIn(call);
    if (wrong !== null) return `${describeCall(call)}: ${wrong}`;
  }
  return refuteIndexes(calls.filter(isAnsweredRead));
}

function wrongIn(call: StoreCall): string | null {
  const { operation, answer } = call;
  if (answer === null) return null;
  if (operation.type !== answer.type) return "that is no answer to it";
  return isWrite(call) ? wrongInWrite(call) : isAnsweredRead(call) ? wrongInRead(call) : null;
}

function wrongInWrite({ operation: { atomic, steps }, answer }: WriteCall): string | null {
  const { results = [] } = answer ?? {};
  if (results.length !== steps.length) return "that is no answer to it";
  for (const { ok, changed, index } of results) {
    if (!ok && changed !== false) return "what was refused changed something";
    if (ok && changed !== null && index !== null && changed !== index > 0)
      return "a change is what has an index";
  }
  if (!atomic || results.every(({ ok }) => ok)) return null;
  if (results.some(({ ok }) => ok)) return "all or none";
  const shown = new Map<string, number>();
  for (const [at, step] of steps.entries()) {
    const index = results[at]?.index ?? null;
    if (index === null || step.type === "delete-under") continue;
    if ((shown.get(step.key) ?? index) !== index) return `two indexes for ${step.key}`;
    shown.set(step.key, index);
  }
  return null;
}

function wrongInRead({ operation: { target }, answer: { index, items } }: ReadCall): string | null {
  let last: string | null = null;
  for (const { key, modifyIndex } of items) {
    if (!isUnder(target, key)) return `${key} was not asked for`;
    if (last !== null && key <= last) return "keys out of order";
    last = key;
    if (modifyIndex === null) continue;
    if (modifyIndex < 1) return "a key that is there has an index from 1";
    if (index !== null && modifyIndex > index) {
      return `${key} was changed at ${modifyIndex}, after the index of the answer`;
    }
  }
  return null;
}

/** At one index there is one state, whoever reads it and when. */
function refuteIndexes(reads: readonly ReadCall[]): string | null {
  const keys = new Set(reads.flatMap(({ answer }) => answer.items.map(({ key }) => key)));
  const known = new Map<string, { readonly value: string | null; readonly call: ReadCall }>();
  for (const call of reads) {
    const { index, items } = call.answer;
    if (index === null) continue;
    for (const key of keys) {
      if (!isUnder(call.operation.target, key)) continue;
      const value = items.find((item) => item.key === key)?.value ?? null;
      const name = `${index} ${key}`;
      const other = known.get(name);
      if (other === undefined) known.set(name, { value, call });
      else if (other.value !== value) return `${describeCall(call)}; but ${describeCall(other.call)}`;
    }
  }
  return null;
}
