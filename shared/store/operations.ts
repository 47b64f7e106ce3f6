import { RaftLiteError } from "../errors.ts";
import { ByteReader, ByteWriter, decodeKey } from "./bytes.ts";
import { checkEncodedKey, checkKey } from "./keys.ts";

/** Schema number of a list of key-value operations in binary; the layout is at `encodeOperations`. */
export const OPERATIONS_SCHEMA = 2;
/** Operations one entry may carry. */
export const MAX_OPERATIONS = 4096;

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
export interface Batch<Item = Operation> {
  /** All or none: when one is refused, none has taken place. */
  readonly atomic: boolean;
  readonly operations: readonly Item[];
}

/** A put whose value is the UTF-8 of well-formed text. */
export type TextPut = Omit<PutOperation, "value"> & { readonly value: string };

/** A put out of an entry, which knows where its value lies in the entry's bytes; with whatever stands for its key. */
export type PlacedPut<Key = string> = Omit<PutOperation, "key" | "value"> & {
  readonly key: Key;
  readonly valueOffset: number;
  readonly valueLength: number;
};
export type PlacedDelete<Key = string> = Omit<DeleteOperation, "key"> & { readonly key: Key };
export type PlacedOperation<Key = string> = PlacedPut<Key> | PlacedDelete<Key>;

const ATOMIC = 1;
const PUT = 1;
const DELETE = 2;
const HAS_CAS = 0x10;
const RECURSE = 0x20;
/** Bytes before the first operation, at most: the count takes one or two. */
const LONGEST_HEADER = 3;

/** Of one list at a time: nothing is awaited within. */
const writer = new ByteWriter();

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
export function encodeOperations(batch: Batch<Operation | TextPut>): Uint8Array {
  const { atomic, operations } = batch;
  checkCount(operations.length);
  try {
    writeHeader(atomic, operations.length);
    for (let position = 0; position < operations.length; position++) {
      writeOperation(operations[position]!, position);
    }
    return writer.finish();
  } finally {
    writer.clear();
  }
}

/**
 * Writes what `encodeOperations` returns one operation after the other. Keys and values are copied from where they lie in
 * `source`, in bytes; that a key is UTF-8 is for the caller to know.
 *
 * One batch at a time: nothing may be awaited, or written otherwise, before `finish` or `abandon`. Throws as
 * `encodeOperations` does.
 */
export class OperationsWriter {
  readonly #source: Uint8Array;
  #count = 0;

  constructor(source: Uint8Array) {
    this.#source = source;
    // What is written is about as long: memory grows once, if at all.
    writer.reserve(source.length);
    writer.skip(LONGEST_HEADER);
  }

