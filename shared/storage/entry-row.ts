import { invariant, RaftLiteError } from "../errors.ts";
import type { Configuration, EntryKind } from "../raft/types.ts";
import { crc32c, crc32cOfBody } from "./crc32c.ts";
import type { LogEntry, Origin, UncountedEntry } from "./entry.ts";
import type { SqlBinding, SqlValue } from "./port.ts";

/** Kinds as they stand in `entries.kind`. Numbers are for ever: never reuse one. */
const KIND_NUMBERS: Readonly<Record<EntryKind, number>> = { noop: 1, configuration: 2, command: 3 };
const KINDS: readonly (EntryKind | undefined)[] = [undefined, "noop", "configuration", "command"];
export const COMMAND_KIND = KIND_NUMBERS.command;

/** A row of `entries`, column by column; the types are what they should be, not what a damaged file holds. */
export interface EntryRow extends Record<string, SqlValue> {
  idx: number;
  term: number;
  kind: number;
  schema: number;
  time: number;
  ordinal: number;
  origin_node: string | null;
  origin_boot: number | null;
  origin_sequence: number | null;
  origin_floor: number | null;
  checksum: number;
  body: ArrayBuffer;
}

export const ENTRY_COLUMNS =
  "idx, term, kind, schema, time, ordinal, origin_node, origin_boot, origin_sequence, origin_floor, checksum, body";
export const ENTRY_COLUMN_COUNT = 12;

const NUMBERS = ["idx", "term", "kind", "schema", "time", "ordinal"] as const;
const ORIGIN_NUMBERS = ["origin_boot", "origin_sequence", "origin_floor"] as const;

/** Numbers of a row as eight-byte floats, then a flag and the origin's node in UTF-16. */
const header = new Uint8Array(9 * 8 + 1 + 2 * 64);
const headerView = new DataView(header.buffer);
const utf8 = new TextEncoder();
const text = new TextDecoder("utf-8", { fatal: true });

/** CRC-32C over all columns of an entry but the checksum itself, in a form that does not depend on SQL. */
function entryChecksum(entry: UncountedEntry, ordinal: number, body: Uint8Array): number {
  const { origin, schema, time } = entry.data;
  headerView.setFloat64(0, entry.index, true);
  headerView.setFloat64(8, entry.term, true);
  headerView.setFloat64(16, KIND_NUMBERS[entry.kind], true);
  headerView.setFloat64(24, schema, true);
  headerView.setFloat64(32, time, true);
  headerView.setFloat64(40, ordinal, true);
  headerView.setFloat64(48, origin?.boot ?? 0, true);
  headerView.setFloat64(56, origin?.sequence ?? 0, true);
  headerView.setFloat64(64, origin?.floor ?? 0, true);
  header[72] = origin === null ? 0 : 1;
  let at = 73;
  let checksum = 0;
  const node = origin?.node ?? "";
  for (let index = 0; index < node.length; index++) {
    if (at + 2 > header.length) {
      checksum = crc32c(header, checksum, 0, at);
      at = 0;
    }
    const unit = node.charCodeAt(index);
    header[at++] = unit & 0xff;
    header[at++] = unit >>> 8;
  }
  return crc32cOfBody(body, crc32c(header, checksum, 0, at));
}

/** What is stored as an entry's body: its payload; for a configuration entry the configuration as JSON. */
export function bodyOf(entry: UncountedEntry): Uint8Array {
  if (entry.kind !== "configuration") return entry.data.bytes;
  return utf8.encode(JSON.stringify(entry.configuration));
}

/** Adds the bindings of one row, in the order of `ENTRY_COLUMNS`. */
export function bindEntry(entry: LogEntry, body: Uint8Array, bindings: SqlBinding[]): void {
  const { origin, schema, time } = entry.data;
  // SQLite would store a fraction as such, and the row would be refused as damaged at the next start.
  invariant(
    Number.isSafeInteger(schema) && Number.isSafeInteger(time) && (origin === null || isWhole(origin)),
    "entries hold whole numbers",
    () => `entry ${entry.index}: ${JSON.stringify({ schema, time, origin })}`,
  );
  bindings.push(entry.index, entry.term, KIND_NUMBERS[entry.kind], schema, time, entry.ordinal);
  if (origin === null) bindings.push(null, null, null, null);
  else bindings.push(origin.node, origin.boot, origin.sequence, origin.floor);
  bindings.push(entryChecksum(entry, entry.ordinal, body), body);
}

