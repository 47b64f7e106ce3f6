import type { KeyRecord } from "./key-record.ts";
import type { KeySpace } from "./key-space.ts";
import { isPresent, modifyIndex } from "./key-space.ts";
import { PlacedOperations } from "./placed-operations.ts";
import type { BatchResult, OperationResult } from "./results.ts";

/** Of one list at a time: nothing is awaited within, and nobody else is called. */
const operations = new PlacedOperations();

/**
 * Applies a list of operations, the body of entry `revision`, one after the other. Throws as `decodeOperations` does,
 * before it changes anything.
 */
export function applyOperations(space: KeySpace, revision: number, body: Uint8Array): BatchResult {
  read(body);
  const { atomic, hasCas, length } = operations;
  const keys = space.locate(body, operations.keys);
  // Nothing but a `cas` that does not hold is ever refused.
  if (atomic && hasCas) space.keepForRollback();
  const done: OperationResult = { ok: true, ModifyIndex: revision };
  const results: OperationResult[] = [];
  let refused = 0;
  for (let position = 0; position < length; position++) {
    const result = stage(space, revision, body, position, keys[position]!, done);
    if (!result.ok) refused++;
    results.push(result);
  }
  if (!atomic || refused === 0) {
    space.commit(revision);
    return { ok: true, results };
  }
  space.rollback();
  return {
    ok: false,
    results: results.map(({ code = "rolled-back" }, position) => {
      // What counts for the next try is what is there now, not what was there for a moment within the batch.
      const isOfOne = !operations.isRecursive(position);
      const ModifyIndex = isOfOne ? modifyIndex(recordOf(space, keys[position]!)) : 0;
      return { ok: false, ModifyIndex, code };
    }),
  };
}

function read(body: Uint8Array): void {
  try {
    operations.read(body, false);
  } catch (error) {
    // Of several things that are wrong the first is said, and that may be a key.
    operations.read(body, true);
    throw error;
  }
}

/** Returns `done` when there was something to do, and it is done. */
function stage(
  space: KeySpace,
  revision: number,
  body: Uint8Array,
  position: number,
  key: KeyRecord | string,
  done: OperationResult,
): OperationResult {
  if (operations.isRecursive(position)) {
    const records = space.findUnder(typeof key === "string" ? key : key.key);
    for (const record of records) space.delete(revision, record);
    return records.length === 0 ? NOTHING_THERE : done;
  }
  const record = recordOf(space, key);
  const isPut = operations.isPut(position);
  // Nothing to delete is a success whatever `cas` says, as in Consul.
  if (!isPut && !isPresent(record)) return NOTHING_THERE;
  const cas = operations.cas(position);
  if (cas !== null && cas !== modifyIndex(record)) {
    return { ok: false, ModifyIndex: modifyIndex(record), code: "cas-failed" };
  }
  if (isPut) {
    const { valueOffsets, valueLengths, flags } = operations;
    space.put(revision, record, body, valueOffsets[position]!, valueLengths[position]!, flags[position]!);
  } else space.delete(revision, record);
  return done;
}

function recordOf(space: KeySpace, key: KeyRecord | string): KeyRecord {
  return typeof key === "string" ? space.find(key) : key;
}

const NOTHING_THERE: OperationResult = { ok: true, ModifyIndex: 0 };
