import type { KeySpace } from "./key-space.ts";
import { isPresent, modifyIndex } from "./key-space.ts";
import type { PlacedOperation } from "./operations.ts";
import { isRecursive, placeOperations } from "./operations.ts";
import type { BatchResult, OperationResult } from "./results.ts";

/**
 * Applies a list of operations, the body of entry `revision`, one after the other. Throws as `decodeOperations` does,
 * before it changes anything.
 */
export function applyOperations(space: KeySpace, revision: number, body: Uint8Array): BatchResult {
  const { atomic, operations } = placeOperations(body);
  // Nothing but a `cas` that does not hold is ever refused.
  if (atomic && operations.some(({ cas }) => cas !== null)) space.keepForRollback();
  const done: OperationResult = { ok: true, ModifyIndex: revision };
  let refused = 0;
  const results = operations.map((operation) => {
    const result = stage(space, revision, body, operation, done);
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
      const ModifyIndex = isRecursive(operation) ? 0 : modifyIndex(space.find(operation.key));
      return { ok: false, ModifyIndex, code };
    }),
  };
}

/** Returns `done` when there was something to do, and it is done. */
function stage(
  space: KeySpace,
  revision: number,
  body: Uint8Array,
  operation: PlacedOperation,
  done: OperationResult,
): OperationResult {
  if (isRecursive(operation)) {
    const records = space.findUnder(operation.key);
    for (const record of records) space.delete(revision, record);
    return records.length === 0 ? NOTHING_THERE : done;
  }
  const record = space.find(operation.key);
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

const NOTHING_THERE: OperationResult = { ok: true, ModifyIndex: 0 };
