import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { RaftLiteError } from "../../shared/errors.ts";
import type { Batch, Operation, PutOperation, TextPut } from "../../shared/store/operations.ts";
import { encodeOperations, OperationsWriter } from "../../shared/store/operations.ts";
import { decodeOperations, PlacedOperations } from "../../shared/store/placed-operations.ts";
import { del, put, utf8 } from "./support.ts";

const index = fc.maxSafeNat();
const key = fc.string({ unit: "binary", minLength: 1, maxLength: 100 });
const operation: fc.Arbitrary<Operation> = fc.oneof(
  fc.record({
    type: fc.constant("put" as const),
    key,
    value: fc.uint8Array({ maxLength: 300 }),
    flags: index,
    cas: fc.option(index),
  }),
  fc.record({
    type: fc.constant("delete" as const),
    key,
    recurse: fc.constant(false),
    cas: fc.option(index),
  }),
  fc.record({
    type: fc.constant("delete" as const),
    key: fc.oneof(key, fc.constant("")),
    recurse: fc.constant(true),
    cas: fc.constant(null),
  }),
);
const batch: fc.Arbitrary<Batch> = fc.record({
  atomic: fc.boolean(),
  operations: fc.array(operation, { minLength: 1, maxLength: 20 }),
});

function refusalOf(work: () => unknown): RaftLiteError {
  try {
    work();
  } catch (error) {
    if (error instanceof RaftLiteError) return error;
    throw error;
  }
  throw new Error("not refused");
}

/** With plain numbers for bytes, which are compared sooner. */
const listed = (item: Operation) => (item.type === "delete" ? item : { ...item, value: [...item.value] });

