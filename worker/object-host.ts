import type { Host, Transport } from "../shared/node/ports.ts";
import { TimeoutTimer } from "../shared/node/timeout-timer.ts";
import { monotonicClock } from "./clock.ts";

/**
 * A Durable Object as a node's host. `onWake` hears the time whenever the node's timer fires, which it does all the
 * time while the object is awake.
 */
export function objectHost(transport: Transport, onWake: (now: number) => void): Host {
  const clock = monotonicClock(() => Date.now());
  const timer = new TimeoutTimer(clock, (task) => {
    const timeout = setTimeout(task, 0);
    return () => clearTimeout(timeout);
  });
  let isRunning = false;
  return {
    transport,
    clock,
    timer: {
      set: (at, wake) =>
        timer.set(at, () => {
          onWake(clock.now());
          wake();
        }),
      clear: () => timer.clear(),
    },
    defer(task) {
      const run = () => {
        isRunning = true;
        try {
          task();
        } finally {
          isRunning = false;
        }
      };
      // The shortest timeout takes more than a millisecond here (measured: 1.2), a commit would take five of them. What
      // was begun within a task, though, goes on with it: others must have their turn in between.
      if (isRunning) setTimeout(run, 0);
      else queueMicrotask(run);
    },
    random32: () => crypto.getRandomValues(new Uint32Array(1))[0]!,
  };
}
