import { expect, test } from "vitest";
import { RaftLiteError } from "../../shared/errors.ts";
import { ChangeLog } from "../../shared/store/change-log.ts";
import { KeyCache } from "../../shared/store/key-cache.ts";
import type { SavedRecord } from "../../shared/store/key-record.ts";
import { KeyTables } from "../../shared/store/key-tables.ts";
import { OPERATIONS_SCHEMA } from "../../shared/store/operations.ts";
import { Bench, del, put, text } from "./support.ts";

const names = (count: number) => Array.from({ length: count }, (_, i) => `k${String(i).padStart(4, "0")}`);
const puts = (keys: readonly string[], value = "v") => keys.map((key) => put(key, value));
const writtenKeys = (bench: Bench) => bench.rows("keys", "CAST(key AS TEXT) AS key").map(({ key }) => key);
const value = (bench: Bench, key: string) => text(bench.store.get(key)?.value);

test("the table of keys is written when enough of them have changed, a part with each flush, in their order", () => {
  const bench = new Bench({ dirtyKeys: 6, dirtyChanges: 1000, keysPerFlush: 2 });
  const keys = names(6);
  for (const key of keys.slice(0, 5).reverse()) {
    bench.operations([put(key, "1")]);
    bench.flush();
  }
  expect(writtenKeys(bench)).toEqual([]);
  bench.operations([put(keys[5]!, "1")]);
  bench.flush();
  expect(writtenKeys(bench)).toEqual(keys.slice(0, 2));
  bench.flush();
  expect(writtenKeys(bench)).toEqual(keys.slice(0, 4));
  bench.flush();
  expect(writtenKeys(bench)).toEqual(keys);
  expect(bench.store.list("").map(({ key }) => key)).toEqual(keys);
});

test("it is written too when few keys have changed often", () => {
  const bench = new Bench({ dirtyKeys: 100, dirtyChanges: 10, keysPerFlush: 2 });
  for (let i = 0; i < 9; i++) bench.operations([put("k", `${i}`)]);
  bench.flush();
  expect(writtenKeys(bench)).toEqual([]);
  bench.operations([put("k", "9")]);
  bench.flush();
  expect(bench.rows("keys", "version, revision")).toEqual([{ version: 10, revision: 10 }]);
});

test("a flush of many changes writes as many keys: what the table lacks stays bounded", () => {
  const bench = new Bench({ dirtyKeys: 10, dirtyChanges: 1000, keysPerFlush: 1 });
  const keys = names(400);
  for (let from = 0; from < keys.length; from += 20) {
    bench.operations(puts(keys.slice(from, from + 20)));
    bench.flush();
    expect(from + 20 - writtenKeys(bench).length).toBeLessThanOrEqual(20);
  }
});

test("a start in the midst of a round, and after keys of it have changed again, finds the newest state of each", () => {
  const bench = new Bench({ dirtyKeys: 6, dirtyChanges: 1000, keysPerFlush: 2 });
  const keys = names(6);
  for (const key of keys) {
    bench.operations([put(key, "1")]);
    bench.flush();
  }
  // The first two are written, the last two are not.
  bench.operations([put(keys[0]!, "2"), del(keys[1]!), put(keys[4]!, "2"), del(keys[5]!)]);
  const expected = ["2", null, "1", "1", "2", null];
  for (const step of [() => undefined, () => bench.flush(), () => bench.flush(), () => bench.flush()]) {
    step();
    expect(keys.map((key) => value(bench, key))).toEqual(expected);
    expect(bench.store.list("").map((stored) => text(stored.value))).toEqual(["2", "1", "1", "2"]);
    bench.crash();
    expect(keys.map((key) => value(bench, key))).toEqual(expected);
    expect(bench.store.lastChangeUnder("")).toBe(7);
  }
});

test("what has changed while a round was under way is in memory at the next start, however far that came", () => {
  const bench = new Bench({ dirtyKeys: 6, dirtyChanges: 1000, keysPerFlush: 2 });
  const keys = names(6);
  bench.operations(puts(keys.slice(0, 5), "1"));
  bench.flush();
  bench.operations(puts(keys.slice(5), "1"));
  bench.flush();
  expect(writtenKeys(bench)).toHaveLength(2);
  // One that the round has passed, one that is still to come.
  bench.operations(puts([keys[0]!, keys[5]!], "2"));
  for (let i = 0; i < 3; i++) bench.flush();
  expect(writtenKeys(bench)).toEqual(keys);
  bench.crash();
  expect(keys.map((key) => value(bench, key))).toEqual(["2", "1", "1", "1", "1", "2"]);
});

