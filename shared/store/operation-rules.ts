import { RaftLiteError } from "../errors.ts";
import { checkEncodedKey } from "./keys.ts";

/** What holds for a list of operations wherever it is written or read; the layout is at `encodeOperations`. */

/** Operations one entry may carry. */
export const MAX_OPERATIONS = 4096;

/** Flags of the list. */
export const ATOMIC = 1;
/** Kinds of operations, and what may be added to them. */
export const PUT = 1;
export const DELETE = 2;
export const HAS_CAS = 0x10;
export const RECURSE = 0x20;

export function checkCount(count: number): void {
  if (count < 1) throw badOperation("there are no operations");
  if (count > MAX_OPERATIONS) throw badOperation(`there are more than ${MAX_OPERATIONS} operations`);
}

export function checkNumbers(cas: number | null, flags: number, recurse: boolean, position: number): void {
  if (cas !== null && !isIndex(cas)) {
    throw badOperation("cas is not a whole number from 0 to 2^53-1", position);
  }
  if (recurse && cas !== null) throw badOperation("cas and recurse cannot stand in one operation", position);
  if (!isIndex(flags)) throw badOperation("flags is not a whole number from 0 to 2^53-1", position);
}

export function checkEncodedKeyOf(position: number, length: number, mayBeEmpty: boolean): void {
  try {
    checkEncodedKey(length, mayBeEmpty);
  } catch (error) {
    throw placed(error, position);
  }
}

/** What was refused is said of the operation at `position`. */
export function placed(error: unknown, position: number): unknown {
  if (!(error instanceof RaftLiteError)) return error;
  return new RaftLiteError(error.code, `operation ${position}: ${error.message}`, {
    status: error.status,
    details: { operation: position },
  });
}

function isIndex(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

export function badOperation(what: string, position?: number): RaftLiteError {
  if (position === undefined) return new RaftLiteError("bad-operation", what, { status: 400 });
  const details = { operation: position };
  return new RaftLiteError("bad-operation", `operation ${position}: ${what}`, { status: 400, details });
}