describe("the encoding", () => {
  test("is this, byte for byte", () => {
    const bytes = encodeOperations({
      atomic: true,
      operations: [
        put("k", utf8("value"), { flags: 300, cas: 2 ** 53 - 1 }),
        put("ö", ""),
        del("k", { cas: 0 }),
        del("", { recurse: true }),
      ],
    });
    expect(Buffer.from(bytes).toString("hex")).toBe(
      ["01 04", "11 016b ffffffffffffff0f ac02 0576616c7565", "01 02c3b6 00 00", "12 016b 00", "22 00"]
        .join("")
        .replaceAll(" ", ""),
    );
  });

  test("comes back as it went in, and says where the values lie", () => {
    const placed = new PlacedOperations();
    fc.assert(
      fc.property(batch, (original) => {
        const bytes = encodeOperations(original);
        const decoded = decodeOperations(bytes);
        expect(decoded.atomic).toBe(original.atomic);
        expect(decoded.operations.map(listed)).toEqual(original.operations.map(listed));
        placed.read(bytes, false);
        expect(placed).toMatchObject({ atomic: original.atomic, length: original.operations.length });
        expect(placed.hasCas).toBe(original.operations.some(({ cas }) => cas !== null));
        original.operations.forEach((item, position) => {
          expect(placed.isPut(position)).toBe(item.type === "put");
          expect(placed.isRecursive(position)).toBe(item.type === "delete" && item.recurse);
          expect(placed.cas(position)).toBe(item.cas);
          const keyAt = placed.keys.offsets[position]!;
          expect(bytes.subarray(keyAt, keyAt + placed.keys.lengths[position]!)).toEqual(utf8(item.key));
          if (item.type === "delete") return;
          expect(placed.flags[position]).toBe(item.flags);
          const valueAt = placed.valueOffsets[position]!;
          const value = bytes.subarray(valueAt, valueAt + placed.valueLengths[position]!);
          expect([...value]).toEqual([...item.value]);
        });
      }),
    );
  });

  test("text stands for its UTF-8", () => {
    const text = fc.oneof(
      fc.string({ unit: "binary", maxLength: 200 }),
      // Where the number of bytes needs more bytes itself than the number of characters does.
      fc.constantFrom("ö".repeat(64), "€".repeat(43), "€".repeat(5462), "a".repeat(127), "a".repeat(128)),
    );
    fc.assert(
      fc.property(fc.array(text, { minLength: 1, maxLength: 5 }), (texts) => {
        const puts = (values: readonly (string | Uint8Array)[]) =>
          values.map((value, at) => ({ ...put(`k${at}`, ""), value }) as PutOperation | TextPut);
        expect([...encodeOperations({ atomic: true, operations: puts(texts) })]).toEqual([
          ...encodeOperations({ atomic: true, operations: puts(texts.map(utf8)) }),
        ]);
      }),
    );
  });

  test("stays what it is while others are made, of whatever length", () => {
    const lists = Array.from({ length: 300 }, (_, number) =>
      put(`key-${number}`, "v".repeat((37 * number) % 1500)),
    );
    const encoded = lists.map((one) => encodeOperations({ atomic: false, operations: [one] }));
    for (const [number, bytes] of encoded.entries()) {
      expect(decodeOperations(bytes).operations.map(listed)).toEqual([listed(lists[number]!)]);
    }
  });

  test("keys of any length come back, with any character anywhere in them", () => {
    for (let length = 1; length <= 70; length++) {
      for (const character of ["\0", "z", "\x7f", "\x80", "ö", "€"]) {
        const ascii = "0123456789".repeat(7).slice(0, length);
        for (const key of [`${ascii.slice(1)}${character}`, `${character}${ascii.slice(1)}`]) {
          const bytes = encodeOperations({ atomic: false, operations: [put(key, "v")] });
          expect(decodeOperations(bytes).operations).toMatchObject([{ key }]);
        }
      }
    }
  });

  test("begins anew after a list that was refused", () => {
    const good = { atomic: false, operations: [put("k", "v")] };
    const before = encodeOperations(good);
    refusalOf(() => encodeOperations({ atomic: true, operations: [put("other", "value"), put("", "v")] }));
    expect(encodeOperations(good)).toEqual(before);
  });

  test("holds as many and as large operations as the limits allow", () => {
    const operations = Array.from({ length: 4096 }, (_, n) => put(`key${n}`, "x".repeat(200)));
    expect(decodeOperations(encodeOperations({ atomic: false, operations })).operations).toHaveLength(4096);
    const large = encodeOperations({
      atomic: false,
      operations: [put("k", new Uint8Array(1_048_576).fill(7))],
    });
    const placed = new PlacedOperations();
    placed.read(large, false);
    expect([placed.valueOffsets[0], placed.valueLengths[0]]).toEqual([large.length - 1_048_576, 1_048_576]);
  });

  test("is read only as it is written: other bytes are refused, and never anything worse", () => {
    const readable = (bytes: Uint8Array): void => {
      let decoded: Batch;
      try {
        decoded = decodeOperations(bytes);
      } catch (error) {
        expect(error).toBeInstanceOf(RaftLiteError);
        return;
      }
      expect([...encodeOperations(decoded)]).toEqual([...bytes]);
    };
    fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), readable));
    const damaged = fc.tuple(batch, fc.nat(), fc.nat(255), fc.nat(40)).map(([original, at, byte, cut]) => {
      const bytes = encodeOperations(original);
      bytes[at % bytes.length] = byte;
      return bytes.subarray(0, Math.max(0, bytes.length - Math.max(0, cut - 20)));
    });
    fc.assert(fc.property(damaged, readable), { numRuns: 2000 });
  });

  test.each([
    ["nothing", "", "ends too early"],
    ["no count", "00", "ends too early"],
    ["no operation", "0000", "there are no operations"],
    ["too many operations", "008120", "more than 4096"],
    ["an unknown flag", "0201 02016b", "not a list of operations"],
    ["an unknown kind", "0001 03016b", "unknown kind 3"],
    ["an unknown kind with a cas", "0001 13016b05", "unknown kind 19"],
    ["a put that recurses", "0001 21016b0000", "unknown kind 33"],
    ["a kind of two bytes", "0001 8100016b0000", "unknown kind 129"],
    ["recurse with cas", "0001 32016b05", "cas and recurse"],
    ["an empty key", "0001 0200", "the key is empty"],
    ["a key that is no UTF-8", "0001 0201ff", "not UTF-8"],
    ["a number longer than it needs to be", "0001 01016b800000", "more bytes than it needs"],
    ["a number beyond 2^53-1", "0001 12016b8080808080808010", "holds a number beyond 2^53-1"],
    ["a number without end", `0001 12016b${"80".repeat(400)}`, "holds a number beyond 2^53-1"],
    ["a value that ends early", "0001 01016b000561", "ends too early"],
    ["a count that is larger than the list", "0002 02016b", "ends too early"],
    ["bytes behind it", "0001 02016b00", "not a list of operations"],
  ])("%s is refused", (_, hex, says) => {
    const bytes = Buffer.from(hex.replaceAll(" ", ""), "hex");
    const error = refusalOf(() => decodeOperations(bytes));
    expect(error.status).toBe(400);
    expect(error.code).toMatch(/^bad-(operation|key)$/);
    expect(error.message).toContain(says);
  });

  test("a key with a byte order mark keeps it", () => {
    const bytes = encodeOperations({ atomic: false, operations: [del("\ufeffk")] });
    expect(decodeOperations(bytes).operations[0]!.key).toBe("\ufeffk");
  });
});

