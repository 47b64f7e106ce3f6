import type { HardState } from "../raft/types.ts";
import type { LogEntry } from "../storage/entry.ts";
import type { LogStore } from "../storage/log-store.ts";
import type { DurableStorage } from "../storage/port.ts";

/** One of the core's writes, with the entries as they are stored. */
export interface Write {
  readonly number: number;
  readonly hardState?: HardState;
  readonly entries: readonly LogEntry[];
}

/**
 * Group commit: everything that came while one write was under way goes into the next, as one transaction and one
 * sync. What was applied meanwhile rides along when it is due, with the applied index.
 */
export class Writer {
  readonly #storage: DurableStorage;
  readonly #log: LogStore;
  readonly #flushApplied: (all: boolean) => void;
  readonly #written: (number: number) => void;
  readonly #failed: (error: unknown) => void;
  #queue: Write[] = [];
  #startedAt: number | null = null;
  #groups = 0;

  constructor(
    storage: DurableStorage,
    log: LogStore,
    hooks: {
      /** Writes what was applied since the last time: all of it, or when it is due. Inside the transaction, after the entries. */
      readonly flushApplied: (all: boolean) => void;
      /** Everything up to this number is durable. */
      readonly written: (number: number) => void;
      readonly failed: (error: unknown) => void;
    },
  ) {
    this.#storage = storage;
    this.#log = log;
    this.#flushApplied = hooks.flushApplied;
    this.#written = hooks.written;
    this.#failed = hooks.failed;
  }

  /** When the write under way was started; null when there is none. */
  get startedAt(): number | null {
    return this.#startedAt;
  }

  /** For so many milliseconds nobody could hear that the write under way was done: they are not the disk's. */
  excuse(ms: number): void {
    if (this.#startedAt !== null) this.#startedAt += ms;
  }

  get groups(): number {
    return this.#groups;
  }

  add(write: Write): void {
    this.#queue.push(write);
  }

  /** Starts the next group unless one is under way. `all`: with whatever was applied, even when nothing else waits. */
  start(now: number, all = false): void {
    if (this.#startedAt !== null || (this.#queue.length === 0 && !all)) return;
    const group = this.#queue;
    this.#queue = [];
    this.#startedAt = now;
    this.#groups++;
    try {
      this.#storage.transactionSync(() => {
        for (const { hardState, entries } of group) {
          if (hardState) this.#log.saveHardState(hardState);
          this.#log.append(entries);
        }
        this.#flushApplied(all);
      });
    } catch (error) {
      this.#failed(error);
      return;
    }
    this.#storage.sync().then(() => {
      this.#startedAt = null;
      this.#written(group.at(-1)?.number ?? 0);
    }, this.#failed);
  }
}
