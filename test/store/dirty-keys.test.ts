import { expect, test, vi } from "vitest";
import { DirtyKeys } from "../../shared/store/dirty-keys.ts";
import { KeyRecord } from "../../shared/store/key-record.ts";
import { Bench, del, put } from "./support.ts";

function dirty(...keys: string[]): KeyRecord[] {
  return keys.map((key) => Object.assign(KeyRecord.named(key), { isDirty: true }));
}

const keysOf = (records: readonly KeyRecord[]) => records.map(({ key }) => key).sort();

/** Asks until all are sorted. */
function ask(keys: DirtyKeys, prefix = ""): KeyRecord[] {
  for (let i = 0; i < 20; i++) keys.under("\uffff");
  return keys.under(prefix);
}

test("keys under a prefix are found among those that are sorted and those that are not", () => {
  const keys = new DirtyKeys();
  const names = ["b", "a/2", "a", "a/1", "a/1/x", "a0", "\u{1F600}a", "\uFFFDa"];
  for (const [at, record] of dirty(...names).entries()) {
    keys.add(record);
    if (at === 4) ask(keys);
  }
  for (const look of [() => undefined, () => ask(keys)]) {
    look();
    for (const prefix of ["", "a", "a/", "a/1", "a/1/x", "a/1/xy", "b", "c", "\u{1F600}", "\uFFFD"]) {
      const expected = names.filter((name) => name.startsWith(prefix)).sort();
      expect(keysOf(keys.under(prefix)), prefix).toEqual(expected);
    }
  }
  expect(keys.take().map(({ key }) => key)).toEqual([...names].sort());
  expect(keys.length).toBe(0);
  expect(keys.under("")).toEqual([]);
});

test("what was added last is taken back, sorted or not", () => {
  for (const asked of [[], [3], [1, 4], [4]]) {
    const keys = new DirtyKeys();
    const records = dirty("d", "b", "c", "a", "e");
    for (const [at, record] of records.entries()) {
      keys.add(record);
      if (asked.includes(at)) ask(keys);
    }
    for (const record of records.slice(2)) record.isDirty = false;
    keys.removeLast(3);
    expect(keysOf(keys.under(""))).toEqual(["b", "d"]);
    expect(keys.length).toBe(2);
  }
});

test("an entry that deletes thousands of prefixes does not look through all that has changed for each", () => {
  const bench = new Bench({ dirtyKeys: 100_000, dirtyChanges: 100_000, keysPerFlush: 1 });
  for (let at = 0; at < 5; at++) {
    bench.operations(Array.from({ length: 1000 }, (_, i) => put(`k${at}/${i}`, "v")));
  }
  const looks = vi.spyOn(String.prototype, "startsWith");
  try {
    bench.operations(Array.from({ length: 1000 }, (_, i) => del(`k3/${i}`, { recurse: true })));
    expect(looks.mock.calls.length).toBeLessThan(100_000);
  } finally {
    looks.mockRestore();
  }
  expect(bench.store.list("")).toHaveLength(4000);
});
