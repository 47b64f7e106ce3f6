/** Steps that may be made before everything else gets its turn: a few milliseconds of work. */
const STEPS_PER_TASK = 512;

/**
 * Shares the processor between long pieces of work that come in numbers: ten thousand readers may be let go at once,
 * and each may want a list. They go one by one, in the order in which they came, and between every few of them the
 * node hears its peers.
 */
export class Pacer {
  #left = STEPS_PER_TASK;
  #isTaken = false;
  #roundIsDue = false;
  readonly #waiting: (() => void)[] = [];

  /** Resolves when it is the caller's turn. The caller does a piece of work at once, and then calls `done`. */
  turn(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#next();
    });
  }

  /** The piece took so many steps. */
  done(steps: number): void {
    this.#isTaken = false;
    this.#left -= Math.max(1, steps);
    if (!this.#roundIsDue) {
      this.#roundIsDue = true;
      setTimeout(() => this.#newRound(), 0);
    }
    this.#next();
  }

  #newRound(): void {
    this.#roundIsDue = false;
    this.#left = STEPS_PER_TASK;
    this.#next();
  }

  #next(): void {
    if (this.#isTaken || this.#left <= 0) return;
    const resolve = this.#waiting.shift();
    if (resolve === undefined) return;
    this.#isTaken = true;
    resolve();
  }
}
