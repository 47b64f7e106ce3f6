import type { Clock, Timer } from "./ports.ts";

/** The longest delay `setTimeout` keeps; above it fires after 1 ms. */
const LONGEST_DELAY_MS = 2 ** 31 - 1;

/**
 * The Timer port over `setTimeout`. Infinity is a deadline that never comes. `soon` runs a task once what has already
 * arrived is taken in, and returns what takes it back: a deadline that has passed is served so.
 */
export class TimeoutTimer implements Timer {
  readonly #clock: Clock;
  readonly #soon: (task: () => void) => () => void;
  #wake: () => void = () => {};
  #at = Number.POSITIVE_INFINITY;
  /** When the host calls back at the latest; Infinity when it will not. */
  #armedFor = Number.POSITIVE_INFINITY;
  #cancel: () => void = () => {};

  constructor(clock: Clock, soon: (task: () => void) => () => void) {
    this.#clock = clock;
    this.#soon = soon;
  }

  set(at: number, wake: () => void): void {
    // Not even a timer that finds nothing to do: it could keep its host awake.
    if (at === Number.POSITIVE_INFINITY) this.clear();
    this.#wake = wake;
    this.#at = at;
    // Every message of a leader puts its followers' deadlines off. What is armed for an earlier moment finds then that
    // it is too early, which is cheaper than to arm anew every time.
    if (this.#armedFor <= at) return;
    this.#cancel();
    this.#arm();
  }

  #arm(): void {
    const at = this.#at;
    this.#armedFor = at;
    if (at === Number.POSITIVE_INFINITY) return;
    const delay = at - this.#clock.now();
    // Written so that NaN is due as well, and shows itself, instead of never.
    if (!(delay > 0)) {
      this.#cancel = this.#soon(() => this.#fire());
      return;
    }
    const timeout = setTimeout(() => this.#fire(), Math.min(Math.ceil(delay), LONGEST_DELAY_MS));
    this.#cancel = () => clearTimeout(timeout);
  }

  #fire(): void {
    this.#armedFor = Number.POSITIVE_INFINITY;
    // Timers count whole milliseconds and may fire a fraction early: whoever is not due yet is armed again.
    if (this.#at > this.#clock.now()) {
      this.#arm();
      return;
    }
    this.#at = Number.POSITIVE_INFINITY;
    this.#wake();
  }

  clear(): void {
    this.#cancel();
    this.#cancel = () => {};
    this.#at = Number.POSITIVE_INFINITY;
    this.#armedFor = Number.POSITIVE_INFINITY;
  }
}
