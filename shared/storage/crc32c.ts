/** CRC-32C (Castagnoli): reflected polynomial 0x82F63B78, as in iSCSI (RFC 3720, appendix B.4). */
const POLYNOMIAL = 0x82f63b78;

/** Sixteen tables of 256, one after the other: table n holds the remainder of a byte followed by n zero bytes. */
const TABLES = makeTables();

function makeTables(): Int32Array {
  const tables = new Int32Array(16 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let remainder = byte;
    for (let bit = 0; bit < 8; bit++) {
      remainder = remainder & 1 ? (remainder >>> 1) ^ POLYNOMIAL : remainder >>> 1;
    }
    tables[byte] = remainder;
  }
  for (let index = 256; index < tables.length; index++) {
    const shorter = tables[index - 256]!;
    tables[index] = (shorter >>> 8) ^ tables[shorter & 0xff]!;
  }
  return tables;
}

/** From this length on it is worth to read words. */
const MANY_BYTES = 128;
/** Words of typed arrays are in the machine's order; it is little-endian everywhere but on paper. */
const LITTLE_ENDIAN = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;

/**
 * CRC-32C of `length` bytes from `offset`, as an unsigned 32-bit number. `before` is the checksum of what came before:
 * `crc32c(b, crc32c(a))` is the checksum of a followed by b. Slicing-by-8, and by 16 where there are many bytes
 * (Kounavis and Berry, 2005).
 */
export function crc32c(bytes: Uint8Array, before = 0, offset = 0, length = bytes.length - offset): number {
  const tables = TABLES;
  const end = offset + length;
  let crc = ~before;
  let at = offset;
  if (length >= MANY_BYTES && LITTLE_ENDIAN) {
    while (((bytes.byteOffset + at) & 3) !== 0) crc = (crc >>> 8) ^ tables[(crc ^ bytes[at++]!) & 0xff]!;
    const first = (bytes.byteOffset + at) >>> 2;
    const count = ((end - at) >>> 4) << 2;
    crc = ofWords(wordsOf(bytes.buffer), first, first + count, crc);
    at += 4 * count;
  }
  for (const last = end - 8; at <= last; at += 8) {
    crc ^= bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    crc =
      tables[1792 + (crc & 0xff)]! ^
      tables[1536 + ((crc >>> 8) & 0xff)]! ^
      tables[1280 + ((crc >>> 16) & 0xff)]! ^
      tables[1024 + (crc >>> 24)]! ^
      tables[768 + bytes[at + 4]!]! ^
      tables[512 + bytes[at + 5]!]! ^
      tables[256 + bytes[at + 6]!]! ^
      tables[bytes[at + 7]!]!;
  }
  for (; at < end; at++) crc = (crc >>> 8) ^ tables[(crc ^ bytes[at]!) & 0xff]!;
  return ~crc >>> 0;
}

/** What lies in larger memory is seldom followed by more of the same, and the memory would be held by it. */
const LARGEST_REMEMBERED = 256 * 1024;
let remembered: Int32Array = new Int32Array(0);

/** Memory as words, from its beginning: short bodies lie many to a piece of memory, and come one after the other. */
function wordsOf(buffer: ArrayBufferLike): Int32Array {
  const count = buffer.byteLength >>> 2;
  // Memory may grow and stay the same.
  if (remembered.buffer === buffer && remembered.length === count) return remembered;
  const words = new Int32Array(buffer, 0, count);
  if (buffer.byteLength <= LARGEST_REMEMBERED) remembered = words;
  return words;
}

/** The register after little-endian words from `first` to before `end`, a multiple of four. */
function ofWords(words: Int32Array, first: number, end: number, register: number): number {
  const tables = TABLES;
  let crc = register;
  for (let at = first; at < end; at += 4) {
    const a = crc ^ words[at]!;
    const b = words[at + 1]!;
    const c = words[at + 2]!;
    const d = words[at + 3]!;
    crc =
      tables[3840 + (a & 0xff)]! ^
      tables[3584 + ((a >>> 8) & 0xff)]! ^
      tables[3328 + ((a >>> 16) & 0xff)]! ^
      tables[3072 + (a >>> 24)]! ^
      tables[2816 + (b & 0xff)]! ^
      tables[2560 + ((b >>> 8) & 0xff)]! ^
      tables[2304 + ((b >>> 16) & 0xff)]! ^
      tables[2048 + (b >>> 24)]! ^
      tables[1792 + (c & 0xff)]! ^
      tables[1536 + ((c >>> 8) & 0xff)]! ^
      tables[1280 + ((c >>> 16) & 0xff)]! ^
      tables[1024 + (c >>> 24)]! ^
      tables[768 + (d & 0xff)]! ^
      tables[512 + ((d >>> 8) & 0xff)]! ^
      tables[256 + ((d >>> 16) & 0xff)]! ^
      tables[d >>> 24]!;
  }
  return crc;
}

/** Shorter than this it is sooner computed again than remembered. */
const LARGE_BYTES = 2048;
const known = new WeakMap<Uint8Array, number>();

/**
 * `crc32c(body, before)` of bytes that never change: a large body, which several things are to be proved of, is gone
 * through once.
 */
export function crc32cOfBody(body: Uint8Array, before: number): number {
  if (body.length < LARGE_BYTES) return crc32c(body, before);
  let own = known.get(body);
  if (own === undefined) {
    own = crc32c(body);
    known.set(body, own);
  }
  return joined(before, own, body.length);
}

/** The checksum of a followed by b, from theirs and the length of b: a's, times x to the power of b's bits, plus b's. */
function joined(a: number, b: number, length: number): number {
  if (length !== lastLength) {
    lastLength = length;
    lastPower = powerOf(length);
  }
  return (multiplied(lastPower, a) ^ b) >>> 0;
}

/** Bodies that come one after the other are often of one length. */
let lastLength = 0;
let lastPower = 0x80000000 | 0;

/** x to the power of the bits of so many bytes. */
function powerOf(length: number): number {
  let product = 0x80000000 | 0;
  // POWERS[3] is that of one byte.
  for (let rest = length, power = 3; rest > 0; rest = Math.floor(rest / 2), power++) {
    if (rest % 2 === 1) product = multiplied(POWERS[power]!, product);
  }
  return product;
}

/** x to the power of 2^n modulo the polynomial, reflected as it is: the highest bit is that of x^0. */
const POWERS = makePowers();

function makePowers(): readonly number[] {
  const powers = [0x40000000];
  for (let n = 1; n < 64; n++) powers.push(multiplied(powers[n - 1]!, powers[n - 1]!));
  return powers;
}

/** The product of two polynomials modulo POLYNOMIAL. */
function multiplied(a: number, b: number): number {
  let product = 0;
  let shifted = b;
  for (let rest = a | 0; rest !== 0; rest <<= 1) {
    if (rest < 0) product ^= shifted;
    shifted = shifted & 1 ? (shifted >>> 1) ^ POLYNOMIAL : shifted >>> 1;
  }
  return product;
}
