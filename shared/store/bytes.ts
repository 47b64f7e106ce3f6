import { RaftLiteError } from "../errors.ts";

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

const FIRST_CAPACITY = 4096;
/** Memory that was needed once for something large is not kept for ever. */
const LARGEST_KEPT = 256 * 1024;

/** Short byte strings lie side by side: memory for each alone costs more, to make and to collect, than its bytes do. */
const SHARED_BYTES = 16 * 1024;
const LONGEST_SHARED = 1024;
let shared = new Uint8Array(SHARED_BYTES);
let sharedLength = 0;

function copyOf(bytes: Uint8Array<ArrayBuffer>, start: number, end: number): Uint8Array<ArrayBuffer> {
  const length = end - start;
  if (length > LONGEST_SHARED) return bytes.slice(start, end);
  if (length > SHARED_BYTES - sharedLength) {
    shared = new Uint8Array(SHARED_BYTES);
    sharedLength = 0;
  }
  const copy = shared.subarray(sharedLength, sharedLength + length);
  copy.set(bytes.subarray(start, end));
  sharedLength += length;
  return copy;
}

/**
 * Writes a whole number from 0 to 2^53-1, seven bits a byte, lowest first: eight bytes at most, for which there must be
 * room. Returns where the next byte goes.
 */
export function putVarint(bytes: Uint8Array, at: number, value: number): number {
  let end = at;
  let rest = value;
  for (; rest >= 2 ** 31; rest = Math.floor(rest / 0x80)) bytes[end++] = (rest % 0x80) | 0x80;
  for (; rest >= 0x80; rest >>>= 7) bytes[end++] = (rest & 0x7f) | 0x80;
  bytes[end++] = rest;
  return end;
}

/** Builds byte strings of bytes, LEB128 varints and length-prefixed bytes, one after the other in the same memory. */
export class ByteWriter {
  #bytes = new Uint8Array(FIRST_CAPACITY);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** Room for `more` bytes. Needed where many small things together are known to be long: memory grows once then. */
  reserve(more: number): void {
    if (this.#length + more <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(2 * this.#bytes.length, this.#length + more));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
  }

  byte(value: number): void {
    this.reserve(1);
    this.#bytes[this.#length++] = value;
  }

  /** As `putVarint`. */
  varint(value: number): void {
    this.reserve(8);
    this.#length = putVarint(this.#bytes, this.#length, value);
  }

  /** The length, then the bytes: `length` of them, from `offset`. */
  sized(bytes: Uint8Array, offset = 0, length = bytes.length - offset): void {
    this.varint(length);
    this.reserve(length);
    const own = this.#bytes;
    // A call costs more than a few bytes do: most keys are short.
    if (length <= 32) for (let at = 0; at < length; at++) own[this.#length + at] = bytes[offset + at]!;
    else own.set(length === bytes.length ? bytes : bytes.subarray(offset, offset + length), this.#length);
    this.#length += length;
  }

  /** The same of the UTF-8 of well-formed text, which is written in place. */
  sizedText(text: string): void {
    this.reserve(8 + 3 * text.length);
    const start = this.#length;
    // As long as the text is ASCII the number of its bytes is known beforehand.
    this.varint(text.length);
    const { written } = encoder.encodeInto(text, this.#bytes.subarray(this.#length));
    if (written !== text.length) this.#lengthen(start, written);
    this.#length += written;
  }

  /** Leaves out `length` bytes, for what is known only later: `rewind` goes back to them. */
  skip(length: number): void {
    this.reserve(length);
    this.#length += length;
  }

  /** Writes on from byte `at`; what lies behind it stays until it is written over. */
  rewind(at: number): void {
    this.#length = at;
  }

  /** What has been written, from `start` to `end`: a copy, which may be a view of a larger buffer. Begins anew. */
  finish(start = 0, end = this.#length): Uint8Array<ArrayBuffer> {
    const finished = copyOf(this.#bytes, start, end);
    this.clear();
    return finished;
  }

  clear(): void {
    this.#length = 0;
    if (this.#bytes.length > LARGEST_KEPT) this.#bytes = new Uint8Array(FIRST_CAPACITY);
  }

  /** Writes a larger length over the one at `start`, and moves the bytes behind it to where they belong then. */
  #lengthen(start: number, length: number): void {
    const from = this.#length;
    this.#length = start;
    for (let rest = length; rest >= 0x80; rest = Math.floor(rest / 0x80)) this.#length++;
    this.#length++;
    this.#bytes.copyWithin(this.#length, from, from + length);
    this.#length = start;
    this.varint(length);
  }
}

/** Reads what a ByteWriter wrote. Throws RaftLiteError `bad-operation` 400 at whatever it cannot have written. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get atEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  byte(): number {
    const byte = this.#bytes[this.#at++];
    if (byte === undefined) throw malformed("ends too early");
    return byte;
  }

  varint(): number {
    const first = this.byte();
    if (first < 0x80) return first;
    let value = first & 0x7f;
    for (let scale = 0x80; ; scale *= 0x80) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (!Number.isSafeInteger(value)) throw malformed("holds a number beyond 2^53-1");
      if (byte >= 0x80) continue;
      if (byte === 0) throw malformed("holds a number in more bytes than it needs");
      return value;
    }
  }

  /** Passes over `length` bytes; returns where they begin. */
  skip(length: number): number {
    const offset = this.#at;
    if (length > this.#bytes.length - offset) throw malformed("ends too early");
    this.#at += length;
    return offset;
  }
}

/** The key in `length` bytes from `offset`. Throws as a ByteReader does. */
export function decodeKey(bytes: Uint8Array, offset = 0, length = bytes.length - offset): string {
  const units = UNITS[length];
  if (units !== undefined) {
    let all = 0;
    for (let at = 0; at < length; at++) {
      const unit = bytes[offset + at]!;
      units[at] = unit;
      all |= unit;
    }
    // In one piece: of a text that was put together, engines make another one before it is hashed or compared.
    if (all < 0x80) return String.fromCharCode(...units);
  }
  try {
    return decoder.decode(bytes.subarray(offset, offset + length));
  } catch {
    throw malformed("holds a key that is not UTF-8");
  }
}

/** Most keys are short, and ASCII: a decoder takes twice as long to be called as they take to be read. */
const LONGEST_BY_HAND = 48;
/** Room for the code units of texts, by their length. */
const UNITS: number[][] = Array.from({ length: LONGEST_BY_HAND + 1 }, (_, length) =>
  Array.from({ length }, () => 0),
);

function malformed(what: string): RaftLiteError {
  return new RaftLiteError("bad-operation", `the list of operations ${what}`, { status: 400 });
}
