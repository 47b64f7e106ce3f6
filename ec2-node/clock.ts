import type { Clock } from "../shared/node/ports.ts";

/**
 * `performance.now()` is CLOCK_MONOTONIC since the start of the process: it never goes back and goes on under
 * SIGSTOP, so that a node that was stopped knows by how much it woke up late.
 */
export const systemClock: Clock = {
  now: () => performance.now(),
  wallTime: () => Date.now(),
};
