import type { KeySpace } from "./key-space.ts";
import { isPresent, modifyIndex } from "./key-space.ts";
import type { PlacedOperation } from "./operations.ts";
import { decodeOperations } from "./operations.ts";
import type { BatchResult, OperationResult } from "./results.ts";

/**
 * Applies a list of operations, the body of entry `revision`, one after the other. Throws as `decodeOperations` does,
 * before it changes anything.
 */
export function applyOperations(space: KeySpace, revision: number, body: Uint8Array): BatchResult {
  const { atomic, operations } = decodeOperations(body);
  const results = operations.map((operation) => stage(space, revision, operation));
  if (!atomic || results.every(({ ok }) => ok)) {
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

function stage(space: KeySpace, revision: number, operation: PlacedOperation): OperationResult {
  if (isRecursive(operation)) {
    const slots = space.findUnder(operation.key);
    for (const slot of slots) space.delete(revision, slot);
    return { ok: true, ModifyIndex: slots.length === 0 ? 0 : revision };
  }
  const slot = space.find(operation.key);
  // Nothing to delete is a success whatever `cas` says, as in Consul.
  if (operation.type === "delete" && !isPresent(slot)) return { ok: true, ModifyIndex: 0 };
  if (operation.cas !== null && operation.cas !== modifyIndex(slot)) {
    return { ok: false, ModifyIndex: modifyIndex(slot), code: "cas-failed" };
  }
  if (operation.type === "delete") space.delete(revision, slot);
  else space.put(revision, slot, operation.value, operation.valueOffset, operation.flags);
  return { ok: true, ModifyIndex: revision };
}

function isRecursive(operation: PlacedOperation): boolean {
  return operation.type === "delete" && operation.recurse;
}