test("keys that are always dirty when a round ends are never read from the table", () => {
  const bench = new Bench({ dirtyKeys: 3, dirtyChanges: 1000, keysPerFlush: 1 });
  const keys = names(30);
  const versions = new Map<string, number>();
  for (let i = 0; i < 400; i++) {
    // One key changes all the time, at every place of a round, and the others come by in turn.
    for (const key of i % 3 === 0 ? ["hot"] : [keys[(i * 7) % 30]!]) {
      bench.operations([put(key, `${i}`)]);
      versions.set(key, (versions.get(key) ?? 0) + 1);
    }
    if (i % 2 === 0) bench.flush();
    expect(bench.store.get("hot")?.version).toBe(versions.get("hot"));
  }
  for (const [key, version] of versions) expect(bench.store.get(key)).toMatchObject({ version });
  bench.flush();
  bench.crash();
  for (const [key, version] of versions) expect(bench.store.get(key)).toMatchObject({ version });
});

test("records that were taken back are not held, and take no room", () => {
  const { sql } = new Bench().storage;
  const cache = new KeyCache(new KeyTables(sql), new ChangeLog(sql));
  const saved = ["k", "l"].map((key) => cache.find(key).save());
  for (const { record } of saved) cache.addDirty(record);
  const [{ record }] = saved as [SavedRecord];
  expect(cache.held("k")).toBe(record);
  const { keys, keyOffset } = record;
  cache.takeBack(saved);
  expect(cache.held("k")).toBeUndefined();
  expect(cache.held("l")).toBeUndefined();
  expect(cache.dirtyUnder("")).toEqual([]);
  const next = cache.find("m");
  cache.addDirty(next);
  expect(next.keys).toBe(keys);
  expect(next.keyOffset).toBe(keyOffset);
});

test("a record that was taken back is found as it was, whatever takes its place in memory", () => {
  const bench = new Bench({ dirtyKeys: 4, dirtyChanges: 1000, keysPerFlush: 2 });
  const keys = names(12);
  // The table has an older state of the first one, which is in memory since a generation before.
  for (const some of [keys.slice(0, 3), keys.slice(3, 6), keys.slice(0, 1), keys.slice(6, 8)]) {
    bench.operations(puts(some, "1"));
    bench.flush();
  }
  expect(bench.rows("keys", "version").length).toBe(6);
  for (let round = 0; round < 3; round++) {
    const refused = [...puts(["x", ...keys, "ö".repeat(200)], "no"), put("x", "no", { cas: 0 })];
    expect(bench.operations(refused, true)).toMatchObject({ ok: false });
    bench.operations(puts([`after ${round}`], "1"));
    const expected = keys.map((_, at) => (at < 8 ? "1" : null));
    expect(keys.map((key) => value(bench, key))).toEqual(expected);
    expect(bench.store.get(keys[0]!)).toMatchObject({ version: 2 });
    expect(value(bench, "x")).toBeNull();
    expect(bench.store.list("k").map(({ key }) => key)).toEqual(keys.slice(0, 8));
  }
  bench.operations([put(keys[0]!, "2"), put(keys[8]!, "2")]);
  bench.flush();
  bench.crash();
  expect(bench.store.get(keys[0]!)).toMatchObject({ version: 3 });
  expect(bench.store.get(keys[8]!)).toMatchObject({ version: 1 });
});

