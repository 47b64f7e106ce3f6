import { fdatasync, fdatasyncSync, readSync, writeSync } from "node:fs";
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { invariant } from "../shared/errors.ts";

/** How files are made durable: the real calls, unless a test fails, delays or records them. */
export interface FileSyncs {
  /** fdatasync(2) off the event loop: the file's content, and the size needed to read it. */
  fdatasync(file: SyncedFile): Promise<void>;
  /** The same at once: at the start, and for a write that cannot wait. */
  fdatasyncNow(file: SyncedFile): void;
}

export interface SyncedFile {
  readonly path: string;
  readonly fd: number;
  /**
   * The file opened once more, for the calls at once: the kernel reports a failed write once to each open file, and a
   * call under way must not take the report away from the one at once, or the other way round.
   */
  readonly fdNow: number;
}

export const realSyncs: FileSyncs = {
  fdatasync: (file) =>
    new Promise((resolve, reject) => {
      fdatasync(file.fd, (error) => (error === null ? resolve() : reject(error)));
    }),
  fdatasyncNow: (file) => fdatasyncSync(file.fdNow),
};

/**
 * Length at which the log is copied into the database and begun anew. Copying blocks the event loop, 0.4 ms a MiB, and
 * a checkpoint costs two more syncs: longer means longer pauses, shorter means more of them.
 */
export const DEFAULT_WAL_LIMIT_BYTES = 4 * 1024 * 1024;

/** Sizes and offsets of the log's file format (sqlite.org/fileformat2.html#the_write_ahead_log). */
const HEADER_BYTES = 32;
const HEADER_SALT_AT = 16;
const FRAME_HEADER_BYTES = 24;
const FRAME_SALT_AT = 8;
const SALT_BYTES = 8;

/** What must become durable before anything else may be written. */
type Outstanding = "nothing" | "database" | "void header";

/**
 * Makes SQLite's write-ahead log durable, and keeps it short, without a sync on the event loop.
 *
 * SQLite itself would sync synchronously at every checkpoint, so its automatic ones are off and a checkpoint is made
 * here in steps, each begun when the one before is done:
 *   a. fdatasync of the log
 *   b. wal_checkpoint(PASSIVE) under synchronous=OFF: all pages are copied into the database, unsynced
 *   c. fdatasync of the database
 *   d. the log's header is overwritten with zeros: to whoever recovers it, the log is empty
 *   e. fdatasync of the log
 * Nothing may be written from b to e. Once everything is copied SQLite writes the next frames at the front of the log,
 * under a new header. Before c these would overwrite pages that are nowhere else durable. Before e a power failure
 * could leave the old header with the older part of the old frames, and recovery would put old pages over newer ones
 * (SQLite's ticket ff5be73dee; SQLite syncs the new header for that, on our event loop). A write that comes
 * nevertheless finishes the checkpoint first, blocking.
 *
 * The log is not truncated: overwriting a file in place makes fdatasync cheaper, and ftruncate(2) blocked for 7 ms.
 *
 * Between checkpoints the setting is synchronous=NORMAL, which syncs nothing on a commit. A connection that SQLite
 * closes on its own (the process ends without `close`) then still orders its last checkpoint properly. The first write
 * into a log begun anew stays under OFF, or SQLite would sync the new header after all.
 */
export class WriteAheadLog {
  readonly #database: DatabaseSync;
  readonly #log: SyncedFile;
  readonly #databaseFile: SyncedFile;
  readonly #syncs: FileSyncs;
  readonly #frameBytes: number;
  readonly #limitBytes: number;
  readonly #copy: StatementSync;
  /** Transactions written, and how many of them are durable. */
  #written = 0;
  #durable = 0;
  #running: Promise<void> | null = null;
  /** Transactions that the running sync covers. */
  #runningTarget = 0;
  #next: Promise<void> | null = null;
  /** Of the log's present header, read when it was first needed; null: not yet. */
  #salt: Buffer | null = null;
  readonly #frameSalt = Buffer.alloc(SALT_BYTES);
  #outstanding: Outstanding = "nothing";
  #isOff = false;
  /** Where the next frame would stand, as of the last checkpoint. */
  #endOfLog = 0;
  /** While the header is void: what stood behind the last frame then. */
  #behind: { readonly position: number; readonly bytes: Buffer } | null = null;

  constructor(
    database: DatabaseSync,
    log: SyncedFile,
    databaseFile: SyncedFile,
    syncs: FileSyncs,
    limitBytes: number,
  ) {
    this.#database = database;
    this.#log = log;
    this.#databaseFile = databaseFile;
    this.#syncs = syncs;
    this.#limitBytes = limitBytes;
    const { page_size: pageBytes } = database.prepare("PRAGMA page_size").get() as { page_size: number };
    this.#frameBytes = FRAME_HEADER_BYTES + pageBytes;
    this.#copy = database.prepare("PRAGMA wal_checkpoint(PASSIVE)");
    database.exec("PRAGMA wal_autocheckpoint = 0; PRAGMA synchronous = NORMAL");
    // A process that was killed may have left writes in the page cache that never reached the disk.
    syncs.fdatasyncNow(log);
    syncs.fdatasyncNow(databaseFile);
  }

