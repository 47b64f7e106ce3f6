import { decodeKey } from "./bytes.ts";
import type { Change, KeyState, KeyValue } from "./key-state.ts";
import type { KeyPlace } from "./keys.ts";
import { encodeKey } from "./keys.ts";

/** What a record was before an entry changed it. */
export interface SavedRecord {
  readonly record: KeyRecord;
  readonly fields: RecordFields;
}

type RecordFields = Pick<
  KeyRecord,
  | "revision"
  | "previousRevision"
  | "createRevision"
  | "version"
  | "valueOffset"
  | "valueLength"
  | "flags"
  | "body"
  | "keys"
  | "keyOffset"
  | "isDirty"
  | "generation"
>;

/** A key in memory, with its newest state, which is changed in place. One that never was has revision 0. */
export class KeyRecord implements Change, KeyPlace {
  readonly key: string;
  keys: Uint8Array;
  keyOffset = 0;
  readonly keyLength: number;
  revision = 0;
  previousRevision = 0;
  createRevision = 0;
  version = 0;
  valueOffset = 0;
  valueLength = 0;
  flags = 0;
  /** Of the entry `revision`, as long as the change is not in the tables; then the value is read from there. */
  body: Uint8Array | null = null;
  /** The table of keys has yet to hear of this state. */
  isDirty = false;
  /** The generation of the cache that holds this record; 0: none has. */
  generation = 0;

  /** Throws as `encodeKey` does. */
  static named(key: string): KeyRecord {
    const keyBytes = onHeap(encodeKey(key));
    // A part of a text, as a command's key is, would keep the whole of it in memory, its value included.
    return new KeyRecord(decodeKey(keyBytes), keyBytes);
  }

  constructor(key: string, keyBytes: Uint8Array) {
    this.key = key;
    this.keys = keyBytes;
    this.keyLength = keyBytes.length;
  }

  /** A view. */
  get keyBytes(): Uint8Array {
    return this.keys.subarray(this.keyOffset, this.keyOffset + this.keyLength);
  }

  static of(state: KeyState): KeyRecord {
    const record = new KeyRecord(state.key, state.keyBytes);
    record.take(state);
    return record;
  }

  /** Takes over a state of the tables. */
  take(state: KeyState): void {
    this.revision = state.revision;
    this.createRevision = state.createRevision;
    this.version = state.version;
    this.valueOffset = state.valueOffset;
    this.valueLength = state.valueLength;
    this.flags = state.flags;
    this.body = null;
  }

  /** The present state by itself: with its value when that is in memory. */
  snapshot(): KeyState | KeyValue {
    const { key, keyBytes, revision, createRevision, version, valueOffset, valueLength, flags, body } = this;
    const state = { key, keyBytes, revision, createRevision, version, valueOffset, valueLength, flags };
    if (body === null) return state;
    return { ...state, value: body.subarray(valueOffset, valueOffset + valueLength) };
  }

  save(): SavedRecord {
    const { revision, previousRevision, createRevision, version, valueOffset, valueLength } = this;
    const { flags, body, keys, keyOffset, isDirty, generation } = this;
    const numbers = { revision, previousRevision, createRevision, version, valueOffset, valueLength };
    return { record: this, fields: { ...numbers, flags, body, keys, keyOffset, isDirty, generation } };
  }

  restore(fields: RecordFields): void {
    Object.assign(this, fields);
  }
}

/** Engines keep small arrays that they have made themselves beside other objects, which costs a fraction. */
function onHeap(bytes: Uint8Array): Uint8Array {
  const copy = new Uint8Array(bytes.length);
  copy.set(bytes);
  return copy;
}