  put(
    keyAt: number,
    keyLength: number,
    cas: number | null,
    flags: number,
    valueAt: number,
    valueLength: number,
  ): void {
    this.#begin(PUT, keyAt, keyLength, cas, flags);
    writer.varint(flags);
    writer.sized(this.#source, valueAt, valueLength);
  }

  delete(keyAt: number, keyLength: number, cas: number | null, recurse: boolean): void {
    this.#begin(recurse ? DELETE | RECURSE : DELETE, keyAt, keyLength, cas, 0);
  }

  finish(atomic: boolean): Uint8Array<ArrayBuffer> {
    checkCount(this.#count);
    const end = writer.length;
    const start = this.#count < 0x80 ? 1 : 0;
    writer.rewind(start);
    writeHeader(atomic, this.#count);
    return writer.finish(start, end);
  }

  /** Forgets what has been written; after `finish` there is nothing to forget. */
  abandon(): void {
    writer.clear();
  }

  #begin(kind: number, keyAt: number, keyLength: number, cas: number | null, flags: number): void {
    const recurse = (kind & RECURSE) !== 0;
    const position = this.#count++;
    checkNumbers(cas, flags, recurse, position);
    checkEncodedKeyOf(position, keyLength, recurse);
    writer.byte(cas === null ? kind : kind | HAS_CAS);
    writer.sized(this.#source, keyAt, keyLength);
    if (cas !== null) writer.varint(cas);
  }
}

function writeHeader(atomic: boolean, count: number): void {
  writer.byte(atomic ? ATOMIC : 0);
  writer.varint(count);
}

function writeOperation(operation: Operation | TextPut, position: number): void {
  const { type, key, cas } = operation;
  checkNumbers(cas, type === "put" ? operation.flags : 0, isRecursive(operation), position);
  try {
    checkKey(key, isRecursive(operation));
  } catch (error) {
    throw placed(error, position);
  }
  const kind = type === "put" ? PUT : operation.recurse ? DELETE | RECURSE : DELETE;
  writer.byte(cas === null ? kind : kind | HAS_CAS);
  writer.sizedText(key);
  if (cas !== null) writer.varint(cas);
  if (type === "delete") return;
  writer.varint(operation.flags);
  if (typeof operation.value === "string") writer.sizedText(operation.value);
  else writer.sized(operation.value);
}

/** The inverse of `encodeOperations`, values being views of `bytes`; accepts nothing else. Throws as it does. */
export function decodeOperations(bytes: Uint8Array): Batch {
  const { atomic, operations } = placeOperations(bytes, decodeKey);
  return {
    atomic,
    operations: operations.map((operation) => {
      if (operation.type === "delete") return operation;
      const { valueOffset, valueLength, ...rest } = operation;
      return { ...rest, value: bytes.subarray(valueOffset, valueOffset + valueLength) };
    }),
  };
}

/**
 * The same, with the places of values in `bytes` instead of the values, and for keys what `keyAt` makes of theirs, which
 * may be too long or no UTF-8.
 */
export function placeOperations<Key>(
  bytes: Uint8Array,
  keyAt: (bytes: Uint8Array, offset: number, length: number) => Key,
): Batch<PlacedOperation<Key>> {
  const reader = new ByteReader(bytes);
  const flags = reader.byte();
  const count = reader.varint();
  checkCount(count);
  const operations: PlacedOperation<Key>[] = [];
  for (let position = 0; position < count; position++) {
    const kind = reader.byte();
    const keyLength = reader.varint();
    const key = keyAt(bytes, reader.skip(keyLength), keyLength);
    operations.push(readOperation(reader, kind, key, keyLength, position));
  }
  if ((flags & ~ATOMIC) !== 0 || !reader.atEnd) throw badOperation("not a list of operations");
  return { atomic: flags === ATOMIC, operations };
}

export function isRecursive(operation: {
  readonly type: "put" | "delete";
  readonly recurse?: boolean;
}): boolean {
  return operation.type === "delete" && operation.recurse === true;
}

function readOperation<Key>(
  reader: ByteReader,
  kind: number,
  key: Key,
  keyLength: number,
  position: number,
): PlacedOperation<Key> {
  const cas = kind & HAS_CAS ? reader.varint() : null;
  const operation = readRest(reader, kind, key, cas);
  const recurse = isRecursive(operation);
  checkNumbers(cas, operation.type === "put" ? operation.flags : 0, recurse, position);
  checkEncodedKeyOf(position, keyLength, recurse);
  return operation;
}

function readRest<Key>(reader: ByteReader, kind: number, key: Key, cas: number | null): PlacedOperation<Key> {
  switch (kind & ~HAS_CAS) {
    case PUT: {
      const flags = reader.varint();
      const valueLength = reader.varint();
      return { type: "put", key, flags, cas, valueOffset: reader.skip(valueLength), valueLength };
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

function checkNumbers(cas: number | null, flags: number, recurse: boolean, position: number): void {
  if (cas !== null && !isIndex(cas)) {
    throw badOperation("cas is not a whole number from 0 to 2^53-1", position);
  }
  if (recurse && cas !== null) throw badOperation("cas and recurse cannot stand in one operation", position);
  if (!isIndex(flags)) throw badOperation("flags is not a whole number from 0 to 2^53-1", position);
}

function checkEncodedKeyOf(position: number, length: number, mayBeEmpty: boolean): void {
  try {
    checkEncodedKey(length, mayBeEmpty);
  } catch (error) {
    throw placed(error, position);
  }
}

/** What was refused is said of the operation at `position`. */
function placed(error: unknown, position: number): unknown {
  if (!(error instanceof RaftLiteError)) return error;
  return new RaftLiteError(error.code, `operation ${position}: ${error.message}`, {
    status: error.status,
    details: { operation: position },
  });
}

function isIndex(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

function badOperation(what: string, position?: number): RaftLiteError {
  if (position === undefined) return new RaftLiteError("bad-operation", what, { status: 400 });
  const details = { operation: position };
  return new RaftLiteError("bad-operation", `operation ${position}: ${what}`, { status: 400, details });
}
