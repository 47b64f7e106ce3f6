/**
 * `raft-lite/storage`: where log, term, vote and state are kept. The port is the part of a Durable Object's storage that
 * Raft Lite uses; SqliteStorage is most of an adapter to any synchronous SQLite.
 */
export type { LogEntry, Origin, Payload, UncountedEntry } from "../shared/storage/entry.ts";
export type { StoreIdentity } from "../shared/storage/log-store.ts";
export { LogStore } from "../shared/storage/log-store.ts";
export type { PlacedConfiguration } from "../shared/storage/log-summary.ts";
export type { DurableStorage, SqlBinding, SqlCursor, SqlStorage, SqlValue } from "../shared/storage/port.ts";
export type { SqliteBinding, SqliteDatabase, SqliteStatement } from "../shared/storage/sqlite.ts";
export { SqliteStorage } from "../shared/storage/sqlite.ts";
