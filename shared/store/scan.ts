import type { ChangeLog } from "./change-log.ts";
import type { KeyState } from "./key-state.ts";
import { overlay } from "./key-state.ts";
import type { KeyTables } from "./key-tables.ts";
import { compareBytes, encodeKey, endOfPrefix } from "./keys.ts";
import { statesAt } from "./states-at.ts";

/** Rows read in one piece. */
const PAGE_ROWS = 256;

/**
 * The keys that begin with `prefix` as they were when `revision` was the newest change, in the order of their bytes and
 * in pages. They are read as they are asked for, and writes may go on meanwhile: whatever has come later is passed over,
 * along the chain that leads from every state of a key to the one before.
 *
 * `newest`: the newest states under the prefix, in order, of those keys that the table has an older one of at the time of
 * the call. Throws as `encodeKey` does.
 */
export function* scan(
  tables: KeyTables,
  log: ChangeLog,
  newest: readonly KeyState[],
  prefix: string,
  revision: number,
): Generator<KeyState[], void> {
  let from = encodeKey(prefix, true);
  let merged = 0;
  const end = endOfPrefix(from);
  for (;;) {
    const page = tables.findPage(from, end, revision, PAGE_ROWS);
    const last = page.length < PAGE_ROWS ? undefined : page.at(-1);
    const upTo = last === undefined ? end : next(last.keyBytes);
    const first = merged;
    while (merged < newest.length && compareBytes(newest[merged]!.keyBytes, upTo) < 0) merged++;
    yield overlay(statesAt(log, page, revision), newest.slice(first, merged));
    if (last === undefined) return;
    from = upTo;
  }
}

/** The first byte string after `key`. */
function next(key: Uint8Array): Uint8Array<ArrayBuffer> {
  const longer = new Uint8Array(key.length + 1);
  longer.set(key);
  return longer;
}
