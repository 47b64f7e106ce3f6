import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

/** The file in a directory of local state that is locked as long as a cluster runs on it. */
const LOCK_FILE = "raft-lite.lock";
const SQLITE_BUSY = 5;

/**
 * Takes the directory of `npm run dev`'s state for this process, for as long as it lives: two runtimes on the same state
 * would be two nodes of one name, and workerd itself does not mind. False when another process has it. Throws when the
 * directory cannot be made or written to.
 */
export function takeState(directory: string): boolean {
  mkdirSync(directory, { recursive: true });
  // SQLite's locks are the system's: they end with the process, however it ends.
  const lock = new DatabaseSync(join(directory, LOCK_FILE));
  try {
    lock.exec(
      "PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; CREATE TABLE IF NOT EXISTS held (x); COMMIT",
    );
  } catch (error) {
    lock.close();
    if ((error as { errcode?: number }).errcode === SQLITE_BUSY) return false;
    throw error;
  }
  held.push(lock);
  return true;
}

/** Not closed, and not collected either. */
const held: DatabaseSync[] = [];
