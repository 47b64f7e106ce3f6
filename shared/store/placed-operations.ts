import { ByteReader, decodeKey } from "./bytes.ts";
import { KeyPlaces } from "./key-places.ts";
import {
  ATOMIC,
  badOperation,
  checkCount,
  checkEncodedKeyOf,
  checkNumbers,
  DELETE,
  HAS_CAS,
  MAX_OPERATIONS,
  PUT,
  RECURSE,
} from "./operation-rules.ts";
import type { Batch, Operation } from "./operations.ts";

const NO_CAS = -1;

/**
 * The operations of one entry, read from its bytes, field by field by their positions: an object for each would be gone
 * again in a moment, a hundred thousand times a second. Keys and values are places in the bytes.
 */
export class PlacedOperations {
  atomic = false;
  /** Whether any has a cas. */
  hasCas = false;
  readonly keys = new KeyPlaces(MAX_OPERATIONS);
  /** PUT, DELETE, or DELETE | RECURSE. */
  readonly #kinds = new Uint8Array(MAX_OPERATIONS);
  readonly #cas = new Float64Array(MAX_OPERATIONS);
  readonly flags = new Float64Array(MAX_OPERATIONS);
  readonly valueOffsets = new Int32Array(MAX_OPERATIONS);
  readonly valueLengths = new Int32Array(MAX_OPERATIONS);

  get length(): number {
    return this.keys.length;
  }

  isPut(position: number): boolean {
    return this.#kinds[position] === PUT;
  }

  isRecursive(position: number): boolean {
    return this.#kinds[position] === (DELETE | RECURSE);
  }

  /** null: in any case. */
  cas(position: number): number | null {
    const cas = this.#cas[position]!;
    return cas === NO_CAS ? null : cas;
  }

  /**
   * Reads what `encodeOperations` has written, in place of what was here. Keys that are no UTF-8 are refused with
   * `decodesKeys` only. Throws as `decodeOperations` does.
   */
  read(bytes: Uint8Array, decodesKeys: boolean): void {
    const reader = new ByteReader(bytes);
    const flags = reader.byte();
    const count = reader.varint();
    checkCount(count);
    this.keys.clear();
    this.hasCas = false;
    for (let position = 0; position < count; position++) {
      const kind = reader.byte();
      const keyLength = reader.varint();
      const keyOffset = reader.skip(keyLength);
      if (decodesKeys) decodeKey(bytes, keyOffset, keyLength);
      this.keys.add(keyOffset, keyLength);
      this.#readRest(reader, kind, position, keyLength);
    }
    if ((flags & ~ATOMIC) !== 0 || !reader.atEnd) throw badOperation("not a list of operations");
    this.atomic = flags === ATOMIC;
  }

  #readRest(reader: ByteReader, kind: number, position: number, keyLength: number): void {
    const cas = kind & HAS_CAS ? reader.varint() : null;
    const type = kind & ~HAS_CAS;
    let flags = 0;
    let valueOffset = 0;
    let valueLength = 0;
    if (type === PUT) {
      flags = reader.varint();
      valueLength = reader.varint();
      valueOffset = reader.skip(valueLength);
    } else if (type !== DELETE && type !== (DELETE | RECURSE)) {
      throw badOperation(`operation of unknown kind ${kind}`);
    }
    const recurse = type === (DELETE | RECURSE);
    checkNumbers(cas, flags, recurse, position);
    checkEncodedKeyOf(position, keyLength, recurse);
    if (cas !== null) this.hasCas = true;
    this.#kinds[position] = type;
    this.#cas[position] = cas ?? NO_CAS;
    this.flags[position] = flags;
    this.valueOffsets[position] = valueOffset;
    this.valueLengths[position] = valueLength;
  }
}

/** Of one list at a time: nothing is awaited within. */
const decoded = new PlacedOperations();

/** The inverse of `encodeOperations`, values being views of `bytes`; accepts nothing else. Throws as it does. */
export function decodeOperations(bytes: Uint8Array): Batch {
  decoded.read(bytes, true);
  const { atomic, length, keys, flags, valueOffsets, valueLengths } = decoded;
  const operations = Array.from({ length }, (_, position): Operation => {
    const key = decodeKey(bytes, keys.offsets[position]!, keys.lengths[position]!);
    const cas = decoded.cas(position);
    if (!decoded.isPut(position)) return { type: "delete", key, recurse: decoded.isRecursive(position), cas };
    const offset = valueOffsets[position]!;
    const value = bytes.subarray(offset, offset + valueLengths[position]!);
    return { type: "put", key, value, flags: flags[position]!, cas };
  });
  return { atomic, operations };
}
