import { setTimeout as sleep } from "node:timers/promises";

/** Generous: on a busy machine everything takes longer, and nothing here is a measurement. */
export const LIMIT_MS = 60_000;

/**
 * Asks until the answer is neither null, undefined nor false, and gives it back. An error counts as "not yet". Fails
 * after `limitMs` with `what` was waited for and the last error.
 */
export async function until<T>(
  what: string,
  ask: () => T | Promise<T>,
  limitMs = LIMIT_MS,
): Promise<Exclude<T, null | undefined | false>> {
  const end = performance.now() + limitMs;
  let reason: unknown;
  for (let pauseMs = 10; ; pauseMs = Math.min(pauseMs * 1.5, 100)) {
    try {
      const answer = await ask();
      if (answer !== null && answer !== undefined && answer !== false) {
        return answer as Exclude<T, null | undefined | false>;
      }
      reason = undefined;
    } catch (error) {
      reason = error;
    }
    if (performance.now() > end) {
      throw new Error(`waited ${limitMs} ms in vain: ${what}`, reason === undefined ? {} : { cause: reason });
    }
    await sleep(pauseMs);
  }
}
