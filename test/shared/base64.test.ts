import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

type Base64 = typeof import("../../shared/base64.ts");

/** Which ways of its own the runtime has: the choice is made when the module is loaded. */
const RUNTIMES: readonly (readonly [name: string, prepare: () => void])[] = [
  ["Node's Buffer", () => undefined],
  ["no way of its own", () => vi.stubGlobal("Buffer", undefined)],
  [
    "methods of Uint8Array",
    () => {
      vi.stubGlobal(
        "Uint8Array",
        class extends Uint8Array {
          toBase64(): string {
            return Buffer.from(this).toString("base64");
          }
          static fromBase64(text: string): Uint8Array {
            return new Uint8Array(Buffer.from(text, "base64"));
          }
        },
      );
      vi.stubGlobal("Buffer", undefined);
    },
  ],
];

const { Buffer } = globalThis;

describe.each(RUNTIMES)("base64 with %s", (_name, prepare) => {
  let base64: Base64;
  beforeEach(async () => {
    vi.resetModules();
    prepare();
    base64 = await import("../../shared/base64.ts");
  });
  afterEach(() => vi.unstubAllGlobals());

  test("gives what everybody else gives, and takes it back", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const text = base64.toBase64(new Uint8Array(bytes));
        expect(text).toBe(Buffer.from(bytes).toString("base64"));
        expect([...(base64.fromBase64(text) ?? [-1])]).toEqual([...bytes]);
      }),
    );
  });

  test("a view gives its own bytes only", () => {
    expect(base64.toBase64(new Uint8Array([1, 2, 3, 4, 5]).subarray(1, 4))).toBe("AgME");
  });

  test("what it gives back is memory of its own", () => {
    expect(base64.fromBase64("AgME")?.buffer.byteLength).toBe(3);
  });

  test("a megabyte", () => {
    const bytes = new Uint8Array(1_048_576).map((_, at) => at * 31);
    const text = base64.toBase64(bytes);
    expect(text === Buffer.from(bytes).toString("base64")).toBe(true);
    expect(Buffer.from(bytes).equals(base64.fromBase64(text) ?? new Uint8Array())).toBe(true);
  });

  test.each([
    "A",
    "AA",
    "AAA",
    "A===",
    "=",
    "====",
    "AA=A",
    "AA==AA==",
    "AA A",
    "AAA\n",
    "AA-_",
    "AA\u00e4A",
    "%%%%",
  ])("%j is none", (text) => {
    expect(base64.fromBase64(text)).toBeNull();
  });

  test("bits beyond the last byte are dropped", () => {
    expect([...(base64.fromBase64("QR==") ?? [])]).toEqual([0x41]);
  });
});
