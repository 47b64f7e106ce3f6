import { beforeEach, describe, expect, test } from "vitest";
import { InvariantViolation } from "../../shared/errors.ts";
import { isRefusal } from "../../shared/refusal.ts";
import { TEXT_SCHEMA } from "../../shared/storage/entry.ts";
import { KeyValueStore } from "../../shared/store/key-value-store.ts";
import { OPERATIONS_SCHEMA } from "../../shared/store/operations.ts";
import { Bench, commandEntry, del, put, text, utf8 } from "./support.ts";

let bench: Bench;

beforeEach(() => {
  bench = new Bench();
});

const value = (key: string): string | null => text(bench.store.get(key)?.value);
const keys = (prefix = ""): string[] => bench.store.list(prefix).map(({ key }) => key);

/** Every statement about what is stored must hold before the flush, after it, and after a restart. */
function always(check: () => void): void {
  check();
  bench.flush();
  check();
  expect(bench.crash()).toEqual([]);
  check();
}

describe("text commands", () => {
  test("SET stores and answers OK", () => {
    expect(bench.command("SET x=5")).toBe("OK");
    expect(bench.command("set y = größer 😀")).toBe("OK");
    expect(bench.command("SET z=")).toBe("OK");
    always(() => {
      expect(value("x")).toBe("5");
      expect(value("y")).toBe("größer 😀");
      expect(value("z")).toBe("");
      expect(bench.store.get("w")).toBeNull();
    });
  });

  test("a SET over a value replaces it", () => {
    bench.command("SET x=5");
    bench.flush();
    bench.command("SET x=6");
    always(() => expect(value("x")).toBe("6"));
  });

  test("DEL answers how many keys went", () => {
    expect(bench.command("DEL x")).toBe(0);
    bench.command("SET x=5");
    expect(bench.command("DEL x")).toBe(1);
    expect(bench.command("DEL x")).toBe(0);
    always(() => expect(bench.store.get("x")).toBeNull());
    expect(bench.command("DEL x")).toBe(0);
  });

  test("DEL finds a key that was flushed", () => {
    bench.command("SET x=5");
    bench.flush();
    expect(bench.command("del x")).toBe(1);
    always(() => expect(bench.store.get("x")).toBeNull());
  });

  test.each(["memory", "tables"])("CAS puts only over the value it names, from %s", (where) => {
    const settle = (): void => {
      if (where === "tables") bench.flush();
    };
    expect(bench.command("CAS x 1 2")).toBe(false);
    expect(bench.store.get("x")).toBeNull();
    bench.command("SET x=1");
    settle();
    expect(bench.command("CAS x 12 2")).toBe(false);
    expect(bench.command("CAS x 2 1")).toBe(false);
    expect(value("x")).toBe("1");
    expect(bench.command("CAS x 1 größer")).toBe(true);
    settle();
    expect(bench.command("CAS x größe 3")).toBe(false);
    expect(bench.command("CAS x größer 3")).toBe(true);
    always(() => expect(value("x")).toBe("3"));
    bench.command("DEL x");
    expect(bench.command("CAS x 3 4")).toBe(false);
  });

  test("a GET in the log answers the value, base64 where it is no text, and changes nothing", () => {
    bench.command("SET x=ö");
    bench.operations([put("b", Uint8Array.of(0xff, 0, 1))]);
    for (const _ of ["memory", "tables"]) {
      expect(bench.command("GET x")).toBe("ö");
      expect(bench.command("GET b")).toEqual({ base64: "/wAB" });
      expect(bench.command("GET y")).toBeNull();
      bench.flush();
    }
    expect(bench.store.lastChange).toBe(2);
  });

  test("a byte order mark belongs to the key and to the value", () => {
    bench.operations([put("\ufeffk", "\ufeff1"), put("x", "\ufeff2")]);
    always(() => {
      expect(bench.store.list("\ufeff")).toMatchObject([{ key: "\ufeffk", value: utf8("\ufeff1") }]);
      expect(value("\ufeffk")).toBe("\ufeff1");
    });
    expect(bench.command("GET x")).toBe("\ufeff2");
  });

  test("a large value that is no text comes as base64 whole", () => {
    const bytes = Uint8Array.from({ length: 100_000 }, (_, n) => n * 7);
    bench.operations([put("b", bytes)]);
    expect(bench.command("GET b")).toEqual({ base64: Buffer.from(bytes).toString("base64") });
  });

  test("a value with line breaks, control characters and a byte order mark comes back to the byte", () => {
    const odd = "a\r\n\u0000\u001b\ufeffb";
    bench.command(`SET x=${odd}`);
    always(() => expect(value("x")).toBe(odd));
  });
});

