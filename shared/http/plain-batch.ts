import { RaftLiteError } from "../errors.ts";
import { OperationsWriter } from "../store/operations.ts";
import { namesOf, PlainJson } from "./plain-json.ts";

/**
 * The short way for the body of POST /v1/kv: from its bytes to those of an entry in one pass, without text, objects or
 * strings in between (docs/performance.md). What it makes is to the byte what `parseBatch` and `encodeOperations` make.
 *
 * null for whatever is not of the plain form: an unknown field or one that comes twice, base64, an escape in a string,
 * a number such as 1e3, and everything that is wrong. Those two know what to make of it, and what to say.
 */
export function encodePlainBatch(body: Uint8Array): Uint8Array<ArrayBuffer> | null {
  const operations = new OperationsWriter(body);
  try {
    return readBatch(new PlainJson(body), operations);
  } catch (error) {
    if (error instanceof RaftLiteError) return null;
    throw error;
  } finally {
    operations.abandon();
  }
}

const BATCH_FIELDS = namesOf(["ops", "atomic"]);
const OPERATION_FIELDS = namesOf(["put", "delete", "value", "flags", "cas", "recurse"]);

const COMMA = 0x2c;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

function readBatch(json: PlainJson, operations: OperationsWriter): Uint8Array<ArrayBuffer> | null {
  let hasOps = false;
  let atomic: boolean | null = null;
  if (!json.token(OPEN_OBJECT)) return null;
  do {
    const name = json.name(BATCH_FIELDS);
    if (name === "ops" && !hasOps) {
      if (!readOperations(json, operations)) return null;
      hasOps = true;
    } else if (name === "atomic" && atomic === null) {
      atomic = json.boolean();
      if (atomic === null) return null;
    } else return null;
  } while (json.token(COMMA));
  if (!json.token(CLOSE_OBJECT) || !json.end() || !json.isUtf8()) return null;
  return operations.finish(atomic === true);
}

function readOperations(json: PlainJson, operations: OperationsWriter): boolean {
  if (!json.token(OPEN_ARRAY)) return false;
  do {
    if (!readOperation(json, operations)) return false;
  } while (json.token(COMMA));
  return json.token(CLOSE_ARRAY);
}

function readOperation(json: PlainJson, operations: OperationsWriter): boolean {
  let type: "put" | "delete" | null = null;
  let keyAt = 0;
  let keyLength = 0;
  let valueAt: number | null = null;
  let valueLength = 0;
  let flags: number | null = null;
  let cas: number | null = null;
  let recurse: boolean | null = null;
  if (!json.token(OPEN_OBJECT)) return false;
  do {
    const name = json.name(OPERATION_FIELDS);
    switch (name) {
      case "put":
      case "delete":
        if (type !== null || !json.text()) return false;
        type = name;
        keyAt = json.textAt;
        keyLength = json.textLength;
        break;
      case "value":
        if (valueAt !== null || !json.text()) return false;
        valueAt = json.textAt;
        valueLength = json.textLength;
        break;
      case "flags":
        if (flags !== null) return false;
        flags = json.number();
        if (flags === null) return false;
        break;
      case "cas":
        if (cas !== null) return false;
        cas = json.number();
        if (cas === null) return false;
        break;
      case "recurse":
        if (recurse !== null) return false;
        recurse = json.boolean();
        if (recurse === null) return false;
        break;
      default:
        return false;
    }
  } while (json.token(COMMA));
  if (type === "put") {
    if (valueAt === null || recurse !== null) return false;
    operations.put(keyAt, keyLength, cas, flags ?? 0, valueAt, valueLength);
  } else if (type === "delete") {
    if (valueAt !== null || flags !== null) return false;
    operations.delete(keyAt, keyLength, cas, recurse === true);
  } else return false;
  return json.token(CLOSE_OBJECT);
}
