import type { Clock } from "../shared/node/ports.ts";

/**
 * A clock that never goes back over one that may: `Date.now()` is corrected now and then, and in production it stands
 * still while code runs (it shows the time of the last event). What it goes back by is added from then on, so that time
 * goes on; a jump ahead only makes deadlines come early, which elections and reads are made for.
 */
export function monotonicClock(wallTime: () => number): Clock {
  let last = wallTime();
  let offset = 0;
  return {
    now() {
      const time = wallTime();
      if (time < last) offset += last - time;
      last = time;
      return time + offset;
    },
    wallTime,
  };
}