describe("what cannot be read", () => {
  test.each([
    ["FOO x", "unknown-verb", 400],
    ["", "bad-command", 400],
    ["SET x", "bad-command", 400],
    [" SET x=5", "bad-command", 400],
    ["SET x=5\n", "bad-command", 400],
    // A decoder that swallows the mark would leave every offset three bytes short.
    ["\ufeffSET x=5", "bad-command", 400],
    [`SET ${"k".repeat(513)}=5`, "key-too-large", 413],
  ])("%j is refused as a result, and nothing changes", (command, refused, status) => {
    bench.command("SET x=1");
    const result = bench.command(command);
    expect(result).toMatchObject({ refused, status, message: expect.any(String) });
    expect(isRefusal(result)).toBe(true);
    expect(JSON.parse(JSON.stringify(result))).toEqual(result);
    always(() => {
      expect(keys()).toEqual(["x"]);
      expect(value("x")).toBe("1");
      expect(bench.store.lastChange).toBe(1);
    });
  });

  test("bytes that are no UTF-8, no operations, or of an unknown schema are refused as a result", () => {
    const invalid = Uint8Array.of(...utf8("SET x="), 0xff);
    expect(bench.store.apply(bench.append(TEXT_SCHEMA, invalid))).toMatchObject({ refused: "bad-command" });
    const garbage = Uint8Array.of(1, 2, 3);
    expect(bench.store.apply(bench.append(OPERATIONS_SCHEMA, garbage))).toMatchObject({
      refused: "bad-operation",
    });
    expect(bench.store.apply(bench.append(99, utf8("SET x=5")))).toMatchObject({
      refused: "unknown-schema",
    });
    always(() => expect(keys()).toEqual([]));
  });

  test("no result of a command is taken for a refusal", () => {
    const results = [
      bench.command("SET x=5"),
      bench.command("GET x"),
      bench.command("GET y"),
      bench.command("DEL x"),
      bench.command("CAS x 1 2"),
      bench.operations([put("b", Uint8Array.of(0xff))]),
      bench.command("GET b"),
    ];
    expect(results.map(isRefusal)).toEqual(results.map(() => false));
  });
});

