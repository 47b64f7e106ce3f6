import { describe, expect, it } from "vitest";
import type { DurableStorage, SqlValue } from "../../shared/storage/port.ts";

/** One storage under test, and what its maker can do to the machine around it. */
export interface StorageUnderTest {
  readonly storage: DurableStorage;
  /** Ends the node and starts it again, nothing being lost. The storage before must not be used any more. */
  restart(): Promise<DurableStorage>;
  /**
   * Cuts the power: what no sync has covered may be lost. `random` is uniform in 0 … 1. Left out where nobody can cut
   * it. The storage before must not be used any more.
   */
  crash?(random: () => number): Promise<DurableStorage>;
  dispose(): Promise<void>;
}

export type MakeStorage = () => Promise<StorageUnderTest>;

export interface StorageCheck {
  readonly title: string;
  /** Runs only where the power can be cut. */
  readonly needsCrash?: boolean;
  run(make: MakeStorage): Promise<void>;
}

/** Runs every check against an adapter. */
export function testStorage(name: string, make: MakeStorage, canCrash: boolean): void {
  describe(name, () => {
    for (const check of storageChecks) {
      it.skipIf(check.needsCrash === true && !canCrash)(check.title, () => check.run(make));
    }
  });
}

/** Crashes tried per check: each loses another part of what was not synced. */
const CRASHES = 25;

