import { invariant } from "../errors.ts";
import { ByteReader, decodeKey, putVarint } from "./bytes.ts";
import type { Change } from "./key-state.ts";
import type { KeyPlace } from "./keys.ts";
import { MAX_KEY_BYTES } from "./keys.ts";

/** Consecutive changes, packed. */
export interface Segment {
  /** Revisions of the first change and of the last. */
  readonly first: number;
  readonly last: number;
  readonly bytes: Uint8Array;
}

/** Large enough to cost next to nothing each, and small enough to be looked through for one change. */
const SEGMENT_BYTES = 4096;
/** A key, and eight numbers of up to 2^53-1. */
const LARGEST_CHANGE = MAX_KEY_BYTES + 8 * 8;

/**
 * Packs changes, in the order in which they were made. All numbers are LEB128 varints:
 *
 *     change = revision less that of the change before (less 0 for the first), key,
 *              revision less the previous one (0: there is none), version,
 *              unless version is 0, which is a deletion: value offset, value length, revision less the create revision,
 *              flags
 *     key    = length in bytes, bytes
 */
export class SegmentWriter {
  readonly #bytes = new Uint8Array(SEGMENT_BYTES + LARGEST_CHANGE);
  #length = 0;
  #first = 0;
  #last = 0;

  get isEmpty(): boolean {
    return this.#length === 0;
  }

  /** Nothing may be added any more. */
  get isFull(): boolean {
    return this.#length >= SEGMENT_BYTES;
  }

  /** `place`: of its key, where that is known. */
  add(change: Change, place: KeyPlace = placeOf(change.keyBytes)): void {
    const { revision, previousRevision, version } = change;
    if (this.#length === 0) {
      this.#first = revision;
      this.#last = 0;
    }
    const bytes = this.#bytes;
    let end = putVarint(bytes, this.#length, revision - this.#last);
    end = putVarint(bytes, end, place.keyLength);
    end = putKey(bytes, end, place);
    end = putVarint(bytes, end, previousRevision === 0 ? 0 : revision - previousRevision);
    end = putVarint(bytes, end, version);
    if (version !== 0) {
      end = putVarint(bytes, end, change.valueOffset);
      end = putVarint(bytes, end, change.valueLength);
      end = putVarint(bytes, end, revision - change.createRevision);
      end = putVarint(bytes, end, change.flags);
    }
    this.#last = revision;
    this.#length = end;
  }

  /** What was added since the last time; there must be something. */
  finish(): Segment {
    invariant(
      this.#length <= this.#bytes.length,
      "a segment has room for its changes",
      () => `${this.#length} bytes, and room for ${this.#bytes.length}`,
    );
    const bytes = this.#bytes.slice(0, this.#length);
    this.#length = 0;
    return { first: this.#first, last: this.#last, bytes };
  }
}

/** Returns where the next byte goes. */
function putKey(bytes: Uint8Array, at: number, { keys, keyOffset, keyLength }: KeyPlace): number {
  for (let from = 0; from < keyLength; from++) bytes[at + from] = keys[keyOffset + from]!;
  return at + keyLength;
}

function placeOf(keyBytes: Uint8Array): KeyPlace {
  return { keys: keyBytes, keyOffset: 0, keyLength: keyBytes.length };
}

/** Goes through the changes of a segment, one after the other: its fields are those of the present one. */
export class SegmentReader {
  revision = 0;
  previousRevision = 0;
  version = 0;
  valueOffset = 0;
  valueLength = 0;
  createRevision = 0;
  flags = 0;
  readonly #bytes: Uint8Array;
  readonly #reader: ByteReader;
  #keyOffset = 0;
  #keyLength = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#reader = new ByteReader(bytes);
  }

  /** Goes on to the next change; false when there is none. */
  next(): boolean {
    const reader = this.#reader;
    if (reader.atEnd) return false;
    this.revision += reader.varint();
    this.#keyLength = reader.varint();
    this.#keyOffset = reader.skip(this.#keyLength);
    const back = reader.varint();
    this.previousRevision = back === 0 ? 0 : this.revision - back;
    this.version = reader.varint();
    if (this.version === 0) {
      this.valueOffset = this.valueLength = this.createRevision = this.flags = 0;
      return true;
    }
    this.valueOffset = reader.varint();
    this.valueLength = reader.varint();
    this.createRevision = this.revision - reader.varint();
    this.flags = reader.varint();
    return true;
  }

  /** Whether the key begins with `prefix`. */
  isUnder(prefix: Uint8Array): boolean {
    if (prefix.length > this.#keyLength) return false;
    for (let at = 0; at < prefix.length; at++) {
      if (this.#bytes[this.#keyOffset + at] !== prefix[at]) return false;
    }
    return true;
  }

  /** A view. */
  get keyBytes(): Uint8Array {
    return this.#bytes.subarray(this.#keyOffset, this.#keyOffset + this.#keyLength);
  }

  get key(): string {
    return decodeKey(this.keyBytes);
  }

  change(): Change {
    const keyBytes = this.keyBytes.slice();
    const { revision, previousRevision, version, valueOffset, valueLength, createRevision, flags } = this;
    invariant(
      previousRevision < revision && createRevision <= revision,
      "changes are chained backwards",
      () => `revision ${revision}: previous ${previousRevision}, created ${createRevision}`,
    );
    const state = { revision, version, valueOffset, valueLength, createRevision, flags };
    return { key: decodeKey(keyBytes), keyBytes, previousRevision, ...state };
  }
}
