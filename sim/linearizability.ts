/**
 * Is there an order of these operations in which each takes effect at one moment between its invocation and its
 * answer, and every answer is right (Herlihy and Wing 1990)? The search is Wing and Gong's with Lowe's two additions
 * ("Testing for linearizability", 2016): it goes along the history and lets operations take effect just in time for an
 * answer, and it remembers where it has been. What by its answer changed nothing takes effect as soon as it can, which
 * never does harm: only what changes something makes the search branch.
 */

/** A sequential object. States are compared by the text they are. */
export interface Model<Input, Output> {
  readonly initial: string;
  /**
   * The states that may follow when `input` takes effect in `state`; none when its answer could not be that, or when
   * no continuation of the history is possible from there. More than one where the object, or what is known of it,
   * leaves it open. `output` is undefined when nobody heard the answer. `now`: a position in the history; what is
   * invoked after it has not taken effect.
   */
  apply(state: string, input: Input, output: Output | undefined, now: number): readonly string[];
  /** Whether this answer says that nothing was changed: `apply` then gives the same state or none, whatever the state. */
  isRead(input: Input, output: Output): boolean;
}

export interface Call<Input, Output> {
  readonly input: Input;
  /** undefined: the outcome is unknown; it may take effect at any time after the invocation, or never. */
  readonly output: Output | undefined;
  /** Positions in one order of all invocations and answers. */
  readonly invokedAt: number;
  /** Infinity where the outcome is unknown. */
  readonly returnedAt: number;
  /** By their place in the history, answered calls that are known to have taken effect before this one. */
  readonly after?: readonly number[];
}

/** A way in which the history so far may have gone. Calls by number, ascending: such whose answer is still to come. */
interface Configuration {
  readonly state: string;
  /** Calls that have taken effect; also those whose answer will never come. */
  readonly done: readonly number[];
  /** The same of those that read. */
  readonly read: readonly number[];
}

export interface Refutation<Input, Output> {
  /** The first call whose answer cannot be explained. */
  readonly call: Call<Input, Output>;
  /** What the object may have held by then. */
  readonly states: readonly string[];
  /** Whether no way was left out. Where there were too many to go through them all an order may have been missed. */
  readonly isExhaustive: boolean;
}

/** Returns null when the history is linearizable. */
export function refute<Input, Output>(
  model: Model<Input, Output>,
  calls: readonly Call<Input, Output>[],
): Refutation<Input, Output> | null {
  const search = new Search(model, calls);
  return search.finds() ? null : search.exhaust();
}

/** How much of what is possible a search leaves out. Where there is an order, little is needed to find one. */
interface Effort {
  /** How many more of the calls that were never answered are made use of than it takes to explain an answer. */
  readonly spare: number;
  /** Of those that lead to the same state one is as good as the other. */
  readonly takesFirst: boolean;
  /** How many ways to one state are remembered: they differ in what was made use of on the way. */
  readonly ways: number;
}

const lazy: Effort = { spare: 0, takesFirst: true, ways: 8 };
const careful: Effort = { spare: 2, takesFirst: true, ways: 32 };
const thorough: Effort = {
  spare: Number.POSITIVE_INFINITY,
  takesFirst: false,
  ways: Number.POSITIVE_INFINITY,
};

/** How many moments to go back from where the search came to an end, and with what effort to go on from there. */
const attempts: readonly { readonly back: number; readonly effort: Effort }[] = [
  ...[4, 8, 16, 32].map((back) => ({ back, effort: { spare: 1, takesFirst: true, ways: 8 } })),
  ...[16, 64, 256, Number.POSITIVE_INFINITY].map((back) => ({ back, effort: careful })),
];
/** Configurations that a thorough search looks at before it gives up: some seconds. */
const mostConfigurations = 300_000;

/** The invocation or the answer of a call. */
interface Moment {
  /** The call's number. */
  readonly at: number;
  readonly isReturn: boolean;
  readonly position: number;
}

/** How things stand before a moment. */
interface Standing {
  readonly configurations: readonly Configuration[];
  /** Calls that may change something, from their invocation to their answer. */
  readonly open: readonly number[];
  readonly openReads: readonly number[];
}

class Search<Input, Output> {
  readonly #model: Model<Input, Output>;
  readonly #calls: readonly Call<Input, Output>[];
  readonly #texts: readonly string[];
  readonly #isRead: readonly boolean[];
  readonly #moments: readonly Moment[];
  readonly #start: Standing;
  #looked = 0;

