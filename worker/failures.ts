import type { RaftLiteError } from "../shared/errors.ts";
import { FIRST_REST_MS, FORGET_FAILURES_MS, LONGEST_REST_MS } from "./defaults.ts";

interface Failure {
  /** Failures in a row, this one included. */
  readonly count: number;
  readonly at: number;
  readonly refusal: RaftLiteError;
}

/**
 * Which nodes have failed of late, and how long each rests before it is opened again. An object whose node failed dies
 * with it, and the next call, which its peers make several times a second, makes it anew: without rests an object that
 * is full would read its whole log, fail at the first write, die, and read its log again for ever.
 */
export class Failures {
  readonly #failures = new Map<string, Failure>();

  /**
   * Milliseconds that the node of this object rests from now on. Until then its callers get `refusal`. `now` in
   * milliseconds since the epoch.
   */
  record(object: string, refusal: RaftLiteError, now: number): number {
    const last = this.#failures.get(object);
    const count = last !== undefined && now - last.at < FORGET_FAILURES_MS ? last.count + 1 : 1;
    const failure = { count, at: now, refusal };
    this.#failures.set(object, failure);
    return restMs(failure);
  }

  /** Why the node is not to be opened yet; null when it may be. */
  refusal(object: string, now: number): RaftLiteError | null {
    const failure = this.#failures.get(object);
    if (failure === undefined) return null;
    const restedMs = now - failure.at;
    // A clock that was set back must not make a rest of an hour.
    return restedMs >= 0 && restedMs < restMs(failure) ? failure.refusal : null;
  }

  forget(object: string): void {
    this.#failures.delete(object);
  }
}

function restMs({ count }: Failure): number {
  return Math.min(FIRST_REST_MS * 2 ** (count - 1), LONGEST_REST_MS);
}

/** Those of this isolate: it outlives the objects in it, and where it does not, that takes longer than a rest. */
export const failures = new Failures();
