import { describe, expect, test } from "vitest";
import { always, bench, keys, value } from "./each-bench.ts";
import { del, put, text } from "./support.ts";

/** What becomes of operations: one by one, in a batch, all or none. */

describe("operations", () => {
  test("put bytes and flags, exactly", () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, n) => n);
    expect(bench.operations([put("k\u0000 ö", bytes, { flags: 2 ** 53 - 1 })])).toEqual({
      ok: true,
      results: [{ ok: true, ModifyIndex: 1 }],
    });
    always(() =>
      expect(bench.store.get("k\u0000 ö")).toEqual({
        value: bytes,
        flags: 2 ** 53 - 1,
        createRevision: 1,
        modifyRevision: 1,
        version: 1,
      }),
    );
  });

  test("put with cas needs that ModifyIndex; 0 needs absence", () => {
    expect(bench.operations([put("k", "1", { cas: 1 })])).toEqual({
      ok: true,
      results: [{ ok: false, ModifyIndex: 0, code: "cas-failed" }],
    });
    expect(bench.operations([put("k", "1", { cas: 0 })])).toMatchObject({
      results: [{ ok: true, ModifyIndex: 2 }],
    });
    expect(bench.operations([put("k", "2", { cas: 0 })])).toEqual({
      ok: true,
      results: [{ ok: false, ModifyIndex: 2, code: "cas-failed" }],
    });
    bench.flush();
    expect(bench.operations([put("k", "2", { cas: 2 })])).toMatchObject({
      results: [{ ok: true, ModifyIndex: 4 }],
    });
    bench.command("DEL k");
    bench.flush();
    expect(bench.operations([put("k", "3", { cas: 4 })])).toMatchObject({
      results: [{ ok: false, ModifyIndex: 0 }],
    });
    expect(bench.operations([put("k", "3", { cas: 0 })])).toMatchObject({
      results: [{ ok: true, ModifyIndex: 7 }],
    });
    always(() => expect(value("k")).toBe("3"));
  });

  test("delete as Consul: an absent key is a success, cas=0 deletes nothing", () => {
    expect(bench.operations([del("k"), del("k", { cas: 5 }), del("k", { cas: 0 })])).toEqual({
      ok: true,
      results: [0, 1, 2].map(() => ({ ok: true, ModifyIndex: 0 })),
    });
    bench.operations([put("k", "1")]); // 2
    expect(bench.operations([del("k", { cas: 0 }), del("k", { cas: 1 })])).toEqual({
      ok: true,
      results: [0, 1].map(() => ({ ok: false, ModifyIndex: 2, code: "cas-failed" })),
    });
    expect(value("k")).toBe("1");
    expect(bench.operations([del("k", { cas: 2 })])).toEqual({
      ok: true,
      results: [{ ok: true, ModifyIndex: 4 }],
    });
    always(() => expect(bench.store.get("k")).toBeNull());
  });

  test("delete with recurse takes the whole prefix, from memory, tables and the batch itself", () => {
    bench.operations([put("a", "1"), put("a/1", "1"), put("a/2", "1"), put("b", "1")]);
    bench.flush();
    bench.operations([put("a/3", "1"), del("a/2")]);
    expect(bench.operations([put("a/4", "1"), del("a/", { recurse: true }), put("a/1", "2")])).toEqual({
      ok: true,
      results: [0, 1, 2].map(() => ({ ok: true, ModifyIndex: 3 })),
    });
    always(() => {
      expect(keys()).toEqual(["a", "a/1", "b"]);
      expect(bench.store.get("a/1")).toMatchObject({ createRevision: 3, version: 1 });
    });
    expect(bench.operations([del("zzz", { recurse: true })])).toMatchObject({
      results: [{ ok: true, ModifyIndex: 0 }],
    });
    expect(bench.store.lastChange).toBe(3);
    bench.operations([del("", { recurse: true })]);
    always(() => expect(keys()).toEqual([]));
  });

  test("each sees those before it in the batch", () => {
    bench.command("SET k=0"); // 1
    expect(
      bench.operations([
        put("k", "1", { cas: 1 }),
        put("k", "2", { cas: 1 }),
        put("k", "3", { cas: 2 }),
        del("k", { cas: 2 }),
        put("k", "4", { cas: 0 }),
      ]),
    ).toEqual({
      ok: true,
      results: [
        { ok: true, ModifyIndex: 2 },
        { ok: false, ModifyIndex: 2, code: "cas-failed" },
        { ok: true, ModifyIndex: 2 },
        { ok: true, ModifyIndex: 2 },
        { ok: true, ModifyIndex: 2 },
      ],
    });
    always(() => {
      expect(value("k")).toBe("4");
      expect(bench.store.get("k")).toMatchObject({ createRevision: 2, modifyRevision: 2, version: 1 });
    });
    expect(bench.changes().map(({ revision, previousRevision }) => [revision, previousRevision])).toEqual([
      [1, 0],
      [2, 1],
    ]);
  });

  test("without atomic: those that can be done are done", () => {
    bench.command("SET b=0"); // 1
    expect(bench.operations([put("a", "1"), put("b", "1", { cas: 9 }), put("c", "1")])).toEqual({
      ok: true,
      results: [
        { ok: true, ModifyIndex: 2 },
        { ok: false, ModifyIndex: 1, code: "cas-failed" },
        { ok: true, ModifyIndex: 2 },
      ],
    });
    always(() => {
      expect(keys()).toEqual(["a", "b", "c"]);
      expect(value("b")).toBe("0");
    });
  });

  test("atomic: one refused, none done, and each says why", () => {
    bench.command("SET a=0"); // 1
    bench.command("SET b=0"); // 2
    const batch = [
      put("a", "1"),
      put("b", "1", { cas: 9 }),
      put("c", "1"),
      del("a", { cas: 2 }),
      del("", { recurse: true }),
    ];
    expect(bench.operations(batch, true)).toEqual({
      ok: false,
      results: [
        { ok: false, ModifyIndex: 1, code: "rolled-back" },
        { ok: false, ModifyIndex: 2, code: "cas-failed" },
        { ok: false, ModifyIndex: 0, code: "rolled-back" },
        { ok: false, ModifyIndex: 1, code: "cas-failed" },
        { ok: false, ModifyIndex: 0, code: "rolled-back" },
      ],
    });
    always(() => {
      expect(bench.store.list("").map(({ key, value }) => [key, text(value)])).toEqual([
        ["a", "0"],
        ["b", "0"],
      ]);
      expect(bench.store.lastChange).toBe(2);
    });
    expect(bench.changes()).toHaveLength(2);
  });

  test("atomic: all hold, all done", () => {
    bench.command("SET a=0"); // 1
    expect(bench.operations([put("a", "1", { cas: 1 }), put("b", "1", { cas: 0 })], true)).toEqual({
      ok: true,
      results: [
        { ok: true, ModifyIndex: 2 },
        { ok: true, ModifyIndex: 2 },
      ],
    });
    always(() => expect(keys()).toEqual(["a", "b"]));
  });

  test("a text SET leaves no flags behind", () => {
    bench.operations([put("k", "1", { flags: 5 })]);
    bench.command("SET k=2");
    expect(bench.store.get("k")!.flags).toBe(0);
  });
});
