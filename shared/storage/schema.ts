import { RaftLiteError } from "../errors.ts";
import type { SqlStorage } from "./port.ts";

/**
 * Version of the tables below and of the key-value store's own. Raise it with every change, and add the migration that
 * leads there.
 */
export const SCHEMA_VERSION = 2;

/**
 * The tables of one node. Every row carries a CRC-32C of its other columns (entry-row.ts): SQLite's own pages have
 * none, and a bit that flips in a term or a vote would be believed.
 * - `entries.body` is exactly the payload: a state machine's tables point at `idx` and read `substr(body, …)`.
 * - `hard_state` is what the paper's Figure 2 calls persistent state, the log aside.
 */
const TABLES = [
  "CREATE TABLE meta (key TEXT PRIMARY KEY, value NOT NULL, checksum INTEGER NOT NULL) WITHOUT ROWID",
  `CREATE TABLE hard_state (
    id INTEGER PRIMARY KEY CHECK (id = 1), term INTEGER NOT NULL, voted_for TEXT, checksum INTEGER NOT NULL)`,
  `CREATE TABLE entries (
    idx INTEGER PRIMARY KEY, term INTEGER NOT NULL, kind INTEGER NOT NULL, schema INTEGER NOT NULL,
    time INTEGER NOT NULL, ordinal INTEGER NOT NULL,
    origin_node TEXT, origin_boot INTEGER, origin_sequence INTEGER, origin_floor INTEGER,
    checksum INTEGER NOT NULL, body BLOB NOT NULL)`,
];

/** `MIGRATIONS[n]` leads from version n + 1 to n + 2; run in the transaction that raises the version. */
const MIGRATIONS: readonly ((sql: SqlStorage) => void)[] = [
  // To 2: the log of changes is kept in segments. The store converts its tables where it opens them.
  () => undefined,
];

/** Creates the tables. Runs in the caller's transaction. */
export function createTables(sql: SqlStorage): void {
  for (const table of TABLES) sql.exec(table);
}

/** The names of our tables that exist. */
export function existingTables(sql: SqlStorage): Set<string> {
  const rows = sql.exec<{ name: string }>(
    "SELECT name FROM sqlite_master WHERE type = 'table' AND name IN ('meta', 'hard_state', 'entries')",
  );
  return new Set(rows.toArray().map((row) => row.name));
}

/**
 * Throws `storage-too-new` when a newer release wrote these tables: what it added would be ignored, and what it relies
 * on broken.
 */
export function checkVersion(version: number): void {
  if (version <= SCHEMA_VERSION) return;
  throw new RaftLiteError(
    "storage-too-new",
    `This data was written by a newer Raft Lite (schema ${version}; this one knows up to ${SCHEMA_VERSION}). ` +
      "Nothing was changed. Run the newer version.",
    { details: { version, known: SCHEMA_VERSION } },
  );
}

/** Brings tables of `version` to the present one. Runs in the caller's transaction, which also stores the version. */
export function migrate(sql: SqlStorage, version: number): void {
  for (const step of MIGRATIONS.slice(version - 1)) step(sql);
}