  constructor(model: Model<Input, Output>, calls: readonly Call<Input, Output>[]) {
    this.#model = model;
    this.#calls = calls;
    this.#texts = calls.map(({ input }) => JSON.stringify(input));
    this.#isRead = calls.map(({ input, output }) => output !== undefined && model.isRead(input, output));
    this.#moments = inOrder(calls);
    const configurations = [{ state: model.initial, done: [], read: [] }];
    this.#start = { configurations, open: [], openReads: [] };
  }

  /** Looks for an order lazily; from where that comes to an end it goes back, farther each time, and takes care. */
  finds(): boolean {
    const standings = [this.#start];
    /** Where it came to an end, how often, and with what effort it is to be passed. */
    let end = -1;
    let failures = 0;
    let effort = lazy;
    for (let moment = 0; moment < this.#moments.length; ) {
      const next = this.#pass(standings[moment] as Standing, moment, moment <= end ? effort : lazy);
      if (next.configurations.length > 0) {
        moment++;
        standings[moment] = next;
        if (moment > end) failures = 0;
        continue;
      }
      const attempt = attempts[failures++];
      if (attempt === undefined) return false;
      effort = attempt.effort;
      end = Math.max(end, moment);
      moment = Math.max(0, end - attempt.back);
    }
    return true;
  }

  /** Goes through all ways. */
  exhaust(): Refutation<Input, Output> | null {
    let standing = this.#start;
    for (const [moment, { at }] of this.#moments.entries()) {
      const next = this.#pass(standing, moment, this.#isSpent ? careful : thorough);
      if (next.configurations.length === 0) {
        const states = new Set(standing.configurations.map(({ state }) => state));
        const call = this.#calls[at] as Call<Input, Output>;
        return { call, states: [...states], isExhaustive: !this.#isSpent };
      }
      standing = next;
    }
    return null;
  }

  get #isSpent(): boolean {
    return this.#looked > mostConfigurations;
  }

  #pass(standing: Standing, moment: number, effort: Effort): Standing {
    const { at, isReturn } = this.#moments[moment] as Moment;
    const { open, openReads } = standing;
    const isRead = this.#isRead[at];
    if (isReturn) {
      const configurations = this.#justInTime(standing, moment, effort);
      if (isRead) return { configurations, open, openReads: openReads.filter((call) => call !== at) };
      return { configurations, open: open.filter((call) => call !== at), openReads };
    }
    if (!isRead) return { ...standing, open: [...open, at] };
    const configurations = standing.configurations.map((each) => this.#withReads(each, [at], moment));
    return { configurations, open, openReads: [...openReads, at] };
  }

  /**
   * The configurations in which the call that is answered at `moment` has taken effect. Those that lack it are led on
   * through the other open calls until it has, with as few as can be of those that were never answered.
   */
  #justInTime(standing: Standing, moment: number, { spare, takesFirst, ways }: Effort): Configuration[] {
    const { at: due } = this.#moments[moment] as Moment;
    const reached = new Frontier(this.#calls, ways);
    const visited = new Frontier(this.#calls, ways);
    for (const configuration of standing.configurations) {
      let wave = [configuration];
      let found = false;
      for (let spared = 0; wave.length > 0 && spared <= spare; spared += found ? 1 : 0) {
        if (found && this.#isSpent) break;
        const explored: Configuration[] = [];
        const take = (each: Configuration) => {
          this.#looked++;
          if (each.done.includes(due) || each.read.includes(due)) {
            found = true;
            reached.add(without(each, due));
          } else if (visited.add(each)) explored.push(each);
        };
        for (const each of wave) take(each);
        // It grows while it is gone through.
        for (const each of explored) for (const led of this.#answered(each, standing, moment)) take(led);
        wave = explored.flatMap((each) => this.#unanswered(each, standing, moment, takesFirst));
      }
    }
    return reached.configurations();
  }

  /** What each of the open calls that were answered makes of a configuration. */
  #answered(configuration: Configuration, { open, openReads }: Standing, moment: number): Configuration[] {
    return open.flatMap((at) => {
      if (this.#calls[at]?.output === undefined) return [];
      return this.#ledBy(at, configuration, moment).map((led) => this.#withReads(led, openReads, moment));
    });
  }

  /** The same of those that never were. */
  #unanswered(
    configuration: Configuration,
    { open, openReads }: Standing,
    moment: number,
    takesFirst: boolean,
  ): Configuration[] {
    const texts = new Set<string>();
    const states = new Set<string>();
    return open.flatMap((at) => {
      // Of several that ask for the same the first does for all.
      if (this.#calls[at]?.output !== undefined || configuration.done.includes(at)) return [];
      if (!isNew(texts, this.#texts[at] as string)) return [];
      return this.#ledBy(at, configuration, moment).flatMap((led) => {
        // Nobody needs to know that it did nothing.
        if (led.state === configuration.state || (takesFirst && !isNew(states, led.state))) return [];
        return [this.#withReads(led, openReads, moment)];
      });
    });
  }

  #ledBy(at: number, { state, done, read }: Configuration, moment: number): Configuration[] {
    const { input, output, after } = this.#calls[at] as Call<Input, Output>;
    if (done.includes(at)) return [];
    const { position } = this.#moments[moment] as Moment;
    const isTooEarly = after?.some((call) => {
      return !(read.includes(call) || done.includes(call) || this.#hasReturned(call, position));
    });
    if (isTooEarly) return [];
    const states = this.#model.apply(state, input, output, position);
    return states.map((next) => ({ state: next, done: insert(done, at), read }));
  }

  #hasReturned(at: number, position: number): boolean {
    return (this.#calls[at]?.returnedAt ?? 0) <= position;
  }

  /** The same after those of `reads` that its state answers rightly. */
  #withReads(configuration: Configuration, reads: readonly number[], moment: number): Configuration {
    const { position } = this.#moments[moment] as Moment;
    let { read } = configuration;
    for (const at of reads) {
      if (read.includes(at)) continue;
      const { input, output } = this.#calls[at] as Call<Input, Output>;
      if (this.#model.apply(configuration.state, input, output, position).length > 0) read = insert(read, at);
    }
    return read === configuration.read ? configuration : { ...configuration, read };
  }
}

/** The invocations and answers of a history. */
function inOrder(calls: readonly Call<unknown, unknown>[]): Moment[] {
  const moments: Moment[] = [];
  calls.forEach(({ invokedAt, returnedAt }, at) => {
    moments.push({ at, isReturn: false, position: invokedAt });
    if (returnedAt !== Number.POSITIVE_INFINITY) moments.push({ at, isReturn: true, position: returnedAt });
  });
  // What is asked for at the very moment of an answer may have been there before it.
  return moments.sort((a, b) => a.position - b.position || Number(a.isReturn) - Number(b.isReturn));
}

/**
 * Configurations of which none is worth less than another. To have used up a call that will never be answered is no
 * advantage, and to have answered a read is: it has nothing to do any more but to be answered.
 */
class Frontier {
  readonly #calls: readonly Call<unknown, unknown>[];
  readonly #limit: number;
  readonly #byState = new Map<string, Configuration[]>();

  /** Keeps at most `limit` for each state. */
  constructor(calls: readonly Call<unknown, unknown>[], limit: number) {
    this.#calls = calls;
    this.#limit = limit;
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
    if (kept.length >= this.#limit) return false;
    kept.push(configuration);
    this.#byState.set(configuration.state, kept);
    return true;
  }

  configurations(): Configuration[] {
    return [...this.#byState.values()].flat();
  }

  /** Whether `a` has done what `b` has, but for calls without an answer that only `b` has used. */
  #isAsGood(a: Configuration, b: Configuration): boolean {
    let at = 0;
    for (const call of b.done) {
      if (a.done[at] === call) at++;
      else if (this.#calls[call]?.output !== undefined) return false;
    }
    return at === a.done.length && holdsAll(a.read, b.read);
  }
}

function isNew(known: Set<string>, text: string): boolean {
  return known.size < known.add(text).size;
}

/** Both ascending. */
function holdsAll(numbers: readonly number[], wanted: readonly number[]): boolean {
  if (wanted.length > numbers.length) return false;
  let at = 0;
  for (const number of wanted) {
    while (at < numbers.length && (numbers[at] as number) < number) at++;
    if (numbers[at] !== number) return false;
  }
  return true;
}

function without({ state, done, read }: Configuration, at: number): Configuration {
  return { state, done: done.filter((call) => call !== at), read: read.filter((call) => call !== at) };
}

function insert(sorted: readonly number[], item: number): number[] {
  let at = sorted.length;
  while (at > 0 && (sorted[at - 1] as number) > item) at--;
  return [...sorted.slice(0, at), item, ...sorted.slice(at)];
}
