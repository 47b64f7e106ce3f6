import { RaftLiteError } from "../errors.ts";

/** Longest key, in bytes of its UTF-8. */
export const MAX_KEY_BYTES = 512;

const encoder = new TextEncoder();

/** Throws RaftLiteError `key-too-large` 413 when the UTF-8 of a well-formed key is beyond MAX_KEY_BYTES. */
export function checkKeySize(key: string): void {
  // A code unit takes three bytes at most: short keys need no measuring, and a huge one is not encoded for it.
  if (3 * key.length <= MAX_KEY_BYTES) return;
  if (key.length <= MAX_KEY_BYTES && encoder.encode(key).length <= MAX_KEY_BYTES) return;
  throw keyTooLarge();
}

/**
 * The UTF-8 of a key (or, with `mayBeEmpty`, of a prefix). Throws RaftLiteError `bad-key` 400 when it is empty or
 * holds half a surrogate pair, which UTF-8 cannot carry, and `key-too-large` 413 beyond MAX_KEY_BYTES.
 */
export function encodeKey(key: string, mayBeEmpty = false): Uint8Array<ArrayBuffer> {
  checkKey(key, mayBeEmpty);
  return encoder.encode(key);
}

/** Throws as `encodeKey` does. */
export function checkKey(key: string, mayBeEmpty: boolean): void {
  if (key === "" && !mayBeEmpty) throw emptyKey();
  if (!key.isWellFormed()) {
    throw new RaftLiteError("bad-key", "the key is not well-formed Unicode", { status: 400 });
  }
  checkKeySize(key);
}

/** The same rules for a key that came as UTF-8, and was decoded as such: only its length in bytes can still be wrong. */
export function checkEncodedKey(length: number, mayBeEmpty: boolean): void {
  if (length === 0 && !mayBeEmpty) throw emptyKey();
  if (length > MAX_KEY_BYTES) throw keyTooLarge();
}

function emptyKey(): RaftLiteError {
  return new RaftLiteError("bad-key", "the key is empty", { status: 400 });
}

function keyTooLarge(): RaftLiteError {
  return new RaftLiteError("key-too-large", `the key is longer than ${MAX_KEY_BYTES} bytes`, { status: 413 });
}

/** The first byte string after all that begin with `prefix`. UTF-8 has no byte FF, so the last one can be raised. */
export function endOfPrefix(prefix: Uint8Array): Uint8Array<ArrayBuffer> {
  if (prefix.length === 0) return Uint8Array.of(0xff);
  const end = Uint8Array.from(prefix);
  end[end.length - 1]! += 1;
  return end;
}

/** Where the UTF-8 of a key lies. */
export interface KeyPlace {
  /** May hold others too. */
  readonly keys: Uint8Array;
  readonly keyOffset: number;
  readonly keyLength: number;
}

/** Order of keys, wherever they lie; see `compareBytes`. */
export function compareKeys(a: KeyPlace, b: KeyPlace): number {
  const shared = Math.min(a.keyLength, b.keyLength);
  for (let at = 0; at < shared; at++) {
    const difference = a.keys[a.keyOffset + at]! - b.keys[b.keyOffset + at]!;
    if (difference !== 0) return difference;
  }
  return a.keyLength - b.keyLength;
}

/** Order of keys: that of their bytes, as SQLite compares BLOBs. JavaScript's own differs beyond U+FFFF. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length);
  for (let at = 0; at < shared; at++) {
    const difference = a[at]! - b[at]!;
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}
