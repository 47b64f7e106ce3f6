import type { Opening } from "../../shared/node/recorder.ts";
import { Recorder } from "../../shared/recording/recorder.ts";
import type { LogEntry } from "../../shared/storage/entry.ts";
import type { Turn } from "./turns.ts";
import { openingOf, workOf } from "./turns.ts";

/** A recorder with somebody who tells it things, and reads what it makes of them. */
export class Desk {
  now = 0;
  /** One for each time that the recorder said that there is something; whether it was urgent. */
  readonly calls: boolean[] = [];
  readonly recorder = new Recorder({
    clock: { now: () => this.now, wallTime: () => 1_700_000_000_000 + Math.floor(this.now) },
    release: "1.2.3",
    onRecord: (urgent) => this.calls.push(urgent),
  });
  #number = 0;

  open(log: readonly LogEntry[] = [], rest: Partial<Opening> = {}): this {
    this.recorder.opened(openingOf(log, rest));
    this.recorder.take();
    return this;
  }

  /** Tells of a turn; returns the number of its write. */
  work(turn: Turn): number {
    const { entries = [], hardState } = turn;
    if (entries.length > 0 || hardState !== undefined) this.#number++;
    this.recorder.worked(workOf(this.#number, turn), entries);
    return this.#number;
  }

  /** What was recorded since the last time, without its time. */
  take(): object[] {
    return this.recorder.take().map(({ wall: _wall, at: _at, ...record }) => record);
  }
}