export const storageChecks: readonly StorageCheck[] = [
  check("gives every type of value back as it was bound", async ({ storage: { sql } }) => {
    sql.exec("CREATE TABLE t (id INTEGER PRIMARY KEY, v)");
    const bytes = new Uint8Array([0, 1, 127, 128, 255]);
    const values: SqlValue[] = [
      null,
      0,
      -1,
      1.5,
      Number.MAX_SAFE_INTEGER,
      Number.MIN_SAFE_INTEGER,
      "",
      "text",
      "NUL \0 and 😀 and ü",
      bytes.buffer,
      new ArrayBuffer(0),
    ];
    values.forEach((value, id) => {
      sql.exec("INSERT INTO t (id, v) VALUES (?, ?)", id, value);
    });
    const rows = sql.exec<{ id: number; v: SqlValue }>("SELECT id, v FROM t ORDER BY id").toArray();
    expect(rows.map((row) => plain(row.v))).toEqual(values.map(plain));
    expect(rows[9]!.v).toBeInstanceOf(ArrayBuffer);
  }),

  check("keeps whole numbers whole in INTEGER columns", async ({ storage: { sql } }) => {
    sql.exec("CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER NOT NULL)");
    sql.exec("INSERT INTO t VALUES (?, ?)", Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER - 1);
    const row = sql.exec<{ id: number; n: number; type: string }>("SELECT *, typeof(n) AS type FROM t").one();
    expect(row).toEqual({ id: Number.MAX_SAFE_INTEGER, n: Number.MAX_SAFE_INTEGER - 1, type: "integer" });
  }),

  check("binds just the bytes of a view", async ({ storage: { sql } }) => {
    const buffer = new Uint8Array([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]).buffer;
    const views = [new Uint8Array(buffer, 3, 4), new DataView(buffer, 3, 4), new Uint16Array(buffer, 4, 2)];
    const found = views.map((view) => plain(sql.exec<{ v: ArrayBuffer }>("SELECT ? AS v", view).one().v));
    expect(found).toEqual(
      [
        [3, 4, 5, 6],
        [3, 4, 5, 6],
        [4, 5, 6, 7],
      ].map((bytes) => ({ bytes })),
    );
  }),

  check("does not keep hold of bound memory", async ({ storage: { sql } }) => {
    sql.exec("CREATE TABLE t (v BLOB)");
    const bytes = new Uint8Array([1, 2, 3]);
    sql.exec("INSERT INTO t VALUES (?)", bytes);
    bytes.fill(9);
    expect(plain(sql.exec<{ v: ArrayBuffer }>("SELECT v FROM t").one().v)).toEqual({ bytes: [1, 2, 3] });
  }),

  check("takes 100 bindings and refuses 101", async ({ storage: { sql } }) => {
    const query = (count: number): string =>
      `SELECT ${Array.from({ length: count }, () => "?").join(" + ")} AS sum`;
    const ones = Array.from({ length: 100 }, () => 1);
    expect(sql.exec<{ sum: number }>(query(100), ...ones).one().sum).toBe(100);
    expect(() => sql.exec(query(101), ...ones, 1)).toThrow();
  }),

  check("runs several statements that bind nothing", async ({ storage: { sql } }) => {
    sql.exec("CREATE TABLE a (v); CREATE TABLE b (v); -- a ';' in a comment\nINSERT INTO a VALUES ('x;y');");
    expect(sql.exec("SELECT v FROM a").toArray()).toEqual([{ v: "x;y" }]);
    expect(sql.exec("SELECT v FROM b").toArray()).toEqual([]);
  }),

  check("reports an SQL error and goes on", async ({ storage: { sql } }) => {
    sql.exec("CREATE TABLE t (id INTEGER PRIMARY KEY)");
    sql.exec("INSERT INTO t VALUES (1)");
    expect(() => sql.exec("SELEC 1")).toThrow();
    expect(() => sql.exec("SELECT * FROM missing")).toThrow();
    expect(() => sql.exec("INSERT INTO t VALUES (1)")).toThrow();
    expect(sql.exec("SELECT id FROM t").toArray()).toEqual([{ id: 1 }]);
  }),

  check("hands each row of a cursor out once", async ({ storage: { sql } }) => {
    const three = "SELECT 1 AS n UNION ALL SELECT 2 UNION ALL SELECT 3";
    expect([...sql.exec<{ n: number }>(three)].map((row) => row.n)).toEqual([1, 2, 3]);
    const cursor = sql.exec<{ n: number }>(three);
    for (const row of cursor) {
      expect(row.n).toBe(1);
      break;
    }
    expect(cursor.toArray()).toEqual([{ n: 2 }, { n: 3 }]);
    expect(cursor.toArray()).toEqual([]);
  }),

  check("one() wants exactly one row", async ({ storage: { sql } }) => {
    expect(sql.exec("SELECT 7 AS n").one()).toEqual({ n: 7 });
    expect(() => sql.exec("SELECT 1 AS n WHERE 0").one()).toThrow();
    expect(() => sql.exec("SELECT 1 AS n UNION ALL SELECT 2").one()).toThrow();
  }),

  check("returns the rows of a writing statement", async ({ storage: { sql } }) => {
    sql.exec("CREATE TABLE t (id INTEGER PRIMARY KEY, v)");
    expect(sql.exec("INSERT INTO t (v) VALUES ('a') RETURNING id, v").one()).toEqual({ id: 1, v: "a" });
  }),

  check("grows in databaseSize", async ({ storage: { sql } }) => {
    sql.exec("CREATE TABLE t (v)");
    const before = sql.databaseSize;
    sql.exec("INSERT INTO t VALUES (zeroblob(100000))");
    expect(sql.databaseSize - before).toBeGreaterThan(90_000);
  }),

  check("commits a transaction as a whole and returns its result", async ({ storage }) => {
    const { sql } = storage;
    sql.exec("CREATE TABLE t (v)");
    const result = storage.transactionSync(() => {
      sql.exec("INSERT INTO t VALUES (1)");
      sql.exec("INSERT INTO t VALUES (2)");
      return "done";
    });
    expect(result).toBe("done");
    expect(sql.exec("SELECT v FROM t").toArray()).toEqual([{ v: 1 }, { v: 2 }]);
  }),

  check("takes a transaction back when it throws, tables included", async ({ storage }) => {
    const { sql } = storage;
    sql.exec("CREATE TABLE t (v)");
    sql.exec("INSERT INTO t VALUES (0)");
    const error = new Error("no");
    const attempt = (): void =>
      storage.transactionSync(() => {
        sql.exec("INSERT INTO t VALUES (1)");
        sql.exec("UPDATE t SET v = 9");
        sql.exec("CREATE TABLE u (v)");
        throw error;
      });
    expect(attempt).toThrow(error);
    expect(sql.exec("SELECT v FROM t").toArray()).toEqual([{ v: 0 }]);
    expect(() => sql.exec("SELECT * FROM u")).toThrow();
    storage.transactionSync(() => sql.exec("INSERT INTO t VALUES (2)"));
    expect(sql.exec("SELECT v FROM t").toArray()).toEqual([{ v: 0 }, { v: 2 }]);
  }),

  check("goes on with a transaction that caught an SQL error", async ({ storage }) => {
    const { sql } = storage;
    sql.exec("CREATE TABLE t (id INTEGER PRIMARY KEY)");
    storage.transactionSync(() => {
      sql.exec("INSERT INTO t VALUES (1)");
      expect(() => sql.exec("INSERT INTO t VALUES (2), (1)")).toThrow();
      sql.exec("INSERT INTO t VALUES (3)");
    });
    expect(sql.exec("SELECT id FROM t").toArray()).toEqual([{ id: 1 }, { id: 3 }]);
  }),

  check("holds rows of 2 MB", async (under) => {
    const { sql } = under.storage;
    sql.exec("CREATE TABLE t (id INTEGER PRIMARY KEY, v BLOB)");
    const bytes = new Uint8Array(2_000_000).map((_, index) => index * 31);
    sql.exec("INSERT INTO t VALUES (1, ?)", bytes);
    await under.storage.sync();
    const storage = await under.restart();
    const { v } = storage.sql.exec<{ v: ArrayBuffer }>("SELECT v FROM t").one();
    expect(equal(new Uint8Array(v), bytes)).toBe(true);
    expect(storage.sql.exec("SELECT length(v) AS n FROM t").one()).toEqual({ n: bytes.length });
  }),

  check("resolves every sync, also of nothing and of many at once", async ({ storage }) => {
    await storage.sync();
    storage.sql.exec("CREATE TABLE t (v)");
    await Promise.all([storage.sync(), storage.sync(), storage.sync()]);
    await storage.sync();
  }),

  check("keeps everything over a restart", async (under) => {
    under.storage.sql.exec("CREATE TABLE t (v)");
    under.storage.transactionSync(() => under.storage.sql.exec("INSERT INTO t VALUES (1)"));
    await under.storage.sync();
    under.storage.sql.exec("INSERT INTO t VALUES (2)");
    const storage = await under.restart();
    expect(storage.sql.exec("SELECT v FROM t").toArray()).toEqual([{ v: 1 }, { v: 2 }]);
  }),

  check("has one alarm", async ({ storage }) => {
    expect(await storage.getAlarm()).toBeNull();
    await storage.deleteAlarm();
    await storage.setAlarm(FAR_FUTURE);
    expect(await storage.getAlarm()).toBe(FAR_FUTURE);
    await storage.setAlarm(FAR_FUTURE + 60_000);
    expect(await storage.getAlarm()).toBe(FAR_FUTURE + 60_000);
    await storage.deleteAlarm();
    expect(await storage.getAlarm()).toBeNull();
  }),

  check("keeps the alarm over a restart", async (under) => {
    await under.storage.setAlarm(FAR_FUTURE);
    expect(await (await under.restart()).getAlarm()).toBe(FAR_FUTURE);
  }),

  crashCheck("keeps an alarm over a crash once setAlarm has resolved", async (under, random) => {
    await under.storage.setAlarm(FAR_FUTURE);
    expect(await (await under.crash(random)).getAlarm()).toBe(FAR_FUTURE);
  }),

  crashCheck("keeps what was synced, and of the rest whole transactions in order", async (under, random) => {
    await startPairs(under.storage);
    const synced = Math.floor(random() * 10);
    for (let n = 1; n <= synced; n++) writePair(under.storage, n);
    await under.storage.sync();
    const written = synced + Math.floor(random() * 10);
    for (let n = synced + 1; n <= written; n++) writePair(under.storage, n);
    const kept = pairsOf(await under.crash(random));
    expect(kept).toBeGreaterThanOrEqual(synced);
    expect(kept).toBeLessThanOrEqual(written);
  }),

  crashCheck(
    "covers with a sync what was written while an earlier one was under way",
    async (under, random) => {
      await startPairs(under.storage);
      writePair(under.storage, 1);
      const first = under.storage.sync();
      writePair(under.storage, 2);
      const second = under.storage.sync();
      writePair(under.storage, 3);
      await second;
      expect(pairsOf(await under.crash(random))).toBeGreaterThanOrEqual(2);
      void first;
    },
  ),

  crashCheck("keeps the same data over a second crash right after the first", async (under, random) => {
    await startPairs(under.storage);
    for (let n = 1; n <= 5; n++) writePair(under.storage, n);
    const kept = pairsOf(await under.crash(random));
    expect(pairsOf(await under.crash(random))).toBe(kept);
  }),
];

