import { describe, expect, it } from "vitest";
import { crc32c, crc32cOfBody } from "../../shared/storage/crc32c.ts";

const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Bit by bit, from the definition. */
function slowly(bytes: Uint8Array): number {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return ~crc >>> 0;
}

describe("crc32c", () => {
  it("gives the published values (RFC 3720 B.4 and the usual check string)", () => {
    expect(crc32c(ascii("123456789"))).toBe(0xe3069283);
    expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
    expect(crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8ab43);
    expect(crc32c(new Uint8Array(32).map((_, index) => index))).toBe(0x46dd794e);
    expect(crc32c(new Uint8Array(0))).toBe(0);
  });

  it("is the same at every length, start and split", () => {
    const bytes = new Uint8Array(180).map((_, index) => (index * 167 + 13) & 0xff);
    for (let from = 0; from < 9; from++) {
      for (let to = from + (from % 2) * 100; to <= bytes.length; to++) {
        const expected = slowly(bytes.subarray(from, to));
        expect(crc32c(bytes.subarray(from, to))).toBe(expected);
        expect(crc32c(bytes, 0, from, to - from)).toBe(expected);
        const middle = (from + to) >> 1;
        expect(crc32c(bytes.subarray(middle, to), crc32c(bytes.subarray(from, middle)))).toBe(expected);
      }
    }
  });

  it("is that of the bytes, wherever they lie in memory that holds others too", () => {
    const pieces = [1000, 3001, 400_000, 3000].map((length, piece) =>
      new Uint8Array(length).map((_, index) => (index * (piece + 3)) >> 2),
    );
    for (let from = 0; from < 700; from += 37) {
      for (const piece of pieces) {
        const bytes = piece.subarray(from, from + 276);
        expect(crc32c(bytes)).toBe(slowly(bytes));
      }
    }
  });

  it("is the same in memory that has grown since it was last looked at", () => {
    const memory = new ArrayBuffer(1000, { maxByteLength: 8000 });
    expect(crc32c(new Uint8Array(memory))).toBe(slowly(new Uint8Array(memory)));
    memory.resize(8000);
    const bytes = new Uint8Array(memory);
    for (let at = 0; at < bytes.length; at++) bytes[at] = at * 7;
    expect(crc32c(bytes)).toBe(slowly(bytes));
  });

  it("changes with every single bit", () => {
    const bytes = new Uint8Array(40).fill(0x5a);
    const whole = crc32c(bytes);
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const flipped = bytes.slice();
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      expect(crc32c(flipped)).not.toBe(whole);
    }
  });

  it("of a body is the same, however long it is, and whatever came before", () => {
    for (const length of [0, 1, 2047, 2048, 2049, 4096, 27_501, 100_000]) {
      const body = new Uint8Array(length).map((_, index) => (index * 131) >> 3);
      for (const before of [0, 1, 12_345, 0x80000000, 0xffffffff]) {
        expect(crc32cOfBody(body, before)).toBe(crc32c(body, before));
      }
    }
  });
});
