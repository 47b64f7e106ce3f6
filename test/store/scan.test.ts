import fc from "fast-check";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { Bench, del, put, text } from "./support.ts";

let bench: Bench;
beforeEach(() => {
  bench = new Bench();
});

const name = (i: number) => `k${String(i).padStart(4, "0")}`;
const fill = (count: number) => {
  for (let i = 0; i < count; i++) bench.command(`SET ${name(i)}=${i}`);
};

describe("a scan shows the keys as they were when it was asked for", () => {
  test.each([
    ["in memory", () => undefined],
    ["in the tables", () => bench.flush()],
  ])("%s, over several pages, whatever happens meanwhile", (_where, settle) => {
    fill(1000);
    settle();
    const scan = bench.store.scan("k");
    const expected = bench.store.list("k");
    const seen = [];
    let step = 0;
    for (const row of scan) {
      seen.push(row);
      // Before and behind where the scan stands: changed, deleted, put anew, and added.
      const at = (step++ * 37) % 1000;
      bench.operations([put(name(at), "later"), del(name((at + 1) % 1000)), put(`${name(at)}+`, "new")]);
      if (step % 10 === 0) bench.flush();
    }
    expect(seen).toEqual(expected);
  });

  test("keys alone too", () => {
    fill(600);
    const scan = bench.store.scanKeys("k");
    bench.operations([del("", { recurse: true }), put("k", "new")]);
    expect([...scan]).toEqual(Array.from({ length: 600 }, (_, i) => name(i)));
  });

  test("a key that comes and goes often is followed back to where it was", () => {
    bench.command("SET x=then");
    bench.flush();
    const scan = bench.store.scan("");
    for (let i = 0; i < 20; i++) {
      bench.operations([i % 2 === 0 ? del("x") : put("x", `later ${i}`)]);
      if (i % 3 === 0) bench.flush();
    }
    expect([...scan].map(({ key, value, modifyRevision }) => [key, text(value), modifyRevision])).toEqual([
      ["x", "then", 1],
    ]);
  });

  test("what is deleted at the time stays so", () => {
    fill(3);
    bench.operations([del(name(1))]);
    bench.flush();
    const scan = bench.store.scanKeys("");
    bench.operations([put(name(1), "back")]);
    bench.flush();
    expect([...scan]).toEqual([name(0), name(2)]);
  });

  test("many deleted keys between two are passed over", () => {
    fill(1200);
    bench.flush();
    const gone = Array.from({ length: 1198 }, (_, i) => del(name(i + 1)));
    bench.operations(gone);
    bench.flush();
    expect([...bench.store.scanKeys("k")]).toEqual([name(0), name(1199)]);
  });
});

test("a scan may be given up", () => {
  fill(600);
  for (const key of bench.store.scanKeys("")) if (key === name(300)) break;
  expect([...bench.store.scanKeys(name(599))]).toEqual([name(599)]);
});

test.each(["\ud800", "k".repeat(513)])("the prefix %j is refused", (prefix) => {
  expect(() => [...bench.store.scan(prefix)]).toThrow();
  expect(() => bench.store.hasChangedUnder(prefix, 0)).toThrow();
});

test("hasChangedUnder agrees with lastChangeUnder, near and far, flushed and not", () => {
  const key = fc.constantFrom("a", "a/1", "a/2", "b", "b/1", "");
  const action = fc.oneof(
    fc.record({ type: fc.constant("put" as const), key: fc.constantFrom("a", "a/1", "a/2", "b", "b/1") }),
    fc.record({ type: fc.constant("delete" as const), key: fc.constantFrom("a", "a/1", "b/1") }),
    fc.record({ type: fc.constant("flush" as const) }),
    // Beyond the distance up to which changes are looked through.
    fc.record({ type: fc.constant("far" as const) }),
  );
  fc.assert(
    fc.property(fc.array(action, { maxLength: 20 }), key, fc.nat(40), (actions, prefix, back) => {
      const own = new Bench();
      for (const act of actions) {
        if (act.type === "put") own.operations([put(act.key, "v")]);
        else if (act.type === "delete") own.operations([del(act.key)]);
        else if (act.type === "flush") own.flush();
        else {
          own.last += 1500;
          own.operations([put("z", "v")]);
          own.flush();
        }
      }
      for (const after of [0, own.store.lastChangeUnder(prefix) - 1, own.last - back, own.last]) {
        if (after < 0) continue;
        expect(own.store.hasChangedUnder(prefix, after)).toBe(own.store.lastChangeUnder(prefix) > after);
      }
    }),
    { numRuns: 60 },
  );
});

test("however often keys have changed since, no segment of changes is read twice for a page", () => {
  const keys = Array.from({ length: 50 }, (_, i) => `k${i}`);
  bench.operations(keys.map((key) => put(key, "then")));
  bench.flush();
  const scan = bench.store.scan("");
  for (let round = 0; round < 40; round++) {
    for (const key of keys) bench.operations([put(key, `${round}`)]);
    bench.flush();
  }
  const segments = bench.rows("change_segments", "id").length;
  const statements = vi.spyOn(bench.storage.sql, "exec");
  expect([...scan].map(({ value }) => text(value))).toEqual(keys.map(() => "then"));
  const reads = statements.mock.calls.filter(([query]) => query.includes("changes FROM change_segments"));
  expect(reads.length).toBeLessThanOrEqual(segments);
});

test("whether a prefix has changed is not asked of a long log of changes, however few entries made it", () => {
  const keys = Array.from({ length: 1000 }, (_, i) => put(`k${i}`, "v"));
  bench.operations([put("quiet", "v")]); // 1
  for (let i = 0; i < 30; i++) bench.operations(keys);
  bench.operations([put("late", "v")]); // 32
  bench.flush();
  const statements = vi.spyOn(bench.storage.sql, "exec");
  expect(bench.store.hasChangedUnder("quiet", 1)).toBe(false);
  expect(bench.store.hasChangedUnder("late", 1)).toBe(true);
  expect(bench.store.hasChangedUnder("quiet", 31)).toBe(false);
  expect(bench.store.hasChangedUnder("late", 31)).toBe(true);
  const reads = statements.mock.calls.filter(([query]) => query.includes("changes FROM change_segments"));
  expect(reads.length).toBeLessThan(70);
});
