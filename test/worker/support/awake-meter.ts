import { AsyncLocalStorage } from "node:async_hooks";

/**
 * How long the platform bills objects for being in memory: while an event is under way, and while a timer of the object's
 * own is pending, which keeps it from hibernating. (A call that it waits for has such a timer, for its deadline.) An alarm
 * keeps nobody in memory, and an object with nothing pending costs nothing, even before it is evicted: "Compute billing" in
 * developers.cloudflare.com/durable-objects/platform/pricing. All objects here share one isolate, and with it `setTimeout`;
 * which of them a timer belongs to is told by what it was begun in.
 */

const lives = new AsyncLocalStorage<Life>();

/** One run of an object, from its construction until its memory goes. */
export class Life {
  readonly #timers = new Map<number, () => void>();
  readonly #meter: AwakeMeter;
  #isOver = false;

  constructor(meter: AwakeMeter) {
    this.#meter = meter;
  }

  /** An event: awake until what `work` gives back has settled. */
  async during<Result>(work: () => Promise<Result>): Promise<Result> {
    const release = this.#hold();
    try {
      return await lives.run(this, work);
    } finally {
      release();
    }
  }

  setTimeout(task: () => void, ms: number | undefined): number {
    const release = this.#hold();
    const timer = plain.setTimeout(() => {
      this.#timers.delete(timer);
      try {
        task();
      } finally {
        // Not before: most tasks set the next timer, and that is no sleep in between.
        release();
      }
    }, ms);
    this.#timers.set(timer, release);
    return timer;
  }

  clearTimeout(timer: number): void {
    this.#timers.get(timer)?.();
    this.#timers.delete(timer);
  }

  /** Its memory is gone, and whatever was pending with it. */
  end(): void {
    this.#isOver = true;
  }

  #hold(): () => void {
    this.#meter.hold();
    return () => {
      if (!this.#isOver) this.#meter.release();
    };
  }
}

/** The time that one object is awake, over all its lives. */
export class AwakeMeter {
  #life: Life | null = null;
  #holds = 0;
  #since = 0;
  #totalMs = 0;

  /** The object is constructed; its last life is over. */
  begin(): Life {
    this.#life?.end();
    if (this.isAwake) this.#totalMs += Date.now() - this.#since;
    this.#holds = 0;
    this.#life = new Life(this);
    return this.#life;
  }

  get isAwake(): boolean {
    return this.#holds > 0;
  }

  /** Until now, milliseconds. */
  get awakeMs(): number {
    return this.#totalMs + (this.isAwake ? Date.now() - this.#since : 0);
  }

  hold(): void {
    if (this.#holds++ === 0) this.#since = Date.now();
  }

  release(): void {
    if (--this.#holds === 0) this.#totalMs += Date.now() - this.#since;
  }
}

const plain = { setTimeout: globalThis.setTimeout, clearTimeout: globalThis.clearTimeout };

globalThis.setTimeout = ((task: (...args: unknown[]) => void, ms?: number, ...args: unknown[]) => {
  const life = lives.getStore();
  return life === undefined ? plain.setTimeout(task, ms, ...args) : life.setTimeout(() => task(...args), ms);
}) as typeof setTimeout;

globalThis.clearTimeout = (timer: number | null) => {
  if (timer !== null) lives.getStore()?.clearTimeout(timer);
  plain.clearTimeout(timer);
};
