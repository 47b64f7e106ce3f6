import type { DatabaseSync } from "node:sqlite";
import { RaftLiteError } from "../shared/errors.ts";
import type { SqliteBinding } from "../shared/storage/sqlite.ts";
import { SqliteStorage } from "../shared/storage/sqlite.ts";

export interface CrashingStorageOptions {
  /** Calls `done` when the disk has finished one sync: virtual latency. Left out: in a microtask. */
  readonly delay?: (done: () => void) => void;
  /**
   * How a database is copied: as the bytes it takes, or, where Node cannot (before 24.16), by carrying out again all
   * that was ever written to it.
   */
  readonly copies?: "bytes" | "statements";
}

/** What a crash leaves of the transactions that no sync had covered: a random prefix of them, none, or all. */
export type Survival = "random" | "none" | "all";

interface Statement {
  readonly query: string;
  readonly bindings: readonly SqliteBinding[];
}

/** Durable transactions that are replayed at most: beyond that they go into the image, to bound memory and time. */
const MAX_JOURNAL = 2000;

/**
 * A simulated disk: the same SQL on a database in memory. It remembers which transactions a sync has covered; a crash
 * leaves those and, of the others, a prefix. Same calls, same state.
 *
 * `crash` returns the storage of the restarted machine and leaves this one dead: whatever still runs of the crashed
 * node gets `storage-crashed` from every call, and its syncs never resolve.
 */
export class CrashingStorage extends SqliteStorage {
  readonly #options: CrashingStorageOptions;
  readonly #live: DatabaseSync;
  /** The database as of the beginning of the journal. */
  readonly #image: DatabaseSync;
  /** Transactions since then, oldest first; of these the first `#durable` are durable. */
  readonly #journal: Statement[][];
  #durable: number;
  readonly #copies: "bytes" | "statements";
  /** Transactions that were moved from the journal into the image. */
  #moved = 0;
  #open: Statement[] = [];
  #failure: RaftLiteError | null = null;
  #failsNextWrite = false;
  #failsNextSync = false;
  #stalled: (() => void)[] | null = null;

  /** With what another one left: a database's bytes, and what was written to that since. */
  constructor(
    options: CrashingStorageOptions = {},
    content: Uint8Array | null = null,
    journal: readonly Statement[][] = [],
  ) {
    const live = databaseOf(content);
    if (journal.length > 0) replay(live, journal);
    super(live);
    this.#options = options;
    this.#copies = options.copies ?? ("serialize" in live ? "bytes" : "statements");
    this.#live = live;
    this.#image = databaseOf(content);
    this.#journal = [...journal];
    this.#durable = journal.length;
  }

  /** Transactions written and not yet durable. */
  get unsynced(): number {
    return this.#journal.length - this.#durable;
  }

