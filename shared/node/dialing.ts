import type { PeerDirectory } from "./peer-directory.ts";
import type { Clock } from "./ports.ts";

/**
 * Finding out who is where: which addresses are asked who answers there, and when. Whoever has been found at an address,
 * and fits, is not asked again.
 */

/** While nobody answers at an address it is asked again after these times, doubling. */
const shortestPauseMs = 10;
const firstPauseMs = 100;
/** One that was found is asked again so soon while it looks at its own list. */
const unsettledPauseMs = 20;
const longestPauseMs = 1000;

interface Dial {
  nextAt: number;
  pauseMs: number;
  underWay: boolean;
}

export interface DialingParts {
  readonly directory: PeerDirectory;
  readonly clock: Clock;
  /** Asks who is at `address`, and has the directory take in the answer. Rejects when there was none. */
  readonly ask: (address: string) => Promise<unknown>;
  /** Somebody was found, or not; or is worth asking soon. */
  readonly changed: () => void;
}

export class Dialing {
  readonly #parts: DialingParts;
  readonly #dials = new Map<string, Dial>();

  constructor(parts: DialingParts) {
    this.#parts = parts;
  }

  /** Asks the addresses that are due. */
  dial(now: number): void {
    for (const address of this.#parts.directory.addressesToAsk()) {
      let dial = this.#dials.get(address);
      if (!dial) {
        dial = { nextAt: now, pauseMs: firstPauseMs, underWay: false };
        this.#dials.set(address, dial);
      }
      if (!dial.underWay && dial.nextAt <= now) this.#ask(address, dial);
    }
  }

  /** When an address is to be asked next; Infinity when none is. */
  get nextAt(): number {
    let nextAt = Number.POSITIVE_INFINITY;
    for (const address of this.#parts.directory.addressesToAsk()) {
      const dial = this.#dials.get(address);
      if (!dial?.underWay) nextAt = Math.min(nextAt, dial?.nextAt ?? Number.NEGATIVE_INFINITY);
    }
    return nextAt;
  }

  #ask(address: string, dial: Dial): void {
    dial.underWay = true;
    const { directory, clock, ask, changed } = this.#parts;
    const { discoveries } = directory;
    const end = (answered: boolean) => {
      dial.underWay = false;
      if (!answered) dial.pauseMs = Math.min(2 * dial.pauseMs, longestPauseMs);
      else dial.pauseMs = directory.isUnsettled(address) ? unsettledPauseMs : longestPauseMs;
      dial.nextAt = clock.now() + dial.pauseMs;
      if (directory.isLooking) this.askSoon();
      else changed();
    };
    ask(address).then(
      () => end(true),
      () => {
        directory.recordSilence(address, discoveries);
        end(false);
      },
    );
  }

  /** Somebody has come up, perhaps where nobody answered a moment ago: that is worth asking now. */
  askSoon(): void {
    const soon = this.#parts.clock.now() + shortestPauseMs;
    for (const dial of this.#dials.values()) dial.nextAt = Math.min(dial.nextAt, soon);
    this.#parts.changed();
  }
}
