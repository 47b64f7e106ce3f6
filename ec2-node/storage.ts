import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { RaftLiteError } from "../shared/errors.ts";
import { SqliteStorage } from "../shared/storage/sqlite.ts";
import {
  explainFileError,
  explainSqliteError,
  makeDataDirectory,
  removeHolder,
  syncDirectory,
  unusable,
  writeHolder,
} from "./data-directory.ts";
import { loadSqlite } from "./sqlite.ts";
import type { FileSyncs, SyncedFile } from "./write-ahead-log.ts";
import { DEFAULT_WAL_LIMIT_BYTES, realSyncs, WriteAheadLog } from "./write-ahead-log.ts";

const DATABASE_FILE = "raft.sqlite";
/** "RaLi": tells our databases from other programs' (sqlite.org/pragma.html#pragma_application_id). */
const APPLICATION_ID = 0x52614c69;
/** Two processes that create one directory at once take turns within this time; then one is told who has it. */
const LOCK_TIMEOUT_MS = 50;
const CACHE_KIB = 8192;

export interface NodeStorageOptions {
  /** What makes files durable; for tests. */
  readonly files?: FileSyncs;
  /** Length at which the write-ahead log is copied into the database and begun anew. */
  readonly walLimitBytes?: number;
}

/**
 * Storages whose disk failed, held until the process ends: the garbage collector would have SQLite close them, and
 * closing copies a log that is not to be trusted into the database and deletes it.
 */
const failedStorages = new Set<NodeStorage>();

/**
 * Opens the database in `directory`, or creates both. One process, and one storage within it, has a directory at a
 * time; the lock goes with the process, however it ends. Everything found is durable when this returns.
 *
 * Throws `directory-in-use`, `directory-unusable`, `storage-damaged`, `storage-full`, `storage-failed` or
 * `sqlite-missing`, each in one line that says how to mend it.
 */
export function openNodeStorage(directory: string, options: NodeStorageOptions = {}): NodeStorage {
  const { DatabaseSync: Sqlite } = loadSqlite();
  makeDataDirectory(directory);
  const path = join(directory, DATABASE_FILE);
  const fds: number[] = [];
  let database: DatabaseSync | undefined;
  try {
    database = new Sqlite(path);
    lockAndPrepare(database, directory);
    // Only now: closing any file descriptor of the database drops this process's lock (fcntl(2)), so what was opened
    // before the lock was ours could not be closed again.
    const open = (name: string): SyncedFile => {
      const fd = openSync(name, "r+");
      fds.push(fd);
      const fdNow = openSync(name, "r+");
      fds.push(fdNow);
      return { path: name, fd, fdNow };
    };
    const log = open(`${path}-wal`);
    const databaseFile = open(path);
    const files = options.files ?? realSyncs;
    const limitBytes = options.walLimitBytes ?? DEFAULT_WAL_LIMIT_BYTES;
    const writeAheadLog = new WriteAheadLog(database, log, databaseFile, files, limitBytes);
    syncDirectory(directory);
    const storage = new NodeStorage(directory, database, writeAheadLog, fds);
    writeHolder(directory);
    return storage;
  } catch (error) {
    const explained = explainSqliteError(error, directory) ?? explainFileError(error, directory);
    database?.close();
    for (const fd of fds) closeSync(fd);
    throw explained;
  }
}

