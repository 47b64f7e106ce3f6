import { RaftLiteError } from "../shared/errors.ts";

/**
 * Node's own SQLite. Asked for and not imported, because a Node 22.12 has it behind a flag: an import would fail before
 * anybody could say so, also in a program that never starts a node. Throws `sqlite-missing`.
 */
export function loadSqlite(): typeof import("node:sqlite") {
  const sqlite = process.getBuiltinModule("node:sqlite");
  // Typed as always there.
  if ((sqlite as unknown) !== undefined) return sqlite;
  throw new RaftLiteError(
    "sqlite-missing",
    `this Node (${process.version}) has no SQLite: use 22.13 or newer, or start 22.12 with --experimental-sqlite`,
  );
}
