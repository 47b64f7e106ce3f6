import { RaftLiteError } from "../errors.ts";
import type { LogIndex } from "../raft/types.ts";
import type { LogEntry } from "./entry.ts";
import type { EntryRow } from "./entry-row.ts";
import { damaged, ENTRY_COLUMNS, entryOf, readable } from "./entry-row.ts";
import { LogSummary } from "./log-summary.ts";
import type { SqlStorage } from "./port.ts";

/** The log's rows as entries, verified: in pages that fit in memory, however large single entries are. */

/** Rows asked for at once where their sizes are not known yet. */
const PAGE_ROWS = 512;
/** Bytes of bodies held at once while the log is verified. */
const PAGE_BYTES = 4 * 1024 * 1024;

const SELECT_RANGE = `SELECT ${ENTRY_COLUMNS} FROM entries WHERE idx BETWEEN ? AND ? ORDER BY idx`;
/** Two searches at the two ends; asked for in one, SQLite would walk the whole table. */
const ENDS = "SELECT (SELECT min(idx) FROM entries) AS first, (SELECT max(idx) FROM entries) AS last";

/** Reads the whole log, in parts that fit in memory. Throws `storage-damaged` with the first row that is not right. */
export function* verifyLog(sql: SqlStorage): Generator<void, LogSummary> {
  const summary = new LogSummary();
  const { first, last } = readable("entries", "all rows", () =>
    sql.exec<{ first: number | null; last: number | null }>(ENDS).one(),
  );
  if (first === null || last === null) return summary;
  if (first !== 1) throw damaged("entries", `idx=${first}`, "the log does not begin at 1");
  while (summary.lastIndex < last) {
    for (const entry of readPage(sql, pageOf(sql, summary.lastIndex + 1, last, PAGE_BYTES))) {
      const refusal = summary.refusal(entry);
      if (refusal !== null) throw damaged("entries", `idx=${entry.index}`, refusal);
      if (entry.ordinal !== summary.commands) {
        const problem = `its ordinal is ${entry.ordinal}, but ${summary.commands} commands come before it`;
        throw damaged("entries", `idx=${entry.index}`, problem);
      }
      summary.add(entry);
    }
    yield;
  }
  return summary;
}

/** Consecutive entries and what their bodies take. */
interface Page {
  readonly first: LogIndex;
  readonly last: LogIndex;
  readonly bytes: number;
}

/**
 * The entries from `first` on that fit into `maxBytes`, at least one. Sizes are asked for before bodies: a page of
 * large entries would not fit into a Durable Object's 128 MB.
 */
export function pageOf(sql: SqlStorage, first: LogIndex, last: LogIndex, maxBytes: number): Page {
  const end = Math.min(last, first + PAGE_ROWS - 1);
  const whole = sql
    .exec<{ rows: number; bytes: number }>(
      "SELECT count(*) AS rows, total(length(body)) AS bytes FROM entries WHERE idx BETWEEN ? AND ?",
      first,
      end,
    )
    .one();
  if (whole.rows === end - first + 1 && whole.bytes <= maxBytes)
    return { first, last: end, bytes: whole.bytes };

  // As a whole: a statement that is not read to its end stays open, and keeps tables from being dropped.
  const rows = sql
    .exec<{ idx: number; size: number }>(
      "SELECT idx, length(body) AS size FROM entries WHERE idx BETWEEN ? AND ? ORDER BY idx",
      first,
      end,
    )
    .toArray();
  let next = first;
  let bytes = 0;
  for (const { idx, size } of rows) {
    if (idx !== next) break;
    if (next > first && bytes + size > maxBytes) return { first, last: next - 1, bytes };
    bytes += size;
    next++;
  }
  if (next <= end) throw damaged("entries", `idx=${next}`, "the row is missing");
  return { first, last: end, bytes };
}

export function readPage(sql: SqlStorage, { first, last }: Page): LogEntry[] {
  try {
    return sql.exec<EntryRow>(SELECT_RANGE, first, last).toArray().map(entryOf);
  } catch (error) {
    if (error instanceof RaftLiteError) throw error;
    // Some row cannot even be read. Which one is found out one by one.
    const entries: LogEntry[] = [];
    for (let index = first; index <= last; index++) entries.push(entryAt(sql, index));
    return entries;
  }
}

export function entryAt(sql: SqlStorage, index: LogIndex): LogEntry {
  const [row] = readable("entries", `idx=${index}`, () =>
    sql.exec<EntryRow>(SELECT_RANGE, index, index).toArray(),
  );
  if (row === undefined) throw damaged("entries", `idx=${index}`, "the row is missing");
  return entryOf(row);
}
