import type { Entry } from "./entry.ts";
import { isSameEntry } from "./entry.ts";
import { ClientError } from "./errors.ts";
import { sleep } from "./limit.ts";
import type { KnownNode } from "./nodes.ts";
import type { Call, Connection } from "./perform.ts";
import { perform } from "./perform.ts";
import type { Found, Hold } from "./reads.ts";
import { getCall, listCall } from "./reads.ts";

export interface WatchOptions {
  /** Begin with what changed after this index, and not with the present state. */
  readonly from?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** How long a node may hold one request back; 30,000 ms if nothing is said. */
  readonly waitMs?: number | undefined;
  /** Hears of what the watch gets over by itself, e.g. that no node answers. Must not throw. */
  readonly onRetry?: ((error: ClientError) => void) | undefined;
}

/**
 * States as they come, for `for await`. `return` ends it from outside, also while `next` waits, which then says that it
 * is done.
 */
export interface Watch<State> {
  next(): Promise<IteratorResult<State, undefined>>;
  return(): Promise<IteratorResult<State, undefined>>;
  [Symbol.asyncIterator](): Watch<State>;
}

/** One state of a key. */
export interface WatchedKey {
  /** null while there is no such key. */
  readonly entry: Entry | null;
  /** How far the store was: as `from` it lets another watch go on from here. */
  readonly index: number;
}

/** One state of everything below a prefix. */
export interface WatchedPrefix {
  /** In the order of their keys' bytes. */
  readonly entries: readonly Entry[];
  readonly index: number;
}

/** What is watched, and how its states are told apart. */
interface Subject<Value, Shown> {
  readonly call: (hold: Hold | null) => Call<Found<Value>>;
  readonly entriesOf: (value: Value) => readonly Entry[];
  readonly show: (found: Found<Value>) => Shown;
}

/** Less than the 60 s after which many a proxy closes a silent connection. */
const DEFAULT_WAIT_MS = 30_000;
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 2_000;
/** Whoever asks for more is asked again all the same: it may not be a node that says so, or no longer the same one. */
const LONGEST_RETRY_AFTER_MS = 60_000;

export function watchKey(
  connection: Connection,
  key: string,
  timeoutMs: number,
  options: WatchOptions,
): Watch<WatchedKey> {
  const subject: Subject<Entry | null, WatchedKey> = {
    call: (hold) => getCall(key, false, hold),
    entriesOf: (entry) => (entry === null ? [] : [entry]),
    show: ({ value, index }) => ({ entry: value, index }),
  };
  return watch(connection, subject, timeoutMs, options);
}

export function watchPrefix(
  connection: Connection,
  prefix: string,
  timeoutMs: number,
  options: WatchOptions,
): Watch<WatchedPrefix> {
  const subject: Subject<readonly Entry[], WatchedPrefix> = {
    call: (hold) => listCall(prefix, false, hold),
    entriesOf: (entries) => entries,
    show: ({ value, index }) => ({ entries: value, index }),
  };
  return watch(connection, subject, timeoutMs, options);
}

/**
 * The states as an iterator. A generator alone would not do: its `return` waits for the `next` that is under way,
 * which here may take as long as nothing changes.
 */