  /** Must be called before anything is written. */
  beforeWrite(): void {
    if (this.#outstanding !== "nothing") this.#finishNow();
  }

  /** Must be called after every transaction that was written. */
  afterCommit(): void {
    this.#written++;
    if (!this.#isOff) return;
    if (this.#behind !== null) {
      if (this.#bytesAt(0, HEADER_BYTES).every((byte) => byte === 0)) {
        // Nothing was written, as by a DELETE that found no row. Had SQLite gone on behind the void header instead of
        // beginning anew, all of that would be lost.
        const behind = this.#bytesAt(this.#behind.position, FRAME_HEADER_BYTES);
        invariant(
          behind.equals(this.#behind.bytes),
          "a copied log is begun anew",
          () => "it was gone on with",
        );
        return;
      }
      this.#behind = null;
    }
    this.#setOff(false);
  }

  /** Resolves when everything written so far is durable. Calls that come together share one fdatasync. */
  sync(): Promise<void> {
    if (this.#written === this.#durable) return Promise.resolve();
    // One that has yet to start covers this write too. It may be that the one before is over: two must not run at once,
    // or whoever waits for the end of one would close the files under the other.
    if (this.#next !== null) return this.#next;
    if (this.#running === null) return this.#start();
    if (this.#runningTarget === this.#written) return this.#running;
    // The running fdatasync may have begun before the newest write: only one that starts after it counts.
    this.#next = this.#running.then(() => {
      this.#next = null;
      return this.#start();
    });
    return this.#next;
  }

  /** Resolves when no sync and no checkpoint is under way. */
  async idle(): Promise<void> {
    while (this.#next !== null || this.#running !== null) await (this.#next ?? this.#running);
  }

  #start(): Promise<void> {
    const target = this.#written;
    this.#runningTarget = target;
    const end = (): void => {
      this.#running = null;
    };
    // No async function: every group of writes comes through here.
    this.#running = this.#syncs
      .fdatasync(this.#log)
      .then(() => this.#synced(target))
      .then(end, (error: unknown) => {
        end();
        throw error;
      });
    return this.#running;
  }

  /** Everything up to `target` is durable. Makes a checkpoint where one is due. */
  #synced(target: number): Promise<void> | undefined {
    this.#durable = target;
    if (!this.#reaches(this.#limitBytes)) return undefined;
    if (this.#written !== target) {
      // Pages must be durable in the log before they are copied. Who writes during every sync leaves no quiet moment
      // for that, so at some length one is taken.
      if (!this.#reaches(4 * this.#limitBytes)) return undefined;
      this.#syncs.fdatasyncNow(this.#log);
      this.#durable = this.#written;
    }
    return this.#checkpoint();
  }

  async #checkpoint(): Promise<void> {
    // SQLite writes another with the next log, and never goes on to that without a checkpoint.
    this.#salt = null;
    this.#setOff(true);
    const { busy, log, checkpointed } = this.#copy.get() as {
      busy: number;
      log: number;
      checkpointed: number;
    };
    // An open statement keeps pages from being copied; SQLite then goes on with the log, and so do we.
    if (busy !== 0 || checkpointed !== log) return;
    this.#endOfLog = HEADER_BYTES + log * this.#frameBytes;
    this.#outstanding = "database";
    await this.#syncs.fdatasync(this.#databaseFile);
    if (!this.#awaits("database")) return;
    this.#voidHeader();
    await this.#syncs.fdatasync(this.#log);
    if (this.#awaits("void header")) this.#outstanding = "nothing";
  }

  /** Whether this is still to be done: a write in between may have done it. */
  #awaits(step: Outstanding): boolean {
    return this.#outstanding === step;
  }

  #finishNow(): void {
    if (this.#outstanding === "database") {
      this.#syncs.fdatasyncNow(this.#databaseFile);
      this.#voidHeader();
    }
    this.#syncs.fdatasyncNow(this.#log);
    this.#outstanding = "nothing";
  }

  #voidHeader(): void {
    writeSync(this.#log.fd, new Uint8Array(HEADER_BYTES), 0, HEADER_BYTES, 0);
    this.#behind = { position: this.#endOfLog, bytes: this.#bytesAt(this.#endOfLog, FRAME_HEADER_BYTES) };
    this.#outstanding = "void header";
  }

  /**
   * Whether the log is at least this long. Its file does not tell, as it keeps its largest size: the frame there must
   * carry the salt of the present header, where older ones carry another.
   */
  #reaches(bytes: number): boolean {
    const frame = Math.ceil(bytes / this.#frameBytes);
    const position = HEADER_BYTES + frame * this.#frameBytes + FRAME_SALT_AT;
    this.#salt ??= this.#readSalt();
    if (this.#salt === null) return false;
    const length = readSync(this.#log.fd, this.#frameSalt, 0, SALT_BYTES, position);
    return length === SALT_BYTES && this.#salt.equals(this.#frameSalt);
  }

  /** null: there is no header yet, or a void one. */
  #readSalt(): Buffer | null {
    const salt = this.#bytesAt(HEADER_SALT_AT, SALT_BYTES);
    return salt.length < SALT_BYTES || salt.every((byte) => byte === 0) ? null : salt;
  }

  /** What the log's file holds there, shorter past its end. */
  #bytesAt(position: number, length: number): Buffer {
    const bytes = Buffer.alloc(length);
    return bytes.subarray(0, readSync(this.#log.fd, bytes, 0, length, position));
  }

  /** Not as prepared statements: SQLite carries these out when they are compiled, not when they are run. */
  #setOff(isOff: boolean): void {
    this.#database.exec(isOff ? "PRAGMA synchronous = OFF" : "PRAGMA synchronous = NORMAL");
    this.#isOff = isOff;
  }
}