describe("is refused before it is encoded", () => {
  test.each<[string, Operation, string]>([
    ["an empty key", put("", "v"), "bad-key"],
    ["half a surrogate pair in a key", del("\ud83d"), "bad-key"],
    ["negative flags", put("k", "v", { flags: -1 }), "bad-operation"],
    ["flags that are no number", put("k", "v", { flags: Number.NaN }), "bad-operation"],
    ["flags beyond 2^53-1", put("k", "v", { flags: 2 ** 53 }), "bad-operation"],
    ["a fractional cas", del("k", { cas: 1.5 }), "bad-operation"],
    ["a cas with recurse", del("k", { cas: 1, recurse: true }), "bad-operation"],
  ])("%s", (_, bad, code) => {
    const error = refusalOf(() => encodeOperations({ atomic: false, operations: [del("good"), bad] }));
    expect(error).toMatchObject({ code, status: 400, details: { operation: 1 } });
  });

  test("a key over 512 bytes", () => {
    const error = refusalOf(() => encodeOperations({ atomic: true, operations: [put("k".repeat(513), "")] }));
    expect(error).toMatchObject({ code: "key-too-large", status: 413, details: { operation: 0 } });
  });

  test("a list that is empty or too long", () => {
    const many = Array.from({ length: 4097 }, () => del("k"));
    for (const operations of [[], many]) {
      expect(refusalOf(() => encodeOperations({ atomic: false, operations })).code).toBe("bad-operation");
    }
  });
});

describe("written one after the other", () => {
  /** The keys and values lie side by side, none of them first. */
  function written({ atomic, operations }: Batch): Uint8Array {
    const parts = [utf8("?")];
    let length = 1;
    const place = (bytes: Uint8Array): [at: number, length: number] => {
      parts.push(bytes);
      length += bytes.length;
      return [length - bytes.length, bytes.length];
    };
    const places = operations.map((item) => ({
      item,
      key: place(utf8(item.key)),
      value: place(item.type === "put" ? item.value : utf8("")),
    }));
    const writer = new OperationsWriter(Buffer.concat(parts));
    try {
      for (const { item, key, value } of places) {
        if (item.type === "put") writer.put(...key, item.cas, item.flags, ...value);
        else writer.delete(...key, item.cas, item.recurse);
      }
      return writer.finish(atomic);
    } finally {
      writer.abandon();
    }
  }

  test("they are the same bytes", () => {
    fc.assert(
      fc.property(batch, (original) => {
        expect([...written(original)]).toEqual([...encodeOperations(original)]);
      }),
    );
  });

  test.each([1, 127, 128, 4096])("%i of them", (count) => {
    const operations = Array.from({ length: count }, (_, at) => put(`k${at}`, "v".repeat(at % 300)));
    const original = { atomic: true, operations };
    expect(Buffer.compare(written(original), encodeOperations(original))).toBe(0);
  });

  test.each<[string, readonly Operation[]]>([
    ["none", []],
    ["too many", Array.from({ length: 4097 }, () => del("k"))],
    ["an empty key", [del("good"), put("", "v")]],
    ["a key over 512 bytes", [del("good"), del("k".repeat(513))]],
    ["flags beyond 2^53-1", [del("good"), put("k", "v", { flags: 2 ** 53 })]],
    ["a negative cas", [del("good"), del("k", { cas: -1 })]],
    ["a cas with recurse", [del("good"), del("k", { cas: 1, recurse: true })]],
  ])("%s: refused in the same words", (_, operations) => {
    const original = { atomic: false, operations };
    const { code, status, message, details } = refusalOf(() => encodeOperations(original));
    expect(refusalOf(() => written(original))).toMatchObject({ code, status, message, details });
    expect([...encodeOperations({ atomic: false, operations: [del("k")] })]).toEqual([0, 1, 2, 1, 0x6b]);
  });
});
