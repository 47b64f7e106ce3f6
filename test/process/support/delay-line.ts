/** One direction of a wire: what goes in comes out later, in the same order, whatever becomes of the delay meanwhile. */
export class DelayLine {
  readonly #waiting: { readonly dueAt: number; readonly act: () => void }[] = [];
  #timer: NodeJS.Timeout | null = null;

  /** `act` is done after `delayMs`; at once where that is 0 and nothing waits before it. */
  pass(delayMs: number, act: () => void): void {
    if (delayMs === 0 && this.#waiting.length === 0) {
      act();
      return;
    }
    this.#waiting.push({ dueAt: performance.now() + delayMs, act });
    this.#arm();
  }

  #arm(): void {
    const [next] = this.#waiting;
    if (next === undefined || this.#timer !== null) return;
    this.#timer = setTimeout(
      () => {
        this.#timer = null;
        // Timers may ring a little early.
        while (this.#waiting[0] !== undefined && this.#waiting[0].dueAt <= performance.now() + 1) {
          this.#waiting.shift()?.act();
        }
        this.#arm();
      },
      Math.max(0, next.dueAt - performance.now()),
    );
  }
}
