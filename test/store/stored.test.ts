import { describe, expect, test, vi } from "vitest";
import { InvariantViolation, RaftLiteError } from "../../shared/errors.ts";
import { TEXT_SCHEMA } from "../../shared/storage/entry.ts";
import { KeyValueStore } from "../../shared/store/key-value-store.ts";
import { always, bench, value } from "./each-bench.ts";
import { commandEntry, put, utf8 } from "./support.ts";

/** What stands in the tables: revisions, values and what a crash leaves of them. */

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

test("a disk that fails while a command is applied is an error, and no answer to the command", () => {
  bench.command("SET x=1");
  bench.flush();
  bench.crash();
  const entry = bench.append(TEXT_SCHEMA, utf8("CAS x 1 2"));
  const broken = new RaftLiteError("storage-failed", "The disk failed a read.");
  vi.spyOn(bench.storage.sql, "exec").mockImplementation(() => {
    throw broken;
  });
  expect(() => bench.store.apply(entry)).toThrow(broken);
});
