import type { SqlStorage } from "../../shared/storage/port.ts";
import { SegmentReader } from "../../shared/store/change-segment.ts";
import type { Change } from "../../shared/store/key-state.ts";

/** The store's tables: how they are cut into rows, and how far one lags behind, is each node's own affair. */
export const STORE_TABLES: ReadonlySet<string> = new Set(["change_segments", "keys", "keys_written"]);

type KeyRow = Record<
  "revision" | "value_offset" | "value_length" | "create_revision" | "version" | "flags",
  number
> & {
  key: string;
};

/** What they say: every change in its order, and the newest state of every key in theirs. Equal logs make it equal. */
export function storedState(sql: SqlStorage): unknown {
  const [written] = sql.exec<{ segment: number }>("SELECT segment FROM keys_written").toArray();
  const newest = new Map<string, unknown>();
  for (const row of sql.exec<KeyRow>("SELECT *, CAST(key AS TEXT) AS key FROM keys")) {
    const { key, revision, value_offset, value_length, create_revision, version, flags } = row;
    newest.set(key, [revision, value_offset, value_length, create_revision, version, flags]);
  }
  const all: Change[] = [];
  for (const { id, changes } of sql
    .exec<{ id: number; changes: ArrayBuffer }>("SELECT id, changes FROM change_segments ORDER BY id")
    .toArray()) {
    const reader = new SegmentReader(new Uint8Array(changes));
    while (reader.next()) {
      const change = reader.change();
      all.push(change);
      const { key, revision, valueOffset, valueLength, createRevision, version, flags } = change;
      if (id <= (written?.segment ?? 0)) continue;
      newest.set(key, [revision, valueOffset, valueLength, createRevision, version, flags]);
    }
  }
  const changes = all.map(({ keyBytes: _, ...change }) => change);
  return { changes, keys: [...newest].sort(([a], [b]) => (a < b ? -1 : 1)) };
}
