import { RaftLiteError } from "../errors.ts";
import { TEXT_SCHEMA } from "../storage/entry.ts";
import type { Operation } from "./operations.ts";
import { OPERATIONS_SCHEMA } from "./operations.ts";
import { decodeOperations } from "./placed-operations.ts";

const decoder = new TextDecoder();

/** One line for people, as /status and the log lines show an entry. Control characters stay in. Never throws. */
export function describeCommand(schema: number, bytes: Uint8Array): string {
  if (schema === TEXT_SCHEMA) return decoder.decode(bytes);
  if (schema !== OPERATIONS_SCHEMA) return `SCHEMA ${schema} (${bytes.length} bytes)`;
  try {
    const { operations } = decodeOperations(bytes);
    return operations.length === 1 ? describe(operations[0]!) : `BATCH ${operations.length} operations`;
  } catch (error) {
    if (error instanceof RaftLiteError) return `MALFORMED (${bytes.length} bytes)`;
    throw error;
  }
}

function describe(operation: Operation): string {
  if (operation.type === "put") return `PUT ${operation.key} (${operation.value.length} bytes)`;
  return operation.recurse ? `DELETE ${operation.key} (recurse)` : `DELETE ${operation.key}`;
}
