import {
  accessSync,
  closeSync,
  constants,
  fsyncSync,
  openSync,
  readFileSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, resolve } from "node:path";
import { RaftLiteError } from "../shared/errors.ts";
import { makeDirectory } from "./make-directory.ts";

/** Name of the file, beside the database, that tells which process has the directory open. For people only. */
const PID_FILE = "raft.pid";

/** SQLite's primary result codes (sqlite.org/rescode.html) that say something about file, disk or lock. */
const SQLITE_BUSY = 5;
const SQLITE_READONLY = 8;
const SQLITE_IOERR = 10;
const SQLITE_CORRUPT = 11;
const SQLITE_FULL = 13;
const SQLITE_CANTOPEN = 14;
const SQLITE_NOTADB = 26;

/**
 * Makes the directory, for this user alone, when it is missing, and its name durable. Throws `directory-unusable` or
 * `storage-full`.
 */
export function makeDataDirectory(directory: string): void {
  try {
    const made = makeDirectory(directory);
    if (made !== undefined) {
      const top = dirname(resolve(made));
      for (let path = resolve(directory); path !== top; path = dirname(path)) syncDirectory(dirname(path));
    }
    if (!statSync(directory).isDirectory()) throw notADirectory(directory);
    accessSync(directory, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    throw explainFileError(error, directory);
  }
}

/** Makes the names in a directory durable. */
export function syncDirectory(directory: string): void {
  const fd = openSync(directory, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Notes this process as the holder of the directory. The lock is the database's; failing to say whose is no harm. */
export function writeHolder(directory: string): void {
  try {
    writeFileSync(join(directory, PID_FILE), `${process.pid}\n`, { mode: 0o600 });
  } catch {
    // A full disk is reported by the first write that matters.
  }
}

export function removeHolder(directory: string): void {
  try {
    unlinkSync(join(directory, PID_FILE));
  } catch {
    // Gone, or never written.
  }
}

/** The process that noted itself, if it lives. */
function holderOf(directory: string): number | null {
  try {
    const pid = Number.parseInt(readFileSync(join(directory, PID_FILE), "utf8"), 10);
    return pid > 0 && isAlive(pid) ? pid : null;
  } catch {
    return null;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // It lives, under another user.
    return errorCode(error) === "EPERM";
  }
}

/** An error of the file system, in one line that says how to mend it. */
export function explainFileError(error: unknown, directory: string): RaftLiteError {
  if (error instanceof RaftLiteError) return error;
  switch (errorCode(error)) {
    case "EEXIST":
    case "ENOTDIR":
      return notADirectory(directory);
    case "ENOENT":
      // Also what a recursive mkdir of some releases says on a read-only file system.
      return unusable(
        directory,
        "it cannot be made",
        "Check that its parent directory can be written",
        error,
      );
    case "EACCES":
    case "EPERM":
      return unusable(directory, "this user may not read and write it", "Change its owner or mode", error);
    case "EROFS":
      return unusable(directory, "its file system is read-only", "Mount it writable", error);
    case "ENOSPC":
    case "EDQUOT":
      return full(directory, error);
    default:
      return failed(directory, error);
  }
}

/**
 * An error of SQLite, in one line that says how to mend it; null when it is not about the files but about the
 * statement, which is for the caller to mend.
 */
export function explainSqliteError(error: unknown, directory: string): RaftLiteError | null {
  if (error instanceof RaftLiteError) return error;
  const code = (error as { errcode?: unknown } | null)?.errcode;
  switch (typeof code === "number" ? code & 0xff : 0) {
    case SQLITE_BUSY: {
      const holder = holderOf(directory);
      const who =
        holder === null ? "another process" : holder === process.pid ? "this process" : `process ${holder}`;
      return new RaftLiteError(
        "directory-in-use",
        `Data directory ${directory} is in use by ${who}. Stop that node, or give this one its own with --data-dir.`,
        { details: { directory, holder }, cause: error },
      );
    }
    case SQLITE_READONLY:
      return unusable(
        directory,
        "its database cannot be written",
        "Make the file and its file system writable",
        error,
      );
    case SQLITE_CANTOPEN:
      return unusable(
        directory,
        "its database cannot be opened",
        "Check the owner and mode of what is in it",
        error,
      );
    case SQLITE_FULL:
      return full(directory, error);
    case SQLITE_IOERR:
      return failed(directory, error);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return new RaftLiteError(
        "storage-damaged",
        `The database in data directory ${directory} is damaged (${messageOf(error)}). Nothing was repaired. Move the ` +
          "directory aside and let the node come back empty under a new id.",
        { details: { directory }, cause: error },
      );
    default:
      return null;
  }
}

export function unusable(directory: string, problem: string, remedy: string, cause?: unknown): RaftLiteError {
  return new RaftLiteError(
    "directory-unusable",
    `Data directory ${directory} cannot be used: ${problem}. ${remedy}, or pass another with --data-dir.`,
    { details: { directory }, cause },
  );
}

function notADirectory(directory: string): RaftLiteError {
  return unusable(directory, "there is a file in its place", "Move the file away");
}

function full(directory: string, cause: unknown): RaftLiteError {
  return new RaftLiteError(
    "storage-full",
    `The disk of data directory ${directory} is full. Free some space and start the node again.`,
    { details: { directory }, cause },
  );
}

function failed(directory: string, cause: unknown): RaftLiteError {
  return new RaftLiteError(
    "storage-failed",
    `The disk of data directory ${directory} failed (${messageOf(cause)}). Check it before starting the node again.`,
    { details: { directory }, cause },
  );
}

function errorCode(error: unknown): string | null {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === "string" ? code : null;
}

function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split("\n", 1)[0]!;
}
