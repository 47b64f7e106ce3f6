interface Sleeper {
  readonly at: number;
  readonly wake: () => void;
  readonly kill: (reason: Error) => void;
}

/** Nothing that these tests wait for takes longer; who sleeps past it would sleep for ever. */
const LATEST_MS = 48 * 3_600_000;

/**
 * Time that passes only while everybody waits for it: as soon as nothing else is to be done, it jumps to the earliest
 * sleeper. Milliseconds since the epoch.
 */
export class VirtualClock {
  readonly #start: number;
  #now: number;
  #sleepers: Sleeper[] = [];
  #isPumping = false;

  constructor(start = Date.parse("2026-11-20T12:00:00Z")) {
    this.#start = start;
    this.#now = start;
  }

  readonly now = (): number => this.#now;

  readonly sleep = (ms: number): Promise<void> => {
    const at = this.#now + Math.max(0, ms);
    if (!Number.isFinite(at)) throw new Error(`a sleep of ${ms} ms`);
    return new Promise((wake, kill) => {
      this.#sleepers.push({ at, wake, kill });
      this.#pump();
    });
  };

  /** Lets time pass while nobody sleeps. */
  pass(ms: number): void {
    this.#now += ms;
  }

  /** Whoever sleeps is woken by `reason`: the program that slept has died. */
  kill(reason: Error): void {
    for (const sleeper of this.#sleepers.splice(0)) sleeper.kill(reason);
  }

  #pump(): void {
    if (this.#isPumping) return;
    this.#isPumping = true;
    // After all promises that are ready, so that whoever can go on without time does.
    setImmediate(() => {
      this.#isPumping = false;
      const next = Math.min(...this.#sleepers.map(({ at }) => at));
      if (next === Number.POSITIVE_INFINITY) return;
      this.#now = Math.max(this.#now, next);
      const isOver = this.#now - this.#start > LATEST_MS;
      const due = this.#sleepers.filter(({ at }) => isOver || at <= this.#now);
      this.#sleepers = this.#sleepers.filter((sleeper) => !due.includes(sleeper));
      for (const { wake, kill } of due) isOver ? kill(new Error("two virtual days are over")) : wake();
      if (this.#sleepers.length > 0) this.#pump();
    });
  }
}
