import type { RaftLiteError } from "../errors.ts";
import type { Subscribe, WaitEnd, WaitOptions } from "./api.ts";
import type { Due } from "./deadline-queue.ts";
import { DeadlineQueue } from "./deadline-queue.ts";
import { overloadedError } from "./refusals.ts";

interface Wait extends Due {
  readonly resolve: (end: WaitEnd) => void;
  readonly reject: (error: RaftLiteError) => void;
  readonly signal: AbortSignal | undefined;
  readonly onAbort: () => void;
  unsubscribe: () => void;
}

/**
 * Clients that wait for a change of the state machine. Each is told of by the state machine itself, which alone knows
 * what it waits for; deadlines, leaders and the end of the node are known here.
 *
 * A wait ends the moment its reason comes up; what its client does then runs when the turn is over, which applies
 * entries in one piece.
 */
export class Waits {
  readonly #limit: number;
  readonly #waits = new DeadlineQueue<Wait>();
  readonly #counters = { started: 0, woken: 0 };

  /** At most `limit` at a time. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  get count(): number {
    return this.#waits.size;
  }

  /** When `expire` next has something to do. */
  get deadline(): number {
    return this.#waits.deadline;
  }

  get counters(): { readonly started: number; readonly woken: number } {
    return this.#counters;
  }

  /** Rejects with `overloaded` when too many wait, with what `subscribe` throws, and with what `rejectAll` says. */
  add(subscribe: Subscribe, { waitMs, signal }: WaitOptions, now: number): Promise<WaitEnd> {
    if (this.count >= this.#limit) return Promise.reject(overloadedError(this.count));
    if (signal?.aborted) return Promise.resolve("aborted");
    return new Promise((resolve, reject) => {
      const wait: Wait = {
        deadline: now + waitMs,
        position: -1,
        resolve,
        reject,
        signal,
        onAbort: () => this.#end(wait, "aborted"),
        unsubscribe: nothing,
      };
      this.#waits.add(wait);
      try {
        wait.unsubscribe = subscribe(() => this.#end(wait, "woken"));
      } catch (error) {
        this.#waits.remove(wait);
        throw error;
      }
      this.#counters.started++;
      // It may have been woken by then.
      if (wait.position < 0) wait.unsubscribe();
      else signal?.addEventListener("abort", wait.onAbort);
    });
  }

  expire(now: number): void {
    for (let wait = this.#waits.takeDue(now); wait !== undefined; wait = this.#waits.takeDue(now)) {
      release(wait);
      wait.resolve("timeout");
    }
  }

  endAll(end: WaitEnd): void {
    for (const wait of this.#waits.takeAll()) {
      release(wait);
      wait.resolve(end);
    }
  }

  rejectAll(error: RaftLiteError): void {
    for (const wait of this.#waits.takeAll()) {
      release(wait);
      wait.reject(error);
    }
  }

  #end(wait: Wait, end: WaitEnd): void {
    if (wait.position < 0) return;
    this.#waits.remove(wait);
    if (end === "woken") this.#counters.woken++;
    release(wait);
    wait.resolve(end);
  }
}

/** Nobody holds on to it any more. */
function release({ signal, onAbort, unsubscribe }: Wait): void {
  signal?.removeEventListener("abort", onAbort);
  unsubscribe();
}

function nothing(): void {}
