import type { Clock, Timer } from "../shared/node/ports.ts";

/** The longest delay `setTimeout` keeps; above it fires after 1 ms. */
const LONGEST_DELAY_MS = 2 ** 31 - 1;

/** The Timer port over `setTimeout`. Infinity is a deadline that never comes. */
export class SystemTimer implements Timer {
  readonly #clock: Clock;
  #cancel: () => void = () => {};

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  set(at: number, wake: () => void): void {
    this.clear();
    if (at === Number.POSITIVE_INFINITY) return;
    const delay = at - this.#clock.now();
    // An immediate comes after the poll phase: what has already arrived is taken in before the deadline is served.
    // Written so that NaN is due as well, and shows itself, instead of never.
    if (!(delay > 0)) {
      const immediate = setImmediate(wake);
      this.#cancel = () => clearImmediate(immediate);
      return;
    }
    // Timers count whole milliseconds and may fire a fraction early: whoever is not due yet is set again.
    const again = () => this.set(at, wake);
    const timeout = setTimeout(again, Math.min(Math.ceil(delay), LONGEST_DELAY_MS));
    this.#cancel = () => clearTimeout(timeout);
  }

  clear(): void {
    this.#cancel();
    this.#cancel = () => {};
  }
}
