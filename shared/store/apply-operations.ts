import { KeyPlaces } from "./key-places.ts";
import type { KeyRecord } from "./key-record.ts";
import type { KeySpace } from "./key-space.ts";
import { isPresent, modifyIndex } from "./key-space.ts";
import type { Batch, PlacedOperation } from "./operations.ts";
import { decodeOperations, isRecursive, MAX_OPERATIONS, placeOperations } from "./operations.ts";
import type { BatchResult, OperationResult } from "./results.ts";

/** Of one list at a time: nothing is awaited within. */
const places = new KeyPlaces(MAX_OPERATIONS);

/**
 * Applies a list of operations, the body of entry `revision`, one after the other. Throws as `decodeOperations` does,
 * before it changes anything.
 */
export function applyOperations(space: KeySpace, revision: number, body: Uint8Array): BatchResult {
  const { atomic, operations } = placeIn(body);
  const keys = space.locate(body, places);
  // Nothing but a `cas` that does not hold is ever refused.
  if (atomic && operations.some(({ cas }) => cas !== null)) space.keepForRollback();
  const done: OperationResult = { ok: true, ModifyIndex: revision };
  let refused = 0;
  const results = operations.map((operation) => {
    const result = stage(space, revision, body, operation, keys[operation.key]!, done);
    if (!result.ok) refused++;
    return result;
  });
  if (!atomic || refused === 0) {
    space.commit(revision);
    return { ok: true, results };
  }
  space.rollback();
  return {
    ok: false,
    results: results.map(({ code = "rolled-back" }, position) => {
      const operation = operations[position]!;
      // What counts for the next try is what is there now, not what was there for a moment within the batch.
      const ModifyIndex = isRecursive(operation) ? 0 : modifyIndex(recordOf(space, keys[position]!));
      return { ok: false, ModifyIndex, code };
    }),
  };
}

/** The operations, each with the position of its key's place in `places`. */
function placeIn(body: Uint8Array): Batch<PlacedOperation<number>> {
  places.clear();
  try {
    return placeOperations(body, (_, offset, length) => places.add(offset, length));
  } catch (error) {
    // Of several things that are wrong the first is said, and that may be a key.
    decodeOperations(body);
    throw error;
  }
}

/** Returns `done` when there was something to do, and it is done. */
function stage(
  space: KeySpace,
  revision: number,
  body: Uint8Array,
  operation: PlacedOperation<number>,
  key: KeyRecord | string,
  done: OperationResult,
): OperationResult {
  if (isRecursive(operation)) {
    const records = space.findUnder(typeof key === "string" ? key : key.key);
    for (const record of records) space.delete(revision, record);
    return records.length === 0 ? NOTHING_THERE : done;
  }
  const record = recordOf(space, key);
  // Nothing to delete is a success whatever `cas` says, as in Consul.
  if (operation.type === "delete" && !isPresent(record)) return NOTHING_THERE;
  if (operation.cas !== null && operation.cas !== modifyIndex(record)) {
    return { ok: false, ModifyIndex: modifyIndex(record), code: "cas-failed" };
  }
  if (operation.type === "delete") space.delete(revision, record);
  else {
    const { valueOffset, valueLength, flags } = operation;
    space.put(revision, record, body, valueOffset, valueLength, flags);
  }
  return done;
}

function recordOf(space: KeySpace, key: KeyRecord | string): KeyRecord {
  return typeof key === "string" ? space.find(key) : key;
}

const NOTHING_THERE: OperationResult = { ok: true, ModifyIndex: 0 };
