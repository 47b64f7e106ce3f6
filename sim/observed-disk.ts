import { RaftLiteError } from "../shared/errors.ts";
import type { LogIndex, NodeId, Term } from "../shared/raft/types.ts";
import type { DurableStorage, SqlStorage } from "../shared/storage/port.ts";
import type { CrashingStorage } from "./crashing-storage.ts";

/** An entry as the invariants tell it from others: the checksum covers everything else that it holds. */
export interface StoredEntry {
  readonly term: Term;
  readonly time: number;
  readonly checksum: number;
}

/** What a disk holds of one node. */
export interface DiskContent {
  /** The entry at `index` is `log[index - 1]`. */
  readonly log: readonly StoredEntry[];
  readonly term: Term;
  readonly votedFor: NodeId | null;
  readonly storeId: string;
  readonly boot: number;
  readonly applied: LogIndex;
  readonly clusterId: string | null;
}

export interface DiskObserver {
  /** A transaction has been written, not synced. Of the log everything from `from` on is new or gone. */
  written(content: DiskContent, from: LogIndex): void;
  /** A sync has finished: this is what a crash leaves at least. */
  synced(content: DiskContent): void;
  /** A sync that has something to do begins. */
  syncing(): void;
  /** A transaction or a sync has failed: the storage is of no use any more. */
  failed(): void;
}

interface EntryRow extends Record<string, number> {
  idx: number;
  term: number;
  time: number;
  checksum: number;
}

const empty: DiskContent = {
  log: [],
  term: 0,
  votedFor: null,
  storeId: "",
  boot: 0,
  applied: 0,
  clusterId: null,
};

/**
 * The storage that a node gets, with somebody reading along: after every transaction what was written, after every
 * sync what is durable. It reads the tables themselves, so that what it says does not depend on the code under test.
 */
export class ObservedDisk implements DurableStorage {
  readonly sql: SqlStorage;
  readonly #storage: CrashingStorage;
  readonly #observer: DiskObserver;
  #written: DiskContent = empty;
  #durable: DiskContent = empty;

  constructor(storage: CrashingStorage, observer: DiskObserver) {
    this.sql = storage.sql;
    this.#storage = storage;
    this.#observer = observer;
    // All that a restarted machine finds is on the disk.
    this.#written = this.#read();
    this.#durable = this.#written;
  }

  get written(): DiskContent {
    return this.#written;
  }

  get durable(): DiskContent {
    return this.#durable;
  }

  transactionSync<Result>(work: () => Result): Result {
    let result: Result;
    try {
      result = this.#storage.transactionSync(work);
    } catch (error) {
      this.#noteFailure(error);
      throw error;
    }
    const before = this.#written;
    this.#written = this.#read();
    this.#observer.written(this.#written, firstChange(before.log, this.#written.log));
    return result;
  }

  sync(): Promise<void> {
    const content = this.#written;
    if (this.#storage.unsynced > 0) this.#observer.syncing();
    return this.#storage.sync().then(
      () => {
        this.#durable = content;
        this.#observer.synced(content);
      },
      (error: unknown) => {
        this.#noteFailure(error);
        throw error;
      },
    );
  }

  /** Only the storage's own failures: what the caller's work throws is the caller's. */
  #noteFailure(error: unknown): void {
    if (error instanceof RaftLiteError && error.code === "storage-failed") this.#observer.failed();
  }

  setAlarm(scheduledTime: number): Promise<void> {
    return this.#storage.setAlarm(scheduledTime);
  }

  getAlarm(): Promise<number | null> {
    return this.#storage.getAlarm();
  }

  deleteAlarm(): Promise<void> {
    return this.#storage.deleteAlarm();
  }

  #read(): DiskContent {
    const tables = this.sql.exec("SELECT 1 AS found FROM sqlite_schema WHERE name = 'entries'").toArray();
    if (tables.length === 0) return empty;
    const meta = new Map<string, string | number>();
    for (const { key, value } of this.sql.exec<{ key: string; value: string | number }>(
      "SELECT key, value FROM meta",
    )) {
      meta.set(key, value);
    }
    const hard = this.sql
      .exec<{ term: number; voted_for: string | null }>("SELECT term, voted_for FROM hard_state")
      .one();
    return {
      log: this.#readLog(),
      term: hard.term,
      votedFor: hard.voted_for,
      storeId: meta.get("storeId") as string,
      boot: meta.get("boot") as number,
      applied: meta.get("applied") as number,
      clusterId: (meta.get("clusterId") as string | undefined) ?? null,
    };
  }

  /** Reads back from the end only until it meets an entry that it knows. */
  #readLog(): readonly StoredEntry[] {
    const known = this.#written.log;
    for (let back = 1; ; back *= 4) {
      const from = Math.max(1, known.length + 1 - back);
      const rows = this.sql
        .exec<EntryRow>("SELECT idx, term, time, checksum FROM entries WHERE idx >= ? ORDER BY idx", from)
        .toArray();
      const first = rows[0];
      const isKnown = first !== undefined && first.idx === from && isEqual(known[from - 1], first);
      if (isKnown && rows.length === 1 && from === known.length) return known;
      if (isKnown || from === 1) return known.slice(0, from - 1).concat(rows);
    }
  }
}

export function isEqual(a: StoredEntry | undefined, b: StoredEntry | undefined): boolean {
  return a !== undefined && b !== undefined && a.term === b.term && a.checksum === b.checksum;
}

/** The first index at which two logs differ; one past the end of both when they do not. */
function firstChange(before: readonly StoredEntry[], after: readonly StoredEntry[]): LogIndex {
  if (before === after) return after.length + 1;
  // Logs grow at their end: the common part is mostly all of the shorter one.
  let low = Math.min(before.length, after.length);
  if (low > 0 && !isEqual(before[low - 1], after[low - 1])) {
    const high = low;
    low = 0;
    while (low < high && isEqual(before[low], after[low])) low++;
  }
  return low + 1;
}
