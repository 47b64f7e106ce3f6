/** Longest delay a timer takes; beyond it `setTimeout` fires at once. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * How long one call may go on: until its time is up, its caller's signal fires or somebody ends it. Our own controller
 * and timer rather than `AbortSignal.any` and `AbortSignal.timeout`: what `dispose` takes back is gone, however long
 * the caller's signal lives.
 */
export class Limit {
  readonly #controller = new AbortController();
  readonly #outer: AbortSignal | undefined;
  readonly #timer: ReturnType<typeof setTimeout>;
  readonly #endsAt: number;
  #reason: "timeout" | "aborted" | null = null;

  constructor(wantedMs: number, outer?: AbortSignal | undefined) {
    const timeoutMs = Math.min(wantedMs, LONGEST_TIMER_MS);
    this.#endsAt = performance.now() + timeoutMs;
    this.#outer = outer;
    this.#timer = setTimeout(() => this.#end("timeout"), timeoutMs);
    if (outer?.aborted) this.abort();
    else outer?.addEventListener("abort", this.abort);
  }

  /** Fires when it is over, for whichever reason. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Why it is over; null while it is not. */
  get reason(): "timeout" | "aborted" | null {
    return this.#reason;
  }

  /** What is left, 0 when it is over. */
  get remainingMs(): number {
    return this.#reason === null ? Math.max(0, this.#endsAt - performance.now()) : 0;
  }

  readonly abort = (): void => this.#end("aborted");

  #end(reason: "timeout" | "aborted"): void {
    this.#reason ??= reason;
    this.dispose();
    this.#controller.abort();
  }

  /** Must be called when the call has ended. */
  dispose(): void {
    clearTimeout(this.#timer);
    this.#outer?.removeEventListener("abort", this.abort);
  }

  /** Resolves after `ms`, or when it is over. */
  sleep(ms: number): Promise<void> {
    return sleep(ms, this.signal);
  }
}

/** Resolves after `ms`, or when the signal fires. */
export async function sleep(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done);
  });
}
