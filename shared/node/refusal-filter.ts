import type { NodeTrace } from "./events.ts";

type Refusal = Extract<NodeTrace, { type: "refused" }>;

/** A peer that is refused goes on asking; once a minute is enough to say so. */
const SAY_AGAIN_AFTER_MS = 60_000;
/** Strangers choose the names they give: what is kept of them is bounded. */
const MOST_REMEMBERED = 100;

/** Lets each refusal through once, and again after a while. */
export class RefusalFilter {
  /** When a refusal was last let through; oldest first. */
  readonly #saidAt = new Map<string, number>();

  admit(refusal: Refusal, now: number): boolean {
    const key = JSON.stringify([refusal.code, refusal.peer, refusal.address]);
    const saidAt = this.#saidAt.get(key);
    if (saidAt !== undefined && now - saidAt < SAY_AGAIN_AFTER_MS) return false;
    this.#saidAt.delete(key);
    this.#saidAt.set(key, now);
    for (const oldest of this.#saidAt.keys()) {
      if (this.#saidAt.size <= MOST_REMEMBERED) break;
      this.#saidAt.delete(oldest);
    }
    return true;
  }
}