function lockAndPrepare(database: DatabaseSync, directory: string): void {
  // Exclusive before the first access: SQLite then keeps the lock, and needs no shared-memory file.
  database.exec(
    `PRAGMA busy_timeout = ${LOCK_TIMEOUT_MS}; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; COMMIT`,
  );
  const { application_id: owner } = database.prepare("PRAGMA application_id").get() as {
    application_id: number;
  };
  if (owner !== APPLICATION_ID) {
    const { tables } = database.prepare("SELECT count(*) AS tables FROM sqlite_schema").get() as {
      tables: number;
    };
    if (owner !== 0 || tables > 0) {
      throw unusable(directory, `its ${DATABASE_FILE} was made by another program`, "Move that file away");
    }
  }
  // Creation is synced by SQLite itself: it happens once, and a half-made database would have to be thrown away.
  database.exec("PRAGMA synchronous = FULL");
  const { journal_mode: mode } = database.prepare("PRAGMA journal_mode = WAL").get() as {
    journal_mode: string;
  };
  if (mode !== "wal") throw unusable(directory, "its database cannot have a write-ahead log", "Move it away");
  if (owner === 0) database.exec(`PRAGMA application_id = ${APPLICATION_ID}`);
  // The log file exists from the first read on.
  database.prepare("SELECT count(*) FROM sqlite_schema").get();
  database.exec(`PRAGMA temp_store = MEMORY; PRAGMA cache_size = -${CACHE_KIB}`);
}

/**
 * The storage port on a data directory. Commits write to the page cache; `sync` makes them durable off the event loop
 * (write-ahead-log.ts). A statement outside `transactionSync` is a transaction of its own.
 *
 * A write or sync that failed is final: every later call throws or rejects with that error, and the process should end.
 *
 * Nothing else in this process may open and close the database file, not even to read it: closing any descriptor of a
 * file drops the process's lock on it (fcntl(2)).
 */
export class NodeStorage extends SqliteStorage {
  readonly directory: string;
  readonly #database: DatabaseSync;
  readonly #log: WriteAheadLog;
  readonly #fds: readonly number[];
  #failure: RaftLiteError | null = null;

  /** Use `openNodeStorage`. */
  constructor(directory: string, database: DatabaseSync, log: WriteAheadLog, fds: readonly number[]) {
    super(database);
    this.directory = directory;
    this.#database = database;
    this.#log = log;
    this.#fds = fds;
  }

  sync(): Promise<void> {
    if (this.#failure !== null) return Promise.reject(this.#failure);
    return this.#log.sync().then(
      // Another call's failure says that the disk is not to be trusted with this one's data either.
      () => this.beforeUse(),
      (error: unknown) => {
        throw this.#fail(this.#explainAny(error));
      },
    );
  }

  /**
   * Makes everything durable and lets go of the directory. After a failure it rejects with that, and the directory
   * stays taken until the process ends.
   */
  async close(): Promise<void> {
    await this.sync();
    await this.#log.idle();
    this.beforeUse();
    this.#failure = new RaftLiteError("storage-closed", `Data directory ${this.directory} has been closed.`);
    // SQLite copies the log into the database once more and deletes it, with all the syncs that takes.
    this.#database.exec("PRAGMA synchronous = FULL");
    removeHolder(this.directory);
    this.#database.close();
    for (const fd of this.#fds) closeSync(fd);
  }

  protected override beforeUse(): void {
    if (this.#failure !== null) throw this.#failure;
  }

  protected override beforeWrite(): void {
    this.#orFail(() => this.#log.beforeWrite());
  }

  protected override afterStatement(): void {}

  protected override afterCommit(): void {
    this.#orFail(() => this.#log.afterCommit());
  }

  protected override afterRollback(): void {}

  protected override explain(error: unknown): unknown {
    const explained = explainSqliteError(error, this.directory);
    return explained === null ? error : this.#fail(explained);
  }

  #orFail(step: () => void): void {
    try {
      step();
    } catch (error) {
      throw this.#fail(this.#explainAny(error));
    }
  }

  #explainAny(error: unknown): RaftLiteError {
    return explainSqliteError(error, this.directory) ?? explainFileError(error, this.directory);
  }

  #fail(error: RaftLiteError): RaftLiteError {
    if (this.#failure !== null) return this.#failure;
    this.#failure = error;
    failedStorages.add(this);
    // A process that runs out of work has Node close what is open, with the harm told above. Leaving from within "exit"
    // skips that, and keeps the exit code.
    if (failedStorages.size === 1) process.once("exit", () => process.exit());
    return error;
  }
}
