import type { RaftLiteError } from "../shared/errors.ts";
import { FIRST_REST_MS, FORGET_FAILURES_MS, LONGEST_REST_MS, STABLE_AFTER_MS } from "./defaults.ts";

/** What is known of one object's node, over the lives of the object. Times in milliseconds since the epoch. */
interface Past {
  /** Failures in a row. */
  count: number;
  failedAt: number;
  restMs: number;
  /** Why callers are refused while it rests. */
  refusal: RaftLiteError | null;
  /** What it was doing when it was last heard of. */
  state: "opening" | "running" | "ended";
  since: number;
}

/**
 * Which nodes have failed of late, and how long each rests before it is opened again. An object whose node failed dies
 * with it, and the next call, which its peers make several times a second, makes it anew: without rests an object that
 * is full would read its whole log, fail at the first write, die, and read its log again for ever.
 *
 * Often the object is not there any more to say that it failed: the platform ends it when a write of its does not reach
 * the disk (seen: SQLITE_FULL, an opening four times a second). So what is told here is also what is begun.
 */
export class Failures {
  readonly #pasts = new Map<string, Past>();

  /**
   * The object has been made anew. When the one before died over opening its node, or soon after, that is a failure;
   * only the first such death is forgiven, which any update of the platform can be. Milliseconds that the node rests;
   * null when nothing speaks against opening it.
   */
  reborn(object: string, refusal: RaftLiteError, now: number): number | null {
    const past = this.#pasts.get(object);
    if (past === undefined || past.state === "ended") return null;
    const { state, since, count } = past;
    past.state = "ended";
    if (state === "running" && !isWithin(STABLE_AFTER_MS, since, now)) return null;
    const restMs = this.record(object, refusal, now);
    if (count > 0) return restMs;
    past.restMs = 0;
    return null;
  }

  opening(object: string, now: number): void {
    Object.assign(this.#past(object), { state: "opening", since: now });
  }

  running(object: string, now: number): void {
    Object.assign(this.#past(object), { state: "running", since: now });
  }

  /** The node waits to be needed, in memory or not. */
  idle(object: string): void {
    this.#past(object).state = "ended";
  }

  /** The node has failed. Milliseconds that it rests from now on; until then its callers get `refusal`. */
  record(object: string, refusal: RaftLiteError, now: number): number {
    const past = this.#past(object);
    const count = isWithin(FORGET_FAILURES_MS, past.failedAt, now) ? past.count + 1 : 1;
    const restMs = Math.min(FIRST_REST_MS * 2 ** (count - 1), LONGEST_REST_MS);
    Object.assign(past, { count, failedAt: now, restMs, refusal, state: "ended" });
    return restMs;
  }

  /** Why the node is not to be opened yet; null when it may be. */
  refusal(object: string, now: number): RaftLiteError | null {
    const past = this.#pasts.get(object);
    return past !== undefined && isWithin(past.restMs, past.failedAt, now) ? past.refusal : null;
  }

  /** What has been is no reason to wait: somebody stopped, started or crashed it on purpose. */
  forget(object: string): void {
    this.#pasts.delete(object);
  }

  #past(object: string): Past {
    const known = this.#pasts.get(object);
    if (known !== undefined) return known;
    const past: Past = { count: 0, failedAt: 0, restMs: 0, refusal: null, state: "ended", since: 0 };
    this.#pasts.set(object, past);
    return past;
  }
}

/** A clock that was set back must not make a rest of an hour. */
function isWithin(limitMs: number, since: number, now: number): boolean {
  return now >= since && now - since < limitMs;
}
