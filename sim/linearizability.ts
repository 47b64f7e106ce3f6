/**
 * Is there an order of these operations in which each takes effect at one moment between its invocation and its
 * answer, and every answer is right (Herlihy and Wing 1990)? The search is Wing and Gong's with Lowe's two additions
 * ("Testing for linearizability", 2016): it goes along the history and lets operations take effect just in time for an
 * answer, and it remembers where it has been.
 */

/** A sequential object. States are compared by the text they are. */
export interface Model<Input, Output> {
  readonly initial: string;
  /**
   * The state that follows when `input` takes effect in `state`; null when its answer could not be that, or when no
   * continuation of the history is possible from there. `output` is undefined when nobody heard the answer. `now`: a
   * position in the history; what is invoked after it has not taken effect.
   */
  apply(state: string, input: Input, output: Output | undefined, now: number): string | null;
}

export interface Call<Input, Output> {
  readonly input: Input;
  /** undefined: the outcome is unknown; it may take effect at any time after the invocation, or never. */
  readonly output: Output | undefined;
  /** Positions in one order of all invocations and answers; no two are equal. */
  readonly invokedAt: number;
  /** Infinity where the outcome is unknown. */
  readonly returnedAt: number;
}

/** A way in which the history so far may have gone. */
interface Configuration {
  readonly state: string;
  /** Calls that have taken effect and whose answer is still to come, or never will; ascending. */
  readonly done: readonly number[];
}

export interface Refutation<Input, Output> {
  /** The first call whose answer cannot be explained. */
  readonly call: Call<Input, Output>;
  /** What the object may have held by then. */
  readonly states: readonly string[];
}

/** Returns null when the history is linearizable. */
export function refute<Input, Output>(
  model: Model<Input, Output>,
  calls: readonly Call<Input, Output>[],
): Refutation<Input, Output> | null {
  const texts = calls.map(({ input }) => JSON.stringify(input));
  const open: number[] = [];
  let configurations: Configuration[] = [{ state: model.initial, done: [] }];
  for (const { at, isReturn } of inOrder(calls)) {
    if (!isReturn) {
      open.push(at);
      continue;
    }
    const call = calls[at] as Call<Input, Output>;
    const next = justInTime(model, calls, texts, open, configurations, at);
    if (next.length === 0) return { call, states: [...new Set(configurations.map(({ state }) => state))] };
    open.splice(open.indexOf(at), 1);
    configurations = next;
  }
  return null;
}

/** The invocations and answers of a history, by the number of their call. */
function inOrder(calls: readonly Call<unknown, unknown>[]): { at: number; isReturn: boolean }[] {
  const moments: { at: number; isReturn: boolean; position: number }[] = [];
  calls.forEach(({ invokedAt, returnedAt }, at) => {
    moments.push({ at, isReturn: false, position: invokedAt });
    if (returnedAt !== Number.POSITIVE_INFINITY) moments.push({ at, isReturn: true, position: returnedAt });
  });
  return moments.sort((a, b) => a.position - b.position);
}

/**
 * The configurations in which call `due` has taken effect. Those that lack it are led on through the other open calls,
 * fewest first, until it has.
 */
function justInTime<Input, Output>(
  model: Model<Input, Output>,
  calls: readonly Call<Input, Output>[],
  texts: readonly string[],
  open: readonly number[],
  configurations: readonly Configuration[],
  due: number,
): Configuration[] {
  const reached = new Frontier(calls);
  const visited = new Frontier(calls);
  const now = (calls[due] as Call<Input, Output>).returnedAt;
  let wave: Configuration[] = [];
  for (const configuration of configurations) {
    if (configuration.done.includes(due)) {
      reached.add({ ...configuration, done: configuration.done.filter((at) => at !== due) });
    } else if (visited.add(configuration)) {
      wave.push(configuration);
    }
  }
  while (wave.length > 0) {
    const next: Configuration[] = [];
    for (const { state, done } of wave) {
      const tried = new Set<string>();
      for (const at of open) {
        if (done.includes(at)) continue;
        const { input, output } = calls[at] as Call<Input, Output>;
        if (output === undefined) {
          // Of several that ask for the same and will never be answered the first does for all.
          const text = texts[at] as string;
          if (tried.has(text)) continue;
          tried.add(text);
        }
        const after = model.apply(state, input, output, now);
        if (after === null) continue;
        if (at === due) {
          reached.add({ state: after, done });
          continue;
        }
        // Nobody needs to know that a call without an answer did nothing.
        if (output === undefined && after === state) continue;
        const configuration = { state: after, done: insert(done, at) };
        if (visited.add(configuration)) next.push(configuration);
      }
    }
    wave = next;
  }
  return reached.configurations();
}

/**
 * Configurations of which none is worth less than another. To have used up a call that will never be answered is no
 * advantage: the same state without that can do all that this one can.
 */
class Frontier {
  readonly #calls: readonly Call<unknown, unknown>[];
  readonly #byState = new Map<string, Configuration[]>();

  constructor(calls: readonly Call<unknown, unknown>[]) {
    this.#calls = calls;
  }

  /** Returns whether it adds anything. */
  add(configuration: Configuration): boolean {
    const known = this.#byState.get(configuration.state);
    if (known === undefined) {
      this.#byState.set(configuration.state, [configuration]);
      return true;
    }
    if (known.some((other) => this.#isAsGood(other, configuration))) return false;
    const kept = known.filter((other) => !this.#isAsGood(configuration, other));
    kept.push(configuration);
    this.#byState.set(configuration.state, kept);
    return true;
  }

  configurations(): Configuration[] {
    return [...this.#byState.values()].flat();
  }

  /** Whether `a` has done what `b` has, but for calls without an answer that only `b` has used. */
  #isAsGood({ done: a }: Configuration, { done: b }: Configuration): boolean {
    let at = 0;
    for (const call of b) {
      if (a[at] === call) at++;
      else if (this.#calls[call]?.output !== undefined) return false;
    }
    return at === a.length;
  }
}

function insert(sorted: readonly number[], item: number): number[] {
  let at = sorted.length;
  while (at > 0 && (sorted[at - 1] as number) > item) at--;
  return [...sorted.slice(0, at), item, ...sorted.slice(at)];
}
