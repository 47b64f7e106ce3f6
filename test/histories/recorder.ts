import type { StoreCall } from "../../sim/store/call.ts";
import type { StoreOperation } from "../../sim/store/operation.ts";
import type { CallOutcome } from "./http-call.ts";

/** A call with the time at which it happened, for whoever reads the history: milliseconds since its beginning. */
export interface RecordedCall extends StoreCall {
  readonly invokedMs: number;
  readonly endedMs: number;
}

/** An operation that is under way. */
export interface Invocation {
  readonly client: number;
  readonly node: string;
  readonly run: number;
  readonly operation: StoreOperation;
  readonly invokedAt: number;
  readonly invokedMs: number;
}

/**
 * What all clients see, in one order: they live in one process, which knows for certain what came before what. What
 * certainly was not carried out leaves no trace.
 */
export class Recorder {
  readonly calls: RecordedCall[] = [];
  readonly #startedAt = performance.now();
  #position = 0;
  #answered = 0;

  get answered(): number {
    return this.#answered;
  }

  invoke(client: number, node: string, run: number, operation: StoreOperation): Invocation {
    return { client, node, run, operation, invokedAt: this.#position++, invokedMs: this.#nowMs() };
  }

  end(invocation: Invocation, outcome: CallOutcome): void {
    if (outcome.type === "none") return;
    const answer = outcome.type === "ok" ? outcome.answer : null;
    if (answer !== null) this.#answered++;
    this.calls.push({ ...invocation, answer, endedAt: this.#position++, endedMs: this.#nowMs() });
  }

  #nowMs(): number {
    return Math.round((performance.now() - this.#startedAt) * 1000) / 1000;
  }
}
