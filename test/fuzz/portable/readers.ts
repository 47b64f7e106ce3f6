import type { Read } from "./expect/expectation.ts";
import { demand } from "./judge/finding.ts";
import { judgeRead } from "./judge/rows.ts";
import { isTimeout } from "./judge/timeout.ts";
import type { Ledger } from "./ledger.ts";
import type { Pending, Target } from "./target.ts";

/** A blocking read under way. */
interface Reader {
  readonly read: Read & { readonly blocking: NonNullable<Read["blocking"]> };
  readonly pending: Pending;
  readonly isHead: boolean;
  readonly startedAt: number;
  /** Whoever leads has changed since: it must have been let go if it was waiting by then, and may if not yet. */
  released: "no" | "may" | "must";
}

/** Within this a reader hears of what is committed: a follower may learn of it by the next heartbeat. */
const SOON_MS = 5_000;
/** After this a reader has read what there is, and waits. */
const SETTLED_MS = 500;
/** Most that wait at a time: the oldest go away. */
const MOST = 20;

/** Blocking reads: each answers when what it waits for has changed, when its time is over, and not before. */
export class Readers {
  readonly #target: Target;
  readonly #ledger: Ledger;
  #readers: Reader[] = [];

  constructor(target: Target, ledger: Ledger) {
    this.#target = target;
    this.#ledger = ledger;
  }

  add(read: Read, pending: Pending, isHead: boolean): void {
    const { blocking } = read;
    if (blocking === null) return;
    const startedAt = this.#target.now();
    this.#readers.push({ read: { ...read, blocking }, pending, isHead, startedAt, released: "no" });
    if (this.#readers.length > MOST) this.#readers.shift()?.pending.abandon();
  }

  /** Another leader since `at`: all that wait are let go. */
  release(at: number): void {
    for (const reader of this.#readers) {
      reader.released = reader.startedAt + SETTLED_MS < at ? "must" : "may";
    }
  }

  /** Judges those that have answered, and demands an answer of those that must. */
  async settle(): Promise<void> {
    for (const reader of this.#readers) {
      const { pending } = reader;
      if (this.#isDue(reader)) {
        await this.#target.until(() => pending.reply !== null || pending.failure !== undefined, SOON_MS);
        demand(
          pending.reply !== null,
          () => `${describe(reader)} is not answered: ${pending.failure ?? "no reply"}`,
        );
      }
      if (pending.reply !== null) this.#judge(reader);
      demand(pending.failure === undefined, () => `${describe(reader)}: ${pending.failure}`);
    }
    this.#readers = this.#readers.filter(({ pending }) => pending.reply === null);
  }

  abandon(): void {
    for (const { pending } of this.#readers) pending.abandon();
    this.#readers = [];
  }

  #isDue(reader: Reader): boolean {
    const { released, startedAt, read } = reader;
    return (
      released === "must" || this.#isTouched(reader) || this.#target.now() >= startedAt + read.blocking.waitMs
    );
  }

  #isTouched({ read: { key, form, blocking } }: Reader): boolean {
    return this.#ledger.hasChanged(key, form === "rows" || form === "keys", blocking.index);
  }

  #judge(reader: Reader): void {
    const { read, pending, isHead } = reader;
    if (isTimeout(read, pending.reply!, isHead)) return;
    // A node that lags answers what is stale at once: the index is above its own.
    demand(
      this.#isDue(reader) || read.isStale || reader.released === "may",
      () => `${describe(reader)} was answered for no reason`,
    );
    const index = judgeRead(read, pending.reply!, isHead, this.#ledger);
    const isTouched = this.#isTouched(reader);
    const tells = isTouched && !read.isStale && reader.released === "no";
    demand(
      !tells || index > read.blocking.index,
      () => `${describe(reader)} was answered at ${index}, before the change`,
    );
  }
}

function describe({ read: { key, form, blocking } }: Reader): string {
  return `the reader of ${form} ${JSON.stringify(key)} after ${blocking.index} for ${blocking.waitMs} ms`;
}