describe("revisions", () => {
  test("count puts since the key was last absent", () => {
    bench.command("SET x=1"); // 1
    bench.command("SET y=1"); // 2
    bench.command("SET x=2"); // 3
    bench.command("CAS x 2 3"); // 4
    always(() =>
      expect(bench.store.get("x")).toEqual({
        value: utf8("3"),
        flags: 0,
        createRevision: 1,
        modifyRevision: 4,
        version: 3,
      }),
    );
    bench.command("DEL x"); // 5
    bench.command("SET x=4"); // 6
    bench.command("SET x=5"); // 7
    always(() =>
      expect(bench.store.get("x")).toMatchObject({ createRevision: 6, modifyRevision: 7, version: 2 }),
    );
  });

  test("start anew also when deletion and creation are flushed apart", () => {
    for (const command of ["SET x=1", "SET x=2", "DEL x", "SET x=3"]) {
      bench.command(command);
      bench.flush();
    }
    expect(bench.store.get("x")).toMatchObject({ createRevision: 4, modifyRevision: 4, version: 1 });
  });

  test("every change is kept and points at the one before, deletions included", () => {
    const script = ["SET x=1", "SET y=1", "SET x=2", "DEL x", "GET y", "SET x=3", "CAS x 3 4"];
    script.forEach((command, at) => {
      bench.command(command);
      if (at === 2 || at === 3) bench.flush();
    });
    bench.flush();
    const rows = bench
      .changes()
      .map(({ revision, key, previousRevision, version, createRevision, valueOffset, valueLength }) => [
        ...[revision, key, previousRevision, version, createRevision, valueOffset, valueLength],
      ]);
    expect(rows).toEqual([
      [1, "x", 0, 1, 1, 6, 1],
      [2, "y", 0, 1, 2, 6, 1],
      [3, "x", 1, 2, 1, 6, 1],
      [4, "x", 3, 0, 0, 0, 0],
      [6, "x", 4, 1, 6, 6, 1],
      [7, "x", 6, 2, 6, 8, 1],
    ]);
  });

  test("a key written a hundred times in a group is one row of its own, and a hundred changes in one segment", () => {
    for (let n = 1; n <= 100; n++) bench.command(`SET x=${n}`);
    const before = bench.storage.database.prepare("SELECT total_changes() AS n");
    const written = (): number => Number(before.get()?.n);
    const start = written();
    bench.flush();
    // The third says how far the table of keys has come.
    expect(written() - start).toBe(3);
    expect(bench.rows("change_segments")).toHaveLength(1);
    expect(bench.changes()).toHaveLength(100);
    expect(bench.rows("keys", "version, revision")).toEqual([{ version: 100, revision: 100 }]);
    expect(value("x")).toBe("100");
  });

  test("the last change is known of all, of a key and of a prefix, deletions included", () => {
    expect(bench.store.lastChange).toBe(0);
    expect(bench.store.lastChangeUnder("")).toBe(0);
    bench.command("SET a/1=1"); // 1
    bench.command("SET a/2=1"); // 2
    bench.command("SET b=1"); // 3
    bench.command("DEL a/1"); // 4
    bench.command("SET b=2"); // 5
    bench.command("DEL nothing"); // 6
    bench.command("CAS b 1 3"); // 7
    bench.command("GET b"); // 8
    always(() => {
      expect(bench.store.lastChange).toBe(5);
      expect(bench.store.lastChangeOf("a/1")).toBe(4);
      expect(bench.store.lastChangeOf("a/2")).toBe(2);
      expect(bench.store.lastChangeOf("nothing")).toBe(0);
      expect(bench.store.lastChangeUnder("a/")).toBe(4);
      expect(bench.store.lastChangeUnder("a/2")).toBe(2);
      expect(bench.store.lastChangeUnder("c")).toBe(0);
      expect(bench.store.lastChangeUnder("")).toBe(5);
    });
    bench.command("SET a/3=1"); // 9
    expect(bench.store.lastChangeUnder("a/")).toBe(9);
    expect(bench.store.lastChangeUnder("a/2")).toBe(2);
  });
});

describe("lists", () => {
  // In UTF-16, as JavaScript compares, the emoji stands before U+FFEE; in UTF-8 behind it.
  const ordered = ["", "\u0001", "/1", "/2", "A", "a", "aa", "b", "\u007f", "é", "\uffee", "😀", "😀a"].map(
    (rest) => `k${rest}`,
  );

  test("are in the order of UTF-8 bytes, wherever the keys are", () => {
    const shuffled = [5, 11, 0, 8, 2, 12, 10, 1, 9, 3, 7, 4, 6].map((at) => ordered[at]!);
    shuffled.forEach((key, at) => {
      bench.operations([put(key, "old")]);
      if (at === 6) bench.flush();
      if (at % 3 === 0) bench.operations([put(key, "new")]);
    });
    always(() => {
      expect(keys()).toEqual(ordered);
      expect(keys("k")).toEqual(ordered);
      expect(keys("k/")).toEqual(["k/1", "k/2"]);
      expect(keys("ka")).toEqual(["ka", "kaa"]);
      expect(keys("k😀")).toEqual(["k😀", "k😀a"]);
      expect(keys("k\uffee")).toEqual(["k\uffee"]);
      expect(keys("x")).toEqual([]);
    });
  });

  test("carry values and leave out what was deleted", () => {
    bench.operations([put("a", "1"), put("b", "2", { flags: 7 }), put("c", "3")]);
    bench.flush();
    bench.command("DEL a");
    bench.command("SET c=4");
    always(() => {
      expect(bench.store.list("")).toEqual([
        { key: "b", value: utf8("2"), flags: 7, createRevision: 1, modifyRevision: 1, version: 1 },
        { key: "c", value: utf8("4"), flags: 0, createRevision: 1, modifyRevision: 3, version: 2 },
      ]);
      expect([...bench.store.dump()]).toEqual(bench.store.list(""));
    });
  });

  test("may begin with the last character there is", () => {
    const last = "\u{10ffff}";
    bench.operations([put(last, "1"), put(`${last}a`, "2"), put("a", "3")]);
    always(() => {
      expect(keys(last)).toEqual([last, `${last}a`]);
      expect(keys()).toEqual(["a", last, `${last}a`]);
    });
  });
});

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