  sync(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.beforeUse();
      if (this.unsynced === 0) {
        resolve();
        return;
      }
      const target = this.#moved + this.#journal.length;
      const fails = this.#failsNextSync;
      this.#failsNextSync = false;
      const finish = (): void => {
        if (this.#failure?.code === "storage-crashed") return;
        if (this.#stalled !== null) {
          this.#stalled.push(finish);
          return;
        }
        if (fails) this.#failure ??= new RaftLiteError("storage-failed", "The simulated disk failed a sync.");
        if (this.#failure !== null) {
          reject(this.#failure);
          return;
        }
        this.#durable = Math.max(this.#durable, target - this.#moved);
        if (this.#durable > MAX_JOURNAL && this.#copies === "bytes") this.#moveIntoImage();
        resolve();
      };
      if (this.#options.delay === undefined) queueMicrotask(finish);
      else this.#options.delay(finish);
    });
  }

  /**
   * Loses power. Returns what the restarted machine finds: everything that was durable, and the oldest of the other
   * transactions, each whole: with "random" so many as `random` (uniform in 0 … 1) says. All of it is durable now, as
   * a real storage makes sure of when it is opened. Pending syncs never resolve.
   */
  crash(random: () => number, survival: Survival = "random"): CrashingStorage {
    this.#die();
    const share = survival === "random" ? random() : survival === "all" ? 1 : 0;
    const kept = Math.min(this.unsynced, Math.floor(share * (this.unsynced + 1)));
    const left = this.#journal.slice(0, this.#durable + kept);
    const restarted =
      this.#copies === "bytes"
        ? new CrashingStorage(this.#options, this.#bytesAfter(left))
        : new CrashingStorage(this.#options, null, left);
    this.#live.close();
    this.#image.close();
    return restarted;
  }

  /** Replaying is needed only where something is lost: else the live database is what remains. */
  #bytesAfter(left: readonly Statement[][]): Uint8Array {
    if (left.length === this.#journal.length) return this.#live.serialize();
    replay(this.#image, left);
    return this.#image.serialize();
  }

  /** Makes the next transaction or single write fail, and with it this storage for good. */
  failNextWrite(): void {
    this.#failsNextWrite = true;
  }

  /** Makes the next sync reject, and with it this storage for good. */
  failNextSync(): void {
    this.#failsNextSync = true;
  }

  /** From now on no sync resolves; writes go on. */
  stall(): void {
    this.#stalled ??= [];
  }

  /** Ends a stall: the syncs it held resolve in their order. */
  resume(): void {
    const held = this.#stalled ?? [];
    this.#stalled = null;
    for (const finish of held) finish();
  }

  protected override beforeUse(): void {
    if (this.#failure !== null) throw this.#failure;
  }

  protected override beforeWrite(): void {
    if (!this.#failsNextWrite) return;
    this.#failsNextWrite = false;
    this.#failure = new RaftLiteError("storage-failed", "The simulated disk failed a write.");
    throw this.#failure;
  }

  protected override afterStatement(query: string, bindings: readonly SqliteBinding[]): void {
    this.#open.push({ query, bindings: bindings.map((value) => (isBlob(value) ? value.slice() : value)) });
  }

  protected override afterCommit(): void {
    this.#journal.push(this.#open);
    this.#open = [];
  }

  protected override afterRollback(): void {
    this.#open = [];
  }

  protected override explain(error: unknown): unknown {
    return error;
  }

  #die(): void {
    if (this.#failure?.code === "storage-crashed") throw this.#failure;
    this.#failure = new RaftLiteError("storage-crashed", "This machine has crashed.");
  }

  #moveIntoImage(): void {
    replay(this.#image, this.#journal.splice(0, this.#durable));
    this.#moved += this.#durable;
    this.#durable = 0;
  }
}

function databaseOf(content: Uint8Array | null): DatabaseSync {
  const sqlite = process.getBuiltinModule("node:sqlite");
  // Asked for and not imported, and not always there: Node 22.12 has it behind a flag.
  if ((sqlite as unknown) === undefined) {
    throw new RaftLiteError(
      "sqlite-missing",
      `this Node (${process.version}) has no SQLite: use 22.13 or newer, or start 22.12 with --experimental-sqlite`,
    );
  }
  const database = new sqlite.DatabaseSync(":memory:");
  // A database that was never written to has no pages.
  if (content !== null && content.length > 0) database.deserialize(content);
  return database;
}

function replay(database: DatabaseSync, transactions: readonly (readonly Statement[])[]): void {
  const prepared = new Map<string, ReturnType<DatabaseSync["prepare"]>>();
  database.exec("BEGIN");
  for (const { query, bindings } of transactions.flat()) {
    if (bindings.length === 0) {
      // May be several statements.
      database.exec(query);
      continue;
    }
    let statement = prepared.get(query);
    if (statement === undefined) {
      statement = database.prepare(query);
      prepared.set(query, statement);
    }
    statement.all(...bindings);
  }
  database.exec("COMMIT");
}

function isBlob(value: SqliteBinding): value is Uint8Array {
  return value instanceof Uint8Array;
}
