/**
 * Base64 (RFC 4648, section 4), strict and padded. The runtime's own way where it has one, tables where it has none: a
 * value is up to a megabyte, and by way of `btoa` it takes more than a hundred times as long.
 */

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const SHAPE = /^[A-Za-z0-9+/]*={0,2}$/;

/** What runtimes bring: Uint8Array's own methods, or Node's Buffer. */
interface Runtime {
  readonly Uint8Array: BytesClass;
  readonly Buffer?: { from(buffer: ArrayBufferLike, offset: number, length: number): NodeBuffer };
}

interface BytesClass {
  readonly prototype: { toBase64?(this: Uint8Array): string };
  fromBase64?(text: string): Uint8Array;
}

interface NodeBuffer {
  toString(encoding: "base64"): string;
  write(text: string, encoding: "base64"): number;
}

const encode = chooseEncoder(globalThis as unknown as Runtime);
const decode = chooseDecoder(globalThis as unknown as Runtime);

export function toBase64(bytes: Uint8Array): string {
  return encode(bytes);
}

/** null when `text` is not base64. */
export function fromBase64(text: string): Uint8Array | null {
  if (text.length % 4 !== 0 || !SHAPE.test(text)) return null;
  return decode(text);
}

function chooseEncoder({ Uint8Array: { prototype }, Buffer }: Runtime): (bytes: Uint8Array) => string {
  const { toBase64 } = prototype;
  if (toBase64 !== undefined) return (bytes) => toBase64.call(bytes);
  if (Buffer === undefined) return encodeByTable;
  return (bytes) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
}

function chooseDecoder({ Uint8Array: { fromBase64 }, Buffer }: Runtime): (text: string) => Uint8Array {
  if (fromBase64 !== undefined) return fromBase64;
  if (Buffer === undefined) return decodeByTable;
  return (text) => {
    // Not the memory that Buffers share: a small value would keep a large slab alive.
    const bytes = new Uint8Array(decodedLength(text));
    Buffer.from(bytes.buffer, 0, bytes.length).write(text, "base64");
    return bytes;
  };
}

function decodedLength(text: string): number {
  const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
  return (text.length / 4) * 3 - padding;
}

const CODES = Uint8Array.from(ALPHABET, (character) => character.charCodeAt(0));
const PADDING = "=".charCodeAt(0);
const ascii = new TextDecoder();

function encodeByTable(bytes: Uint8Array): string {
  const text = new Uint8Array(Math.ceil(bytes.length / 3) * 4);
  for (let from = 0, to = 0; from < bytes.length; from += 3, to += 4) {
    const group = (bytes[from]! << 16) | ((bytes[from + 1] ?? 0) << 8) | (bytes[from + 2] ?? 0);
    text[to] = CODES[group >> 18]!;
    text[to + 1] = CODES[(group >> 12) & 63]!;
    text[to + 2] = from + 1 < bytes.length ? CODES[(group >> 6) & 63]! : PADDING;
    text[to + 3] = from + 2 < bytes.length ? CODES[group & 63]! : PADDING;
  }
  return ascii.decode(text);
}

/** By character code; 0 for the padding too. */
const SIXES = new Uint8Array(128);
for (let six = 0; six < 64; six++) SIXES[ALPHABET.charCodeAt(six)] = six;

function decodeByTable(text: string): Uint8Array {
  const bytes = new Uint8Array(decodedLength(text));
  for (let from = 0, to = 0; from < text.length; from += 4, to += 3) {
    let group = 0;
    for (let at = from; at < from + 4; at++) group = (group << 6) | SIXES[text.charCodeAt(at)]!;
    bytes[to] = group >> 16;
    // What lies beyond the end is dropped.
    bytes[to + 1] = group >> 8;
    bytes[to + 2] = group;
  }
  return bytes;
}
