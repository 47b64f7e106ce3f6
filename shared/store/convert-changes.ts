import type { SqlStorage } from "../storage/port.ts";
import { ChangeLog } from "./change-log.ts";
import type { StateRow } from "./key-tables.ts";
import { KeyTables, toState } from "./key-tables.ts";

const PAGE_ROWS = 1000;

const EXISTS = "SELECT 1 AS found FROM sqlite_master WHERE type = 'table' AND name = 'changes'";
const READ = `
  SELECT key, revision, previous_revision, value_offset, value_length, create_revision, version, flags
  FROM changes WHERE (revision, key) > (?, ?) ORDER BY revision, key LIMIT ?`;

type ChangeRow = StateRow & { previous_revision: number };

/**
 * With storage of schema 1 the log of changes was a table of one row for each, and `keys` always the newest. Brings it
 * over. In the caller's transaction.
 */
export function convertChanges(sql: SqlStorage): void {
  if (sql.exec(EXISTS).toArray().length === 0) return;
  const log = new ChangeLog(sql);
  let revision = 0;
  let key = new ArrayBuffer(0);
  for (;;) {
    const rows = sql.exec<ChangeRow>(READ, revision, key, PAGE_ROWS).toArray();
    for (const row of rows) log.add({ ...toState(row), previousRevision: row.previous_revision });
    log.write();
    const last = rows.at(-1);
    if (last === undefined) break;
    ({ revision, key } = last);
  }
  new KeyTables(sql).setWrittenSegment(log.lastId);
  sql.exec("DROP TABLE changes");
}
