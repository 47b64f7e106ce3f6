const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** npm and npx pass on the signal that the terminal has already sent to everyone: two of one key press are one. */
const SAME_KEY_PRESS_MS = 200;

/** Calls `stop` at the first signal to stop and `stopAtOnce` at the second. Both are called once at most. */
export function onStopSignals(stop: () => void, stopAtOnce: () => void): void {
  let first: number | null = null;
  let second = false;
  for (const signal of SIGNALS) {
    process.on(signal, () => {
      const now = performance.now();
      if (first === null) {
        first = now;
        stop();
      } else if (!second && now - first > SAME_KEY_PRESS_MS) {
        second = true;
        stopAtOnce();
      }
    });
  }
}
