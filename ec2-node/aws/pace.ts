import { setTimeout as sleep } from "node:timers/promises";

/** The time that waiting and trying again go by: a test's is virtual. */
export interface Pace {
  /** Milliseconds, from any start. */
  now(): number;
  sleep(ms: number): Promise<void>;
}

export const realPace: Pace = {
  now: () => performance.now(),
  sleep: (ms) => sleep(ms),
};

/**
 * Asks again and again until there is an answer other than undefined, with pauses from `firstMs` that double up to
 * `longestMs`. Resolves with undefined when `withinMs` are over; asks at least once.
 */
export async function poll<T>(
  pace: Pace,
  ask: () => Promise<T | undefined>,
  limits: { withinMs: number; firstMs?: number; longestMs?: number },
): Promise<T | undefined> {
  const { withinMs, firstMs = 500, longestMs = 5_000 } = limits;
  const deadline = pace.now() + withinMs;
  for (let pauseMs = firstMs; ; pauseMs = Math.min(pauseMs * 2, longestMs)) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    const leftMs = deadline - pace.now();
    if (leftMs <= 0) return undefined;
    await pace.sleep(Math.min(pauseMs, leftMs));
  }
}
