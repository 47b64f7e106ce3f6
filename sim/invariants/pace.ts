import type { NodeId } from "../../shared/raft/types.ts";
import type { Report } from "./violation.ts";

const turnsPerMeasure = 1000;
/** A busy node comes to three or four turns of its loop in a millisecond; one that asks itself for the next to twenty. */
const mostTurnsPerMs = 10;
/** A deadline may have passed when it is set; a node that never sets another is called again and again for nothing. */
const mostOverdueTimers = 300;

/** Whether a node waits for what it waits for, or keeps its processor busy with asking. */
export class PaceInvariant {
  readonly #id: NodeId;
  readonly #report: Report;
  #turns = 0;
  #since = 0;
  #overdue = 0;

  constructor(id: NodeId, report: Report) {
    this.#id = id;
    this.#report = report;
  }

  /** The node's loop is to run once more; `now` in milliseconds. */
  turn(now: number): void {
    this.#turns++;
    if (this.#turns < turnsPerMeasure) return;
    const took = now - this.#since;
    if (took < turnsPerMeasure / mostTurnsPerMs) {
      this.#report("no-busy-loop", `${this.#id} takes ${turnsPerMeasure} turns in ${took.toFixed(1)} ms`);
    }
    this.#turns = 0;
    this.#since = now;
  }

  /** The node sets its timer. */
  timer(at: number, now: number): void {
    this.#overdue = at <= now ? this.#overdue + 1 : 0;
    if (this.#overdue < mostOverdueTimers) return;
    this.#report(
      "no-busy-loop",
      `${this.#id} has set its timer to a time gone by ${this.#overdue} times running`,
    );
  }
}