function watch<Value, Shown>(
  connection: Connection,
  subject: Subject<Value, Shown>,
  timeoutMs: number,
  options: WatchOptions,
): Watch<Shown> {
  const stop = new AbortController();
  const watcher = new Watcher(connection, subject, timeoutMs, options, stop.signal);
  const states = statesOf(watcher, options.signal, stop);
  return {
    next: () => states.next(),
    return: () => {
      stop.abort(STOPPED);
      return states.return(undefined);
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

/** Why a watch ends whose reader has had enough. */
const STOPPED = Symbol("stopped");

async function* statesOf<Shown>(
  watcher: { next(): Promise<Shown> },
  signal: AbortSignal | undefined,
  stop: AbortController,
): AsyncGenerator<Shown, undefined> {
  const onAbort = (): void => stop.abort(signal?.reason);
  signal?.throwIfAborted();
  signal?.addEventListener("abort", onAbort);
  try {
    for (;;) yield await watcher.next();
  } catch (error) {
    if (error !== STOPPED) throw error;
  } finally {
    signal?.removeEventListener("abort", onAbort);
  }
}

/** What a node said, and how it came to say it. */
interface Heard<Value> {
  readonly found: Found<Value>;
  /** It was asked to hold the request back until something changes. */
  readonly wasHeld: boolean;
  /** It was, and answered before the wait was over. */
  readonly isEarly: boolean;
}

/**
 * Blocking reads, one after the other, each for a change after the index that the one before it told. So nothing can
 * fall between two of them, whichever nodes they go to; and whether something *is* new is judged by what was read, not
 * by the index: a node also answers when its leader changes or the wait is over, and indexes begin anew with a new
 * cluster.
 */
class Watcher<Value, Shown> {
  readonly #connection: Connection;
  readonly #subject: Subject<Value, Shown>;
  readonly #timeoutMs: number;
  readonly #options: WatchOptions;
  readonly #holdMs: number;
  readonly #signal: AbortSignal;
  /** The newest state; null before the first. */
  #known: readonly Entry[] | null = null;
  #index: number | undefined;
  /** Who answered last. */
  #node: KnownNode | null = null;
  /** In a row. */
  #pauses = 0;
  /** What the node asked for that failed last. */
  #retryAfterMs = 0;

  constructor(
    connection: Connection,
    subject: Subject<Value, Shown>,
    timeoutMs: number,
    options: WatchOptions,
    signal: AbortSignal,
  ) {
    this.#connection = connection;
    this.#subject = subject;
    this.#timeoutMs = timeoutMs;
    this.#options = options;
    this.#holdMs = options.waitMs ?? DEFAULT_WAIT_MS;
    this.#index = options.from;
    this.#signal = signal;
  }

  /** The next state that is news. */
  async next(): Promise<Shown> {
    for (;;) {
      const heard = await this.#ask();
      if (heard !== null && this.#isNews(heard)) {
        this.#pauses = 0;
        return this.#subject.show(heard.found);
      }
      if (heard === null || heard.isEarly) await this.#pause();
    }
  }

  /** null when the node failed, in a way that may pass. */
  async #ask(): Promise<Heard<Value> | null> {
    const { nodes } = this.#connection;
    // A node that is new to this watch is first asked for what there is now: one that stands still is found out by
    // that, and not after it has held a request back in vain.
    const hold =
      this.#node === null || this.#index === undefined ? null : { index: this.#index, holdMs: this.#holdMs };
    this.#node ??= nodes.pick(new Set(), "anyone", performance.now())!;
    const call = { ...this.#subject.call(hold), ask: this.#node };
    const timeoutMs = this.#timeoutMs + (hold === null ? 0 : this.#holdMs);
    const startedAt = performance.now();
    try {
      const terms = { timeoutMs, signal: this.#signal, retryUnknown: false, isOnce: true };
      const found = await perform(this.#connection, call, terms);
      const wasHeld = hold !== null;
      return { found, wasHeld, isEarly: wasHeld && performance.now() - startedAt < this.#holdMs };
    } catch (error) {
      // The signal's reason may be the error of another call.
      if (this.#signal.aborted || !(error instanceof ClientError) || !isTemporary(error)) throw error;
      this.#node = null;
      this.#retryAfterMs = Math.min(LONGEST_RETRY_AFTER_MS, error.retryAfterMs);
      this.#options.onRetry?.(error);
      return null;
    }
  }

  #isNews({ found, wasHeld, isEarly }: Heard<Value>): boolean {
    const entries = this.#subject.entriesOf(found.value);
    if (this.#known === null && this.#mayBeOld(found.index, entries)) {
      // What is gone since `from` leaves no trace here. A held request tells: it is answered early if there was any.
      if (!wasHeld) return false;
      if (!isEarly) this.#known = entries;
    }
    const isNews = this.#known === null || !isSameState(this.#known, entries);
    this.#known = entries;
    // 0 would mean "do not wait".
    this.#index = Math.max(1, found.index);
    return isNews;
  }

  /** Nothing here is newer than `from`. */
  #mayBeOld(index: number, entries: readonly Entry[]): boolean {
    const { from } = this.#options;
    // An index that went back is another cluster's.
    if (from === undefined || index < from) return false;
    return entries.every(({ modifyIndex }) => modifyIndex <= from);
  }

  /** Longer each time; no two watches come back at the same moment. */
  #pause(): Promise<void> {
    const ms = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** this.#pauses++);
    const ownMs = ms * (0.5 + Math.random() / 2);
    const askedMs = this.#retryAfterMs;
    this.#retryAfterMs = 0;
    return sleep(askedMs + ownMs, this.#signal);
  }
}

/** What may be over in a moment; all else would be the same at the next attempt. */
function isTemporary({ code, status }: ClientError): boolean {
  return status === 408 || status === 429 || (status >= 500 && code !== "no-node");
}

function isSameState(a: readonly Entry[], b: readonly Entry[]): boolean {
  return a.length === b.length && a.every((entry, at) => isSameEntry(entry, b[at]!));
}
