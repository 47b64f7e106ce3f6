import type { StoreCall, WriteCall } from "./call.ts";
import { describeCall, isAnsweredRead, isWrite } from "./call.ts";

/**
 * Which change has which index (revision), as far as answers tell: those of the writes themselves, and those of the
 * reads that show what they wrote. Values are told apart by being written once.
 */
export class Revisions {
  readonly #ofWrite = new Map<WriteCall, number>();
  readonly #writers = new Map<number, WriteCall>();
  /** By key and value; null where several have written it. */
  readonly #byValue = new Map<string, WriteCall | null>();
  /** The first contradiction; null when there is none. */
  readonly refutation: string | null;

  constructor(calls: readonly StoreCall[]) {
    for (const call of calls) if (isWrite(call)) this.#noteValues(call);
    this.refutation = this.#learn(calls);
  }

  of(call: WriteCall): number | null {
    return this.#ofWrite.get(call) ?? null;
  }

  /** Who alone can have written this value; null where several can, or nobody. */
  writerOfValue(key: string, value: string): WriteCall | null {
    return this.#byValue.get(nameOf(key, value)) ?? null;
  }

  /** The revision of a value, where one write alone can have brought it about and its revision is known. */
  ofValue(key: string, value: string): number | null {
    const writer = this.writerOfValue(key, value);
    return writer === null ? null : this.of(writer);
  }

  writerOf(revision: number): WriteCall | null {
    return this.#writers.get(revision) ?? null;
  }

  /** All that are known, ascending. */
  known(): [revision: number, call: WriteCall][] {
    return [...this.#writers].sort(([a], [b]) => a - b);
  }

  #noteValues(call: WriteCall): void {
    for (const step of call.operation.steps) {
      if (step.type !== "put") continue;
      const name = nameOf(step.key, step.value);
      const other = this.#byValue.get(name);
      this.#byValue.set(name, other === undefined || other === call ? call : null);
    }
  }

  #learn(calls: readonly StoreCall[]): string | null {
    for (const call of calls) {
      const refutation = isWrite(call) ? this.#learnFromWrite(call) : this.#learnFromRead(call);
      if (refutation !== null) return refutation;
    }
    return null;
  }

  #learnFromWrite(call: WriteCall): string | null {
    const { answer } = call;
    if (answer === null) return null;
    for (const { ok, changed, index } of answer.results) {
      const revision = !ok || changed === false ? null : (index ?? (changed ? answer.index : null));
      if (revision === null) continue;
      if (answer.index !== null && revision !== answer.index) {
        return `${describeCall(call)}: its entry is ${answer.index}`;
      }
      const refutation = this.#bind(call, revision, call);
      if (refutation !== null) return refutation;
    }
    return null;
  }

  #learnFromRead(call: StoreCall): string | null {
    if (!isAnsweredRead(call)) return null;
    for (const { key, value, modifyIndex } of call.answer.items) {
      if (modifyIndex === null) continue;
      const writer = this.#byValue.get(nameOf(key, value));
      const refutation = writer ? this.#bind(writer, modifyIndex, call) : null;
      if (refutation !== null) return refutation;
    }
    return null;
  }

  /** `witness` has shown that `call` is change `revision`. */
  #bind(call: WriteCall, revision: number, witness: StoreCall): string | null {
    const known = this.#ofWrite.get(call) ?? revision;
    if (known !== revision) {
      return `${describeCall(witness)}: index ${revision} for a change that is ${known} elsewhere (${describeCall(call)})`;
    }
    const other = this.#writers.get(revision) ?? call;
    if (other !== call) {
      return `${describeCall(witness)}: index ${revision} is that of another change too (${describeCall(other)})`;
    }
    this.#ofWrite.set(call, revision);
    this.#writers.set(revision, call);
    return null;
  }
}

function nameOf(key: string, value: string): string {
  return `${key}\n${value}`;
}