function isWhole({ boot, sequence, floor }: Origin): boolean {
  return Number.isSafeInteger(boot) && Number.isSafeInteger(sequence) && Number.isSafeInteger(floor);
}

/** Reads a row back. Throws `storage-damaged` unless it is exactly what was written. */
export function entryOf(row: EntryRow): LogEntry {
  for (const column of NUMBERS) {
    if (!Number.isSafeInteger(row[column])) throw damagedEntry(row, `${column} is not a number`);
  }
  const kind = KINDS[row.kind];
  if (kind === undefined) throw damagedEntry(row, `kind ${row.kind} is unknown`);
  if (!(row.body instanceof ArrayBuffer)) throw damagedEntry(row, "body is not a blob");
  const bytes = new Uint8Array(row.body);
  const data = { time: row.time, origin: originOf(row), schema: row.schema, bytes };
  const entry: LogEntry = {
    index: row.idx,
    term: row.term,
    kind,
    size: bytes.length,
    data,
    ordinal: row.ordinal,
  };
  const checksum = entryChecksum(entry, row.ordinal, bytes);
  if (checksum !== row.checksum) {
    throw damagedEntry(row, `the checksum of its columns is ${checksum}, the stored one ${row.checksum}`);
  }
  return kind === "configuration" ? { ...entry, configuration: configurationOf(row, bytes) } : entry;
}

function originOf(row: EntryRow): Origin | null {
  const { origin_node: node, origin_boot: boot, origin_sequence: sequence, origin_floor: floor } = row;
  if (node === null) {
    for (const column of ORIGIN_NUMBERS) {
      if (row[column] !== null) throw damagedEntry(row, `${column} is set and origin_node is not`);
    }
    return null;
  }
  if (typeof node !== "string") throw damagedEntry(row, "origin_node is not text");
  for (const column of ORIGIN_NUMBERS) {
    if (!Number.isSafeInteger(row[column])) throw damagedEntry(row, `${column} is not a number`);
  }
  return { node, boot: boot as number, sequence: sequence as number, floor: floor as number };
}

function configurationOf(row: EntryRow, bytes: Uint8Array): Configuration {
  try {
    return JSON.parse(text.decode(bytes)) as Configuration;
  } catch (cause) {
    throw damagedEntry(row, "its configuration cannot be read", cause);
  }
}

function damagedEntry(row: EntryRow, problem: string, cause?: unknown): RaftLiteError {
  return damaged("entries", `idx=${row.idx}`, problem, cause);
}

/** Checksum of a row of small columns: `meta` and `hard_state`. */
export function rowChecksum(...columns: readonly (string | number | null)[]): number {
  return crc32c(utf8.encode(JSON.stringify(columns)));
}

/** What is thrown when stored data is not what was written: the row named, and what to do about it. */
export function damaged(table: string, row: string, problem: string, cause?: unknown): RaftLiteError {
  return new RaftLiteError(
    "storage-damaged",
    `Stored data is damaged: table ${table}, ${row}: ${problem}. Nothing was changed. Move this node's data aside and ` +
      "let it come back empty under a new id; an older copy under this id could have forgotten votes and entries.",
    { details: { table, row, problem }, cause },
  );
}

/**
 * Runs a fixed query of ours. When it fails for any reason that the storage does not name itself, what is stored cannot
 * be right: a column is missing, or a number is past what the port can carry.
 */
export function readable<Result>(table: string, row: string, read: () => Result): Result {
  try {
    return read();
  } catch (error) {
    if (error instanceof RaftLiteError) throw error;
    throw damaged(table, row, error instanceof Error ? error.message : String(error), error);
  }
}
