import type { Clock } from "../shared/node/ports.ts";
import { TimeoutTimer } from "../shared/node/timeout-timer.ts";

/** The Timer port on Node. */
export class SystemTimer extends TimeoutTimer {
  constructor(clock: Clock) {
    // An immediate comes after the poll phase: what has already arrived is taken in before the deadline is served.
    super(clock, (task) => {
      const immediate = setImmediate(task);
      return () => clearImmediate(immediate);
    });
  }
}