test("keys are found by their bytes, whatever is in them", () => {
  const bench = new Bench({ dirtyKeys: 10_000, dirtyChanges: 100_000, keysPerFlush: 1 });
  const ascii = "0123456789".repeat(52);
  const keys = [
    "\0",
    "\0\0",
    "a",
    "a\0",
    "ä",
    "a\u0308",
    "€",
    "\u{1f600}",
    "\ufeff",
    "\ufffd",
    "\x7f",
    "\x80",
  ];
  for (let length = 1; length <= 512; length++) keys.push(ascii.slice(0, length));
  keys.push("ö".repeat(256), `${"ö".repeat(255)}o`);
  for (let version = 1; version <= 3; version++) {
    bench.operations(puts(keys, `${version}`));
    for (const key of keys) {
      expect(bench.store.get(key)).toMatchObject({ version, createRevision: 1 });
      expect(bench.store.lastChangeOf(key)).toBe(version);
    }
    if (version === 2) bench.flush();
  }
  expect(bench.store.list("").length).toBe(keys.length);
  bench.flush();
  bench.crash();
  for (const key of keys) expect(bench.store.get(key)).toMatchObject({ version: 3 });
  for (const wrong of ["", "\ud83d", `${ascii.slice(0, 512)}0`, "ö".repeat(257)]) {
    expect(() => bench.store.get(wrong)).toThrow(RaftLiteError);
  }
});

test("a new key that an entry changes several times is one key", () => {
  const bench = new Bench();
  const results = bench.operations([
    ...puts(["new", "new", "other"], "1"),
    del("new"),
    put("new", "2", { cas: 0 }),
    del("", { recurse: true }),
    ...puts(["new", "new"], "3"),
  ]);
  expect(results).toMatchObject({ ok: true });
  expect(bench.store.get("new")).toMatchObject({ version: 2, createRevision: 1 });
  bench.flush();
  expect(bench.changes().map(({ key, version }) => [key, version])).toEqual([
    ["new", 2],
    ["other", 0],
  ]);
});

test.each([
  [
    "a key that is no UTF-8, after one that is known",
    "0002 01016b0000 0101ff0000",
    "bad-operation",
    "not UTF-8",
  ],
  ["a key that begins as a known one does", "0001 01026bff0000", "bad-operation", "not UTF-8"],
  [
    "first a key that is no UTF-8, then an unknown kind",
    "0002 0101ff0000 03016b",
    "bad-operation",
    "not UTF-8",
  ],
  ["first an unknown kind, then a key that is no UTF-8", "0002 03016b 0101ff0000", "bad-operation", "kind 3"],
  ["a key of 513 bytes", `0002 01016b0000 01 8104${"6b".repeat(513)} 0000`, "key-too-large", "512"],
  [
    "a key of 513 bytes that is no UTF-8",
    `0001 01 8104${"ff".repeat(513)} 0000`,
    "bad-operation",
    "not UTF-8",
  ],
])("%s: the entry is refused, and changes nothing", (_, hex, code, says) => {
  const bench = new Bench();
  bench.operations([put("k", "1")]);
  const body = Uint8Array.from(Buffer.from(hex.replaceAll(" ", ""), "hex"));
  const refused = bench.store.apply(bench.append(OPERATIONS_SCHEMA, body));
  expect(refused).toMatchObject({ refused: code, message: expect.stringContaining(says) });
  expect(bench.store.list("").map(({ key, version }) => [key, version])).toEqual([["k", 1]]);
  expect(bench.store.lastChange).toBe(1);
});

test("keys that were put out of memory are found again, and go on from where they were", () => {
  const bench = new Bench({ dirtyKeys: 2, dirtyChanges: 4, keysPerFlush: 2 });
  const keys = names(40);
  for (let round = 1; round <= 3; round++) {
    for (const key of keys) {
      bench.operations([put(key, `${round}`)]);
      bench.flush();
      expect(bench.store.get(key)).toMatchObject({ version: round });
    }
  }
  expect(bench.operations(puts([keys[7]!], "x"))).toMatchObject({ ok: true });
  expect(bench.store.get(keys[7]!)).toMatchObject({ version: 4 });
});

test("a batch that was taken back leaves nothing behind, nor does it forget what was there", () => {
  const bench = new Bench({ dirtyKeys: 4, dirtyChanges: 1000, keysPerFlush: 1 });
  bench.operations(puts(["a", "b", "c"], "1")); // 1
  bench.flush();
  bench.operations([put("b", "2")]); // 2
  const before = bench.store.list("");
  const batch = [
    put("a", "x"),
    put("a", "y"),
    put("new", "x"),
    del("", { recurse: true }),
    put("b", "x", { cas: 9 }),
  ];
  expect(bench.operations(batch, true)).toMatchObject({ ok: false });
  expect(bench.store.list("")).toEqual(before);
  expect(bench.store.get("new")).toBeNull();
  expect(bench.store.lastChange).toBe(2);
  bench.operations([put("a", "3", { cas: 1 }), put("new", "3", { cas: 0 })], true); // 4
  bench.flush();
  bench.crash();
  expect(
    bench.changes().map(({ revision, key, previousRevision }) => [revision, key, previousRevision]),
  ).toEqual([
    [1, "a", 0],
    [1, "b", 0],
    [1, "c", 0],
    [2, "b", 1],
    [4, "a", 1],
    [4, "new", 0],
  ]);
});

