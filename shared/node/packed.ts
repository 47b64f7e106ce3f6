import { badMessage } from "./fields.ts";

/**
 * Bytes as packed messages are made of: numbers as eight-byte floats (every count of ours is a safe integer), lengths
 * in four bytes, text in UTF-8; all little-endian.
 */

const utf8 = new TextEncoder();
const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Memory of its own that is written before it is read: where the runtime can leave out the zeros, it does. */
const { Buffer } = globalThis as { Buffer?: { allocUnsafeSlow(length: number): Uint8Array<ArrayBuffer> } };
const allocate = (length: number): Uint8Array<ArrayBuffer> =>
  Buffer === undefined ? new Uint8Array(length) : new Uint8Array(Buffer.allocUnsafeSlow(length).buffer);

export class PackedWriter {
  #bytes: Uint8Array<ArrayBuffer>;
  #view: DataView;
  #at = 0;

  /** `expected`: how long it will be at least, so that it seldom grows. */
  constructor(expected: number) {
    this.#bytes = allocate(expected);
    this.#view = new DataView(this.#bytes.buffer);
  }

  /** What was written. The writer must not be used again. */
  finish(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#at);
  }

  byte(value: number): void {
    this.#reserve(1);
    this.#bytes[this.#at++] = value;
  }

  number(value: number): void {
    this.#reserve(8);
    this.#view.setFloat64(this.#at, value, true);
    this.#at += 8;
  }

  length(value: number): void {
    this.#reserve(4);
    this.#view.setUint32(this.#at, value, true);
    this.#at += 4;
  }

  /** Bytes with their length before them. */
  sized(bytes: Uint8Array): void {
    this.length(bytes.length);
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  text(text: string): void {
    // A code unit takes three bytes at most.
    this.#reserve(4 + 3 * text.length);
    const { written } = utf8.encodeInto(text, this.#bytes.subarray(this.#at + 4));
    this.#view.setUint32(this.#at, written, true);
    this.#at += 4 + written;
  }

  /** Bytes as they are. */
  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  /** What `write` writes, also as a view. */
  written(write: () => void): Uint8Array {
    const start = this.#at;
    write();
    return this.#bytes.subarray(start, this.#at);
  }

  /** Whatever `write` writes, with its length before it. */
  section(write: () => void): void {
    this.length(0);
    const start = this.#at;
    write();
    this.#view.setUint32(start - 4, this.#at - start, true);
  }

  #reserve(more: number): void {
    if (this.#at + more <= this.#bytes.length) return;
    const longer = allocate(Math.max(this.#at + more, 2 * this.#bytes.length));
    longer.set(this.#bytes.subarray(0, this.#at));
    this.#bytes = longer;
    this.#view = new DataView(longer.buffer);
  }
}

/** Reads what came from outside: everything that cannot be right is a RaftLiteError `bad-message`, 400. */
export class PackedReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at: number;
  readonly #end: number;

  constructor(
    bytes: Uint8Array,
    at = 0,
    end = bytes.length,
    view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength),
  ) {
    this.#bytes = bytes;
    this.#view = view;
    this.#at = at;
    this.#end = end;
  }

  get atEnd(): boolean {
    return this.#at === this.#end;
  }

  byte(): number {
    const at = this.#take(1);
    return this.#bytes[at] as number;
  }

  /** A whole number from 0 to 2^53 - 1. */
  count(): number {
    const value = this.#view.getFloat64(this.#take(8), true);
    if (!Number.isSafeInteger(value) || value < 0)
      throw badMessage("a packed number is not a whole one from 0");
    return value;
  }

  length(): number {
    return this.#view.getUint32(this.#take(4), true);
  }

  /** A view of the bytes that are read, not a copy. */
  sized(): Uint8Array {
    const length = this.length();
    const at = this.#take(length);
    return new Uint8Array(this.#bytes.buffer, this.#bytes.byteOffset + at, length);
  }

  text(): string {
    return decodeUtf8(this.sized());
  }

  /** What is left, as text. */
  rest(): string {
    const at = this.#take(this.#end - this.#at);
    return decodeUtf8(this.#bytes.subarray(at, this.#end));
  }

  /** A reader of the section that comes next; this one goes on behind it. */
  section(): PackedReader {
    const length = this.length();
    const at = this.#take(length);
    return new PackedReader(this.#bytes, at, at + length, this.#view);
  }

  #take(length: number): number {
    const at = this.#at;
    if (length > this.#end - at) throw badMessage("a packed message is cut off");
    this.#at = at + length;
    return at;
  }
}

/** Throws a RaftLiteError `bad-message`, 400, for what is not UTF-8. */
export function decodeUtf8(bytes: Uint8Array): string {
  try {
    return strictUtf8.decode(bytes);
  } catch {
    throw badMessage("a packed text is not UTF-8");
  }
}
