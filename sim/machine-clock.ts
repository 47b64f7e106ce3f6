import type { Clock } from "../shared/node/ports.ts";
import type { Scheduler } from "./scheduler.ts";

/** 1 January 2026. */
const EPOCH_MS = 1_767_225_600_000;

export interface ClockFault {
  /** Local milliseconds in a true one: 1.01 runs fast. */
  readonly rate: number;
  /** How far the time of day is off, milliseconds. */
  readonly offsetMs: number;
}

/** A machine's own idea of time: it runs at a rate of its own, and its time of day may jump. */
export class MachineClock {
  readonly #scheduler: Scheduler;
  readonly #rate: number;
  #offsetMs: number;

  constructor(scheduler: Scheduler, { rate, offsetMs }: ClockFault) {
    this.#scheduler = scheduler;
    this.#rate = rate;
    this.#offsetMs = offsetMs;
  }

  /** Sets the time of day forward or back, as an NTP daemon that lost patience does. */
  stepWallTime(byMs: number): void {
    this.#offsetMs += byMs;
  }

  /** True time of so many local milliseconds. */
  trueMs(localMs: number): number {
    return localMs / this.#rate;
  }

  /** The clock of a process that starts now: like `performance.now()` it begins with the process. */
  ofProcess(): Clock {
    const startedAt = this.#scheduler.now;
    return {
      now: () => (this.#scheduler.now - startedAt) * this.#rate,
      wallTime: () => Math.floor(EPOCH_MS + this.#offsetMs + this.#scheduler.now * this.#rate),
    };
  }
}
