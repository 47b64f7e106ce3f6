import { ByteWriter } from "./bytes.ts";
import { checkKey } from "./keys.ts";
import {
  ATOMIC,
  checkCount,
  checkEncodedKeyOf,
  checkNumbers,
  DELETE,
  HAS_CAS,
  PUT,
  placed,
  RECURSE,
} from "./operation-rules.ts";

/** Schema number of a list of key-value operations in binary; the layout is at `encodeOperations`. */
export const OPERATIONS_SCHEMA = 2;

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

function isRecursive(operation: { readonly type: "put" | "delete"; readonly recurse?: boolean }): boolean {
  return operation.type === "delete" && operation.recurse === true;
}
