interface Scheduled {
  readonly time: number;
  /** Events of one moment happen in the order in which they were asked for. */
  readonly order: number;
  readonly run: () => void;
}

/**
 * Virtual time on one thread. Events happen one at a time; all that they set off in promises settles before the next
 * one. Milliseconds from 0.
 */
export class Scheduler {
  #now = 0;
  #events = 0;
  #order = 0;
  readonly #heap: Scheduled[] = [];

  get now(): number {
    return this.#now;
  }

  /** How many events have happened. */
  get events(): number {
    return this.#events;
  }

  at(time: number, run: () => void): void {
    this.#push({ time: Math.max(time, this.#now), order: this.#order++, run });
  }

  after(delay: number, run: () => void): void {
    this.at(this.#now + delay, run);
  }

  /** Lets the next event happen, and what follows from it. Resolves with false when there is none. */
  async step(): Promise<boolean> {
    const next = this.#pop();
    if (next === undefined) return false;
    this.#now = next.time;
    this.#events++;
    next.run();
    await settled();
    return true;
  }

  #push(event: Scheduled): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(event);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (isBefore(heap[parent]!, event)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = event;
  }

  #pop(): Scheduled | undefined {
    const heap = this.#heap;
    const top = heap[0];
    const last = heap.pop();
    if (top === undefined || last === undefined || heap.length === 0) return top;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (isBefore(last, heap[child]!)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
    return top;
  }
}

function isBefore(a: Scheduled, b: Scheduled): boolean {
  return a.time < b.time || (a.time === b.time && a.order < b.order);
}

/** Node runs every microtask before it goes on to the next phase of its loop: after one turn of it none is left. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