test("an entry's changes may take several segments: each of them is found", () => {
  const bench = new Bench();
  const keys = names(2000);
  bench.operations(puts(keys, "then"));
  bench.flush();
  expect(bench.rows("change_segments").length).toBeGreaterThan(5);
  const scan = bench.store.scan("");
  bench.operations([del("", { recurse: true })]);
  bench.flush();
  bench.operations(puts(keys, "later"));
  bench.flush();
  expect([...scan].map((stored) => [stored.key, text(stored.value)])).toEqual(
    keys.map((key) => [key, "then"]),
  );
  expect(bench.store.hasChangedUnder(keys[1999]!, 2)).toBe(true);
  expect(bench.store.hasChangedUnder(keys[1999]!, 3)).toBe(false);
});

test("large numbers come back as they were", () => {
  const bench = new Bench({ dirtyKeys: 100, dirtyChanges: 1000, keysPerFlush: 1 });
  bench.last = 2 ** 40;
  bench.operations([put("k", "v", { flags: 2 ** 53 - 1 })]);
  bench.last = 2 ** 45;
  bench.operations([put("k", "w".repeat(300))]);
  bench.operations([put("l", "", { flags: 2 ** 32 })]);
  bench.flush();
  const before = bench.store.list("");
  bench.crash();
  expect(bench.store.list("")).toEqual(before);
  expect(
    bench.changes().map(({ revision, previousRevision, flags }) => [revision, previousRevision, flags]),
  ).toEqual([
    [2 ** 40 + 1, 0, 2 ** 53 - 1],
    [2 ** 45 + 1, 2 ** 40 + 1, 0],
    [2 ** 45 + 2, 0, 2 ** 32],
  ]);
});

test.each([
  [
    "a flipped bit",
    "UPDATE change_segments SET changes = CAST(replace(changes, 'k', 'j') AS BLOB)",
    "checksum",
  ],
  ["another revision", "UPDATE change_segments SET last_revision = 2", "checksum"],
  ["a missing row", "DELETE FROM change_segments WHERE id = 1", "missing"],
])("%s in the log of changes stops a start, and names the row", (_, damage, says) => {
  const bench = new Bench({ dirtyKeys: 100, dirtyChanges: 1000, keysPerFlush: 1 });
  for (let i = 0; i < 2; i++) {
    bench.operations(puts(["k1", "k2"]));
    bench.flush();
  }
  bench.storage.database.exec(damage);
  let thrown: unknown;
  try {
    bench.crash();
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toBeInstanceOf(RaftLiteError);
  expect(thrown).toMatchObject({ code: "storage-damaged", message: expect.stringContaining(says) });
  expect((thrown as Error).message).toContain("table change_segments, id=1");
});

test.each([
  ["ahead", "UPDATE keys_written SET segment = 2", "its segment does not match its checksum"],
  ["behind", "UPDATE keys_written SET segment = 0", "its segment does not match its checksum"],
  ["past segments that are gone", "DELETE FROM change_segments", "1 is past the last segment, 0"],
])(
  "how far the table of keys has come, damaged to be %s, stops a start, and names the row",
  (_, damage, says) => {
    const bench = new Bench({ dirtyKeys: 2, dirtyChanges: 1000, keysPerFlush: 2 });
    bench.operations(puts(["k1", "k2"]));
    bench.flush();
    expect(bench.rows("keys_written", "segment")).toEqual([{ segment: 1 }]);
    bench.operations(puts(["k1"], "not in the table of keys"));
    bench.flush();
    bench.storage.database.exec(damage);
    // Whoever believes it takes the table's states for the newest.
    expect(() => bench.crash()).toThrow(`table keys_written, id=1: ${says}`);
  },
);
