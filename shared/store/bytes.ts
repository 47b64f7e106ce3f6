import { RaftLiteError } from "../errors.ts";

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Builds a byte string of bytes, LEB128 varints and length-prefixed bytes. */
export class ByteWriter {
  #bytes = new Uint8Array(512);
  #length = 0;

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
    this.varint(bytes.length);
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
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
    let value = 0;
    for (let scale = 1; ; scale *= 0x80) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (!Number.isSafeInteger(value)) throw malformed("holds a number beyond 2^53-1");
      if (byte >= 0x80) continue;
      if (byte === 0 && scale > 1) throw malformed("holds a number in more bytes than it needs");
      return value;
    }
  }

  /** A view of the bytes, and where it starts. */
  sized(): { readonly bytes: Uint8Array; readonly offset: number } {
    const length = this.varint();
    const offset = this.#at;
    if (length > this.#bytes.length - offset) throw malformed("ends too early");
    this.#at += length;
    return { bytes: this.#bytes.subarray(offset, this.#at), offset };
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
