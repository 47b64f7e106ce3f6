import { RaftLiteError } from "../errors.ts";
import { ByteReader, ByteWriter, decodeKey } from "./bytes.ts";
import { checkEncodedKey, encodeKey } from "./keys.ts";

/** Schema number of a list of key-value operations in binary; the layout is at `encodeOperations`. */
export const OPERATIONS_SCHEMA = 2;
/** Operations one entry may carry. */
const MAX_OPERATIONS = 4096;

export interface PutOperation {
  readonly type: "put";
  readonly key: string;
  readonly value: Uint8Array;
  /** The client's own number, kept with the value: 0 to 2^53-1. */
  readonly flags: number;
  /** Put only if the key's ModifyIndex is this; 0: only if it is absent. null: in any case. */
  readonly cas: number | null;
}

export interface DeleteOperation {
  readonly type: "delete";
  /** With `recurse` a prefix, which may be empty. */
  readonly key: string;
  readonly recurse: boolean;
  /** Delete only if the key's ModifyIndex is this. As in Consul an absent key is a success, and 0 deletes nothing. */
  readonly cas: number | null;
}

export type Operation = PutOperation | DeleteOperation;

/** Operations of one entry, in their order: each sees what the ones before it did. */
export interface Batch<Item extends Operation = Operation> {
  /** All or none: when one is refused, none has taken place. */
  readonly atomic: boolean;
  readonly operations: readonly Item[];
}

/** An operation out of an entry: a value is a view of the entry's bytes, and it is known where it lies in them. */
export type PlacedOperation = (PutOperation & { readonly valueOffset: number }) | DeleteOperation;

const ATOMIC = 1;
const PUT = 1;
const DELETE = 2;
const HAS_CAS = 0x10;
const RECURSE = 0x20;

/**
 * The bytes of a batch: flags and kinds are single bytes, other numbers LEB128 varints in their shortest form.
 *
 *     batch     = flags (bit 0: atomic; others 0), count, operation …
 *     operation = kind, key, [cas if kind has bit 4], put: flags, value
 *     kind      = 1 put | 2 delete, bit 4: has cas, bit 5: recurse (delete only)
 *     key, value = length in bytes, bytes
 *
 * Throws RaftLiteError `bad-operation` 400, `bad-key` 400, `key-too-large` 413; `details.operation` is the position
 * of the bad one.
 */
export function encodeOperations(batch: Batch): Uint8Array {
  checkCount(batch.operations.length);
  const writer = new ByteWriter();
  writer.byte(batch.atomic ? ATOMIC : 0);
  writer.varint(batch.operations.length);
  batch.operations.forEach((operation, position) => {
    const key = checkOperation(operation, position);
    const kind = operation.type === "put" ? PUT : operation.recurse ? DELETE | RECURSE : DELETE;
    writer.byte(operation.cas === null ? kind : kind | HAS_CAS);
    writer.sized(key);
    if (operation.cas !== null) writer.varint(operation.cas);
    if (operation.type === "put") {
      writer.varint(operation.flags);
      writer.sized(operation.value);
    }
  });
  return writer.finish();
}

/** The inverse of `encodeOperations`; accepts nothing else. Throws as it does. */
export function decodeOperations(bytes: Uint8Array): Batch<PlacedOperation> {
  const reader = new ByteReader(bytes);
  const flags = reader.byte();
  const count = reader.varint();
  checkCount(count);
  const operations: PlacedOperation[] = [];
  for (let position = 0; position < count; position++) {
    operations.push(readOperation(reader, position));
  }
  if ((flags & ~ATOMIC) !== 0 || !reader.atEnd) throw badOperation("not a list of operations");
  return { atomic: flags === ATOMIC, operations };
}

function readOperation(reader: ByteReader, position: number): PlacedOperation {
  const kind = reader.byte();
  const { bytes: keyBytes } = reader.sized();
  const key = decodeKey(keyBytes);
  const cas = kind & HAS_CAS ? reader.varint() : null;
  const operation = readRest(reader, kind, key, cas);
  checkNumbers(operation, position);
  placed(position, () => checkEncodedKey(keyBytes, operation.type === "delete" && operation.recurse));
  return operation;
}

function readRest(reader: ByteReader, kind: number, key: string, cas: number | null): PlacedOperation {
  switch (kind & ~HAS_CAS) {
    case PUT: {
      const flags = reader.varint();
      const { bytes: value, offset: valueOffset } = reader.sized();
      return { type: "put", key, value, flags, cas, valueOffset };
    }
    case DELETE:
      return { type: "delete", key, recurse: false, cas };
    case DELETE | RECURSE:
      return { type: "delete", key, recurse: true, cas };
    default:
      throw badOperation(`operation of unknown kind ${kind}`);
  }
}

function checkCount(count: number): void {
  if (count < 1) throw badOperation("there are no operations");
  if (count > MAX_OPERATIONS) throw badOperation(`there are more than ${MAX_OPERATIONS} operations`);
}

/** Returns the UTF-8 of the operation's key. */
function checkOperation(operation: Operation, position: number): Uint8Array {
  checkNumbers(operation, position);
  return placed(position, () => encodeKey(operation.key, operation.type === "delete" && operation.recurse));
}

function checkNumbers(operation: Operation, position: number): void {
  const recurse = operation.type === "delete" && operation.recurse;
  if (operation.cas !== null && !isIndex(operation.cas)) {
    throw badOperation("cas is not a whole number from 0 to 2^53-1", position);
  }
  if (recurse && operation.cas !== null) {
    throw badOperation("cas and recurse cannot stand in one operation", position);
  }
  if (operation.type === "put" && !isIndex(operation.flags)) {
    throw badOperation("flags is not a whole number from 0 to 2^53-1", position);
  }
}

/** What `check` refuses is said of the operation at `position`. */
function placed<Result>(position: number, check: () => Result): Result {
  try {
    return check();
  } catch (error) {
    if (!(error instanceof RaftLiteError)) throw error;
    throw new RaftLiteError(error.code, `operation ${position}: ${error.message}`, {
      status: error.status,
      details: { operation: position },
    });
  }
}

function isIndex(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

function badOperation(what: string, position?: number): RaftLiteError {
  if (position === undefined) return new RaftLiteError("bad-operation", what, { status: 400 });
  const details = { operation: position };
  return new RaftLiteError("bad-operation", `operation ${position}: ${what}`, { status: 400, details });
}
