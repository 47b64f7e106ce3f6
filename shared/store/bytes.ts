import { RaftLiteError } from "../errors.ts";

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

const FIRST_CAPACITY = 4096;
/** Memory that was needed once for something large is not kept for ever. */
const LARGEST_KEPT = 256 * 1024;

/** Builds byte strings of bytes, LEB128 varints and length-prefixed bytes, one after the other in the same memory. */
export class ByteWriter {
  #bytes = new Uint8Array(FIRST_CAPACITY);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  byte(value: number): void {
    this.#reserve(1);
    this.#bytes[this.#length++] = value;
  }

  /** A whole number from 0 to 2^53-1, seven bits a byte, lowest first. */
  varint(value: number): void {
    this.#reserve(8);
    let rest = value;
    while (rest >= 0x80) {
      this.#bytes[this.#length++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#bytes[this.#length++] = rest;
  }

  /** The length, then the bytes. */
  sized(bytes: Uint8Array): void {
    const { length } = bytes;
    this.varint(length);
    this.#reserve(length);
    const own = this.#bytes;
    // A call costs more than a few bytes do: most keys are short.
    if (length <= 32) for (let at = 0; at < length; at++) own[this.#length + at] = bytes[at]!;
    else own.set(bytes, this.#length);
    this.#length += length;
  }

  /** The same of the UTF-8 of well-formed text, which is written in place. */
  sizedText(text: string): void {
    this.#reserve(8 + 3 * text.length);
    const start = this.#length;
    // As long as the text is ASCII the number of its bytes is known beforehand.
    this.varint(text.length);
    const { written } = encoder.encodeInto(text, this.#bytes.subarray(this.#length));
    if (written !== text.length) this.#lengthen(start, written);
    this.#length += written;
  }

  /** What has been written, as a copy; begins anew. */
  finish(): Uint8Array<ArrayBuffer> {
    const finished = this.#bytes.slice(0, this.#length);
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

  #reserve(more: number): void {
    if (this.#length + more <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(2 * this.#bytes.length, this.#length + more));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
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

  /** A view of as many bytes as the number before them says. */
  sized(): Uint8Array {
    const length = this.varint();
    const offset = this.skip(length);
    return this.#bytes.subarray(offset, offset + length);
  }
}

/** Throws as a ByteReader does. */
export function decodeKey(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw malformed("holds a key that is not UTF-8");
  }
}

function malformed(what: string): RaftLiteError {
  return new RaftLiteError("bad-operation", `the list of operations ${what}`, { status: 400 });
}
