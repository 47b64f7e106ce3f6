import type { HardState, LogIndex } from "../raft/types.ts";
import { damaged, readable, rowChecksum } from "./entry-row.ts";
import type { SqlStorage } from "./port.ts";
import { checkVersion } from "./schema.ts";

/** The rows of `meta`, by key. */
export interface Meta {
  readonly schemaVersion: number;
  readonly id: string;
  readonly storeId: string;
  readonly boot: number;
  readonly applied: LogIndex;
  /** null: no row, not bound yet. */
  readonly clusterId: string | null;
}

type MetaRow = { key: string; value: string | number; checksum: number };
type HardStateRow = { term: number; voted_for: string | null; checksum: number };

/** Reads and verifies every row. Throws `storage-damaged`, or `storage-too-new` before it judges anything else. */
export function readMeta(sql: SqlStorage): Meta {
  const rows = readable("meta", "all rows", () =>
    sql.exec<MetaRow>("SELECT key, value, checksum FROM meta").toArray(),
  );
  const version = rows.find((row) => row.key === "schemaVersion")?.value;
  if (typeof version === "number") checkVersion(version);
  const values = new Map<string, string | number>();
  for (const { key, value, checksum } of rows) {
    if (rowChecksum(key, value) !== checksum) {
      throw damaged("meta", `key=${key}`, "its value does not match its checksum");
    }
    values.set(key, value);
  }
  return {
    schemaVersion: numberOf(values, "schemaVersion"),
    id: textOf(values, "id"),
    storeId: textOf(values, "storeId"),
    boot: numberOf(values, "boot"),
    applied: numberOf(values, "applied"),
    clusterId: values.has("clusterId") ? textOf(values, "clusterId") : null,
  };
}

/** Writes one row. Runs in the caller's transaction. */
export function writeMeta<Key extends keyof Meta>(
  sql: SqlStorage,
  key: Key,
  value: NonNullable<Meta[Key]>,
): void {
  sql.exec(
    "INSERT OR REPLACE INTO meta (key, value, checksum) VALUES (?, ?, ?)",
    key,
    value,
    rowChecksum(key, value),
  );
}

/** Reads and verifies term and vote. Throws `storage-damaged`. */
export function readHardState(sql: SqlStorage): HardState {
  const [row] = readable("hard_state", "id=1", () =>
    sql.exec<HardStateRow>("SELECT term, voted_for, checksum FROM hard_state WHERE id = 1").toArray(),
  );
  if (row === undefined) throw damaged("hard_state", "id=1", "the row is missing");
  const { term, voted_for: votedFor, checksum } = row;
  if (rowChecksum(term, votedFor) !== checksum) {
    throw damaged("hard_state", "id=1", "term and vote do not match their checksum");
  }
  return { term, votedFor };
}

/** Writes term and vote. Runs in the caller's transaction. */
export function writeHardState(sql: SqlStorage, { term, votedFor }: HardState): void {
  sql.exec(
    "INSERT OR REPLACE INTO hard_state (id, term, voted_for, checksum) VALUES (1, ?, ?, ?)",
    term,
    votedFor,
    rowChecksum(term, votedFor),
  );
}

function numberOf(values: ReadonlyMap<string, unknown>, key: string): number {
  const value = values.get(key);
  if (!Number.isSafeInteger(value)) throw damaged("meta", `key=${key}`, missingOr(value, "not a number"));
  return value as number;
}

function textOf(values: ReadonlyMap<string, unknown>, key: string): string {
  const value = values.get(key);
  if (typeof value !== "string") throw damaged("meta", `key=${key}`, missingOr(value, "not text"));
  return value;
}

function missingOr(value: unknown, problem: string): string {
  return value === undefined ? "the row is missing" : `the value is ${problem}`;
}
