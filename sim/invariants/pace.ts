import type { Report } from "./violation.ts";

const eventsPerMeasure = 5000;
/** Five nodes under load come to two or three; one that never pauses adds twenty. */
const mostEventsPerMs = 12;

/** Whether time goes on as things happen: a node that asks itself for turn after turn makes it stand still. */
export class PaceInvariant {
  readonly #report: Report;
  #events = 0;
  #since = 0;

  constructor(report: Report) {
    this.#report = report;
  }

  /** An event has happened at `now`, milliseconds. */
  event(now: number): void {
    this.#events++;
    if (this.#events < eventsPerMeasure) return;
    const took = now - this.#since;
    if (took < eventsPerMeasure / mostEventsPerMs) {
      this.#report("no-busy-loop", `${eventsPerMeasure} events in ${took.toFixed(1)} ms`);
    }
    this.#events = 0;
    this.#since = now;
  }
}
