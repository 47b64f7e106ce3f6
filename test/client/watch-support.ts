import { vi } from "vitest";
import type { Watch } from "../../shared/client/watch.ts";
import type { Seen } from "./support.ts";
import { absent, breathe, found, row, success } from "./support.ts";

/** A store of one key that holds requests back as a node does; `release` is a change of leader. */
export class OneKey {
  index = 1;
  /** Index of the newest change to the key. */
  changed = 0;
  value: string | null = null;
  readonly #waiting = new Set<() => void>();

  set(value: string | null): void {
    this.index++;
    this.changed = this.index;
    this.value = value;
    this.release();
  }

  /** Something else than the key has changed: nobody is told. */
  other(): void {
    this.index++;
  }

  release(): void {
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }

  /** Another cluster takes its place. */
  replace(value: string | null, index: number): void {
    this.index = index;
    this.changed = index;
    this.value = value;
    this.release();
  }

  readonly answer = async ({ query, signal }: Seen): Promise<Response> => {
    const index = Number(query.get("index") ?? 0);
    if (index !== 0 && index <= this.index && this.changed <= index) {
      const waitMs = Number(/^(\d+)ms$/.exec(query.get("wait") ?? "")?.[1]);
      await new Promise<void>((resolve, reject) => {
        const timer = setTimeout(resolve, waitMs);
        const done = () => {
          clearTimeout(timer);
          resolve();
        };
        this.#waiting.add(done);
        signal.addEventListener("abort", () => {
          clearTimeout(timer);
          reject(signal.reason);
        });
      });
    }
    return this.value === null ? absent(this.index) : found(this.index, row("x", this.value, this.changed));
  };
}

export function texts(states: readonly { entry: { text(): string } | null }[]): (string | null)[] {
  return states.map(({ entry }) => entry?.text() ?? null);
}

/** Reads a watch to its end, or to ours. */
export function follow<State>(states: Watch<State>) {
  const seen: State[] = [];
  const ended = (async () => {
    for await (const state of states) seen.push(state);
  })();
  ended.catch(() => undefined);
  return {
    seen,
    ended,
    stop: async () => {
      await success(states.return());
      await success(ended);
    },
  };
}

/** Lets virtual time pass, with all that needs none. */
export async function pass(ms: number): Promise<void> {
  await breathe();
  const endsAt = performance.now() + ms;
  while (performance.now() < endsAt) {
    await vi.advanceTimersByTimeAsync(Math.min(50, endsAt - performance.now()));
    await breathe();
  }
}