const FAR_FUTURE = Date.UTC(2100, 0, 1);

function check(title: string, run: (under: StorageUnderTest) => Promise<void>): StorageCheck {
  return { title, run: (make) => using(make, run) };
}

type CrashingUnderTest = StorageUnderTest & Required<Pick<StorageUnderTest, "crash">>;

/** Runs a check on several machines: each loses something else. */
function crashCheck(
  title: string,
  run: (under: CrashingUnderTest, random: () => number) => Promise<void>,
): StorageCheck {
  const runAll = async (make: MakeStorage): Promise<void> => {
    for (let seed = 1; seed <= CRASHES; seed++) {
      await using(make, (under) => run(under as CrashingUnderTest, randomFrom(seed)));
    }
  };
  return { title, needsCrash: true, run: runAll };
}

async function using(make: MakeStorage, run: (under: StorageUnderTest) => Promise<void>): Promise<void> {
  const under = await make();
  try {
    await run(under);
  } finally {
    await under.dispose();
  }
}

/** Uniform in 0 … 1, the same for the same seed (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let bits = Math.imul(state ^ (state >>> 15), state | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  };
}

async function startPairs(storage: DurableStorage): Promise<void> {
  storage.sql.exec("CREATE TABLE a (n INTEGER PRIMARY KEY); CREATE TABLE b (n INTEGER PRIMARY KEY, v BLOB)");
  await storage.sync();
}

/** One transaction that shows when it was torn: two rows in two tables. */
function writePair(storage: DurableStorage, n: number): void {
  storage.transactionSync(() => {
    storage.sql.exec("INSERT INTO a VALUES (?)", n);
    storage.sql.exec("INSERT INTO b VALUES (?, ?)", n, new Uint8Array(2000).fill(n));
  });
}

/** How many pairs there are; throws unless they are 1 … n, each whole. */
function pairsOf({ sql }: DurableStorage): number {
  const numbers = (table: "a" | "b"): number[] =>
    sql
      .exec<{ n: number }>(`SELECT n FROM ${table} ORDER BY n`)
      .toArray()
      .map((row) => row.n);
  const found = numbers("a");
  expect(found).toEqual(found.map((_, index) => index + 1));
  expect(numbers("b")).toEqual(found);
  return found.length;
}

/** A value as something that toEqual compares by content. */
function plain(value: SqlValue): unknown {
  return value instanceof ArrayBuffer ? { bytes: [...new Uint8Array(value)] } : value;
}

function equal(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((byte, index) => byte === right[index]);
}