describe("a value", () => {
  test("is stored once: in the entry, and in no other table", () => {
    const secret = "a value that occurs nowhere else";
    bench.command(`SET x=${secret}`);
    bench.operations([put("y", secret), put("z", `${secret}, larger ${"z".repeat(5000)}`)]);
    bench.command(`CAS x old ${secret.replaceAll(" ", "_")}`);
    bench.flush();
    const { database } = bench.storage;
    const tables = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").all();
    const holding = tables
      .map(({ name }) => String(name))
      .filter((name) =>
        database
          .prepare(`SELECT * FROM ${name}`)
          .all()
          .some((row) =>
            Object.values(row).some((cell) =>
              (cell instanceof Uint8Array ? Buffer.from(cell).toString("latin1") : String(cell)).includes(
                secret,
              ),
            ),
          ),
      );
    expect(tables.map(({ name }) => name).sort()).toEqual([
      "change_segments",
      "entries",
      "keys",
      "keys_written",
    ]);
    expect(holding).toEqual(["entries"]);
    expect(value("y")).toBe(secret);
  });

  test("in memory is a view of the entry, not a copy", () => {
    const entry = bench.append(TEXT_SCHEMA, utf8("SET x=5"));
    bench.store.apply(entry);
    expect(bench.store.get("x")!.value.buffer).toBe(entry.data.bytes.buffer);
  });

  test("whose entry is gone or too short is an error, not an absent key", () => {
    bench.command("SET x=12345");
    bench.flush();
    bench.storage.sql.exec("UPDATE entries SET body = ? WHERE idx = 1", utf8("SET x=1"));
    expect(() => bench.store.get("x")).toThrow(InvariantViolation);
    bench.storage.sql.exec("DELETE FROM entries WHERE idx = ?", 1);
    expect(() => bench.store.get("x")).toThrow(InvariantViolation);
    expect(() => bench.store.list("")).toThrow(InvariantViolation);
  });
});

describe("durability", () => {
  test("nothing reaches the tables before the flush", () => {
    bench.command("SET x=5");
    expect(bench.rows("keys")).toEqual([]);
    expect(bench.changes()).toEqual([]);
  });

  test("what was not flushed is applied again, with the same results", () => {
    bench.command("SET x=1");
    bench.flush();
    const results = [bench.command("CAS x 1 2"), bench.command("DEL y"), bench.command("SET y=3")];
    expect(bench.crash()).toEqual(results);
    expect(value("x")).toBe("2");
    expect(value("y")).toBe("3");
  });

  test("a flush of nothing writes nothing", () => {
    bench.command("GET x");
    bench.flush();
    expect(bench.changes()).toEqual([]);
  });

  test("an entry applied twice, or a store ahead of its applied index, is an invariant violated", () => {
    bench.command("SET x=1");
    expect(() => bench.store.apply(commandEntry(1, TEXT_SCHEMA, utf8("SET x=1")))).toThrow(
      InvariantViolation,
    );
    bench.flush();
    expect(() => new KeyValueStore().open(bench.storage, 0)).toThrow(InvariantViolation);
  });

  test("entries of Raft's own leave gaps in the indexes", () => {
    bench.last = 4;
    bench.command("SET x=1");
    bench.last = 9;
    bench.command("SET x=2");
    always(() =>
      expect(bench.store.get("x")).toMatchObject({ createRevision: 5, modifyRevision: 10, version: 2 }),
    );
  });
});

describe("keys given to reads", () => {
  test.each([
    ["", "bad-key", 400],
    ["\ud800", "bad-key", 400],
    ["k".repeat(513), "key-too-large", 413],
  ])("%j is refused", (key, code, status) => {
    expect(() => bench.store.get(key)).toThrow(expect.objectContaining({ code, status }));
    if (key !== "") expect(() => bench.store.list(key)).toThrow(expect.objectContaining({ code, status }));
  });
});
