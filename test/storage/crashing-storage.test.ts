import { describe, expect, it } from "vitest";
import { CrashingStorage } from "../../sim/crashing-storage.ts";
import { randomFrom } from "./storage-conformance.ts";

const withCode = (code: string) => expect.objectContaining({ code });
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function start(options?: ConstructorParameters<typeof CrashingStorage>[0]): CrashingStorage {
  const storage = new CrashingStorage(options);
  storage.sql.exec("CREATE TABLE t (n INTEGER PRIMARY KEY, v BLOB)");
  return storage;
}

function write(storage: CrashingStorage, n: number): void {
  storage.transactionSync(() => storage.sql.exec("INSERT INTO t VALUES (?, ?)", n, new Uint8Array([n])));
}

function numbers(storage: CrashingStorage): number[] {
  return storage.sql
    .exec<{ n: number }>("SELECT n FROM t ORDER BY n")
    .toArray()
    .map((row) => row.n);
}

describe("CrashingStorage", () => {
  it("loses none, all, or a random suffix of what was not synced", async () => {
    const kept = async (share: number, survival?: "none" | "all") => {
      const storage = start();
      write(storage, 1);
      await storage.sync();
      for (const n of [2, 3, 4]) write(storage, n);
      expect(storage.unsynced).toBe(3);
      return numbers(storage.crash(() => share, survival));
    };
    expect(await kept(0.99, "none")).toEqual([1]);
    expect(await kept(0, "all")).toEqual([1, 2, 3, 4]);
    expect(await kept(0)).toEqual([1]);
    expect(await kept(0.3)).toEqual([1, 2]);
    expect(await kept(0.99)).toEqual([1, 2, 3, 4]);
  });

  it("has made durable what a restarted machine finds", () => {
    let storage = start();
    write(storage, 1);
    storage = storage.crash(() => 0, "all");
    expect(storage.unsynced).toBe(0);
    write(storage, 2);
    expect(numbers(storage.crash(() => 0, "none"))).toEqual([1]);
  });

  it("answers nothing to what is left of the crashed machine", async () => {
    const storage = start();
    write(storage, 1);
    let told = false;
    const sync = storage.sync();
    void sync.finally(() => {
      told = true;
    });
    const next = storage.crash(() => 0.99);
    await settled();
    expect(told).toBe(false);
    const dead = withCode("storage-crashed");
    expect(() => numbers(storage)).toThrow(dead);
    expect(() => write(storage, 2)).toThrow(dead);
    expect(() => storage.crash(() => 0)).toThrow(dead);
    await expect(storage.sync()).rejects.toThrow(dead);
    expect(numbers(next)).toEqual([1]);
  });

  it("finishes a sync when its delay has passed, over what was written before it", async () => {
    const due: (() => void)[] = [];
    const storage = start({ delay: (done) => due.push(done) });
    write(storage, 1);
    let finished = 0;
    const sync = storage.sync().then(() => finished++);
    write(storage, 2);
    await settled();
    expect(finished).toBe(0);
    due.shift()!();
    await sync;
    expect(storage.unsynced).toBe(1);
    expect(numbers(storage.crash(() => 0))).toEqual([1]);
  });

  it("fails one sync, and then everything", async () => {
    const storage = start();
    write(storage, 1);
    storage.failNextSync();
    const failed = withCode("storage-failed");
    await expect(storage.sync()).rejects.toThrow(failed);
    await expect(storage.sync()).rejects.toThrow(failed);
    expect(() => numbers(storage)).toThrow(failed);
    expect(numbers(storage.crash(() => 0.99))).toEqual([1]);
  });

  it("fails one write, and then everything", async () => {
    const storage = start();
    await storage.sync();
    storage.failNextWrite();
    const failed = withCode("storage-failed");
    expect(numbers(storage)).toEqual([]);
    expect(() => write(storage, 1)).toThrow(failed);
    expect(() => write(storage, 2)).toThrow(failed);
    await expect(storage.sync()).rejects.toThrow(failed);
    const next = storage.crash(() => 0);
    write(next, 3);
    expect(numbers(next)).toEqual([3]);
  });

  it("stalls: writes go on, syncs wait for the end of it", async () => {
    const storage = start();
    storage.stall();
    write(storage, 1);
    let finished = false;
    const sync = storage.sync().then(() => {
      finished = true;
    });
    await settled();
    expect(finished).toBe(false);
    write(storage, 2);
    storage.resume();
    await sync;
    expect(numbers(storage.crash(() => 0))).toEqual([1]);
  });

  it("forgets what a failed transaction did", async () => {
    const storage = start();
    await storage.sync();
    const attempt = () =>
      storage.transactionSync(() => {
        write2(storage);
        throw new Error("no");
      });
    expect(attempt).toThrow("no");
    write(storage, 1);
    expect(storage.unsynced).toBe(1);
    expect(numbers(storage.crash(() => 0.99))).toEqual([1]);
  });

  it("replays a long history, bound memory and all", async () => {
    let storage = start();
    const memory = new Uint8Array(1);
    for (let n = 1; n <= 5000; n++) {
      memory[0] = n;
      storage.transactionSync(() => storage.sql.exec("INSERT INTO t VALUES (?, ?)", n, memory));
      if (n % 7 === 0) await storage.sync();
    }
    storage = storage.crash(() => 0.5);
    const found = numbers(storage);
    // 4998 is the last one synced; of the two after it one is kept.
    expect(found).toHaveLength(4999);
    const rows = storage.sql.exec<{ n: number; v: ArrayBuffer }>("SELECT n, v FROM t").toArray();
    expect(rows.every(({ n, v }) => new Uint8Array(v)[0] === n % 256)).toBe(true);
  });

  it("does the same for the same calls", async () => {
    const run = async (): Promise<string> => {
      const random = randomFrom(7);
      let storage = start();
      let next = 1;
      for (let step = 0; step < 200; step++) {
        const chance = random();
        if (chance < 0.7) write(storage, next++);
        else if (chance < 0.9) await storage.sync();
        else {
          storage = storage.crash(random);
          next = Math.max(0, ...(tableExists(storage) ? numbers(storage) : [])) + 1;
          if (!tableExists(storage)) storage.sql.exec("CREATE TABLE t (n INTEGER PRIMARY KEY, v BLOB)");
        }
      }
      return JSON.stringify([numbers(storage), storage.unsynced, storage.sql.databaseSize]);
    };
    expect(await run()).toBe(await run());
  });
});

function write2(storage: CrashingStorage): void {
  storage.sql.exec("INSERT INTO t VALUES (1, NULL)");
  storage.sql.exec("INSERT INTO t VALUES (2, NULL)");
}

function tableExists({ sql }: CrashingStorage): boolean {
  return sql.exec("SELECT 1 FROM sqlite_schema WHERE name = 't'").toArray().length > 0;
}
