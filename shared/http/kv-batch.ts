import { fromBase64 } from "../base64.ts";
import { RaftLiteError } from "../errors.ts";
import type { Batch, Operation, TextPut } from "../store/operations.ts";
import { kindOf, parseObject } from "./json.ts";

const EXAMPLE = '{"ops":[{"put":"x","value":"5"},{"delete":"y"}]}';

type ReadOperation = Operation | TextPut;
type Fields = Readonly<Record<string, unknown>>;

/**
 * Reads the body of POST /v1/kv. Throws `bad-json` and `bad-field` 400; of an operation's own faults `details.operation`
 * is its position, from 0. What keys, numbers and counts may be is for `encodeOperations` to judge.
 */
export function parseBatch(text: string): Batch<ReadOperation> {
  const body = parseObject(text, EXAMPLE);
  const { ops, atomic } = body;
  if (ops === undefined) throw bad(`the field "ops" is missing; send e.g. ${EXAMPLE}`);
  if (!Array.isArray(ops)) throw bad(`the field "ops" must be an array, not ${kindOf(ops)}`);
  if (atomic !== undefined && typeof atomic !== "boolean") {
    throw bad(`the field "atomic" must be true or false, not ${kindOf(atomic)}`);
  }
  return { atomic: atomic === true, operations: ops.map(parseOperation) };
}

function parseOperation(op: unknown, position: number): ReadOperation {
  if (typeof op !== "object" || op === null || Array.isArray(op)) {
    throw bad(`operation ${position} must be an object, not ${kindOf(op)}; send e.g. ${EXAMPLE}`, position);
  }
  const fields = op as Fields;
  const isPut = fields.put !== undefined;
  if (isPut === (fields.delete !== undefined)) {
    const found = isPut ? "both" : "neither";
    throw bad(`operation ${position} must have one of "put" and "delete"; it has ${found}`, position);
  }
  return isPut ? parsePut(fields, position) : parseDelete(fields, position);
}

function parsePut(fields: Fields, position: number): ReadOperation {
  refuse(fields, ["recurse"], "put", position);
  const key = text(fields, "put", position);
  const cas = number(fields, "cas", position);
  const flags = number(fields, "flags", position) ?? 0;
  const own = value(fields, position);
  if (typeof own === "string") return { type: "put", key, value: own, flags, cas };
  return { type: "put", key, value: own, flags, cas };
}

function parseDelete(fields: Fields, position: number): Operation {
  refuse(fields, ["value", "base64", "flags"], "delete", position);
  const key = text(fields, "delete", position);
  const cas = number(fields, "cas", position);
  const { recurse } = fields;
  if (recurse !== undefined && typeof recurse !== "boolean") {
    throw wrongKind(position, "recurse", "true or false", recurse);
  }
  return { type: "delete", key, recurse: recurse === true, cas };
}

function value(fields: Fields, position: number): string | Uint8Array {
  const hasText = fields.value !== undefined;
  if (hasText === (fields.base64 !== undefined)) {
    const found = hasText ? "both" : "neither";
    throw bad(`operation ${position} must have one of "value" and "base64"; it has ${found}`, position);
  }
  if (hasText) {
    const own = text(fields, "value", position);
    if (own.isWellFormed()) return own;
    throw bad(`operation ${position}: "value" holds half a surrogate pair; bytes go into "base64"`, position);
  }
  const bytes = fromBase64(text(fields, "base64", position));
  if (bytes === null) throw bad(`operation ${position}: "base64" is not base64`, position);
  return bytes;
}

/** Fields that mean something elsewhere: to leave one out silently would do something else than was meant. */
function refuse(fields: Fields, names: readonly string[], type: string, position: number): void {
  for (const name of names) {
    if (fields[name] !== undefined) {
      throw bad(`operation ${position}: "${name}" does not belong to a ${type}`, position);
    }
  }
}

function text(fields: Fields, name: string, position: number): string {
  const own = fields[name];
  if (typeof own === "string") return own;
  throw wrongKind(position, name, "a string", own);
}

/** null when it is not there. Its range is judged where the operation is encoded. */
function number(fields: Fields, name: string, position: number): number | null {
  const own = fields[name];
  if (own === undefined) return null;
  if (typeof own === "number") return own;
  throw wrongKind(position, name, "a number", own);
}

function wrongKind(position: number, name: string, expected: string, found: unknown): RaftLiteError {
  return bad(`operation ${position}: "${name}" must be ${expected}, not ${kindOf(found)}`, position);
}

function bad(message: string, position?: number): RaftLiteError {
  const details = position === undefined ? {} : { operation: position };
  return new RaftLiteError("bad-field", message, { status: 400, details });
}
