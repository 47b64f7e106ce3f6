import { expect, test } from "vitest";
import { TEXT_SCHEMA } from "../../shared/storage/entry.ts";
import { KeyValueStore } from "../../shared/store/key-value-store.ts";
import type { Operation } from "../../shared/store/operations.ts";
import { encodeOperations, OPERATIONS_SCHEMA } from "../../shared/store/operations.ts";
import { del, put, utf8 } from "./support.ts";

const store = new KeyValueStore();
const described = (...operations: Operation[]): string =>
  store.describe(OPERATIONS_SCHEMA, encodeOperations({ atomic: false, operations }));

test("a text command is shown as it was sent", () => {
  expect(store.describe(TEXT_SCHEMA, utf8("set ö  = \ufeff5"))).toBe("set ö  = \ufeff5");
});

test("operations are shown by what they do", () => {
  expect(described(put("dir/ö", new Uint8Array(256), { flags: 3, cas: 0 }))).toBe("PUT dir/ö (256 bytes)");
  expect(described(del("dir/ö", { cas: 4 }))).toBe("DELETE dir/ö");
  expect(described(del("dir/", { recurse: true }))).toBe("DELETE dir/ (recurse)");
  expect(described(put("a", ""), del("b"), put("c", ""))).toBe("BATCH 3 operations");
});

test("what cannot be read is shown as such", () => {
  expect(store.describe(OPERATIONS_SCHEMA, utf8("garbage"))).toBe("MALFORMED (7 bytes)");
  expect(store.describe(TEXT_SCHEMA, Uint8Array.of(0x53, 0xff))).toBe("S\ufffd");
  expect(store.describe(99, utf8("x"))).toBe("SCHEMA 99 (1 bytes)");
});
