import { spawnSync } from "node:child_process";
import { statSync } from "node:fs";
import { basename, join } from "node:path";
import { describe, expect, it } from "vitest";
import type { NodeStorage } from "../../ec2-node/storage.ts";
import { openNodeStorage } from "../../ec2-node/storage.ts";
import type { FileSyncs, SyncedFile } from "../../ec2-node/write-ahead-log.ts";
import { LogStore } from "../../shared/storage/log-store.ts";
import { SHORT_WAL, withDirectory } from "./support.ts";

const WRITER = new URL("./writer-process.ts", import.meta.url).pathname;
const A = { id: "A", mintStoreId: () => "store-1" };

const withCode = (code: string) => expect.objectContaining({ code });

/** Syncs that the test finishes, or fails, itself. */
class HeldSyncs implements FileSyncs {
  readonly calls: { path: string; finish: () => void; fail: (error: Error) => void }[] = [];
  now = 0;
  #holds = true;

  fdatasync(file: SyncedFile): Promise<void> {
    if (!this.#holds) return Promise.resolve();
    return new Promise((finish, fail) => {
      this.calls.push({ path: file.path, finish, fail });
    });
  }

  fdatasyncNow(): void {
    this.now++;
  }

  /** Ends the test: nothing waits any more. */
  letGo(): void {
    this.#holds = false;
    for (const { finish } of this.calls) finish();
  }
}

/** Runs `work` with an open storage, closed at the end. */
async function opened(work: (directory: string, storage: NodeStorage) => Promise<void>, files?: HeldSyncs) {
  await withDirectory(async (directory) => {
    const storage = openNodeStorage(directory, { ...SHORT_WAL, ...(files && { files }) });
    try {
      await work(directory, storage);
    } finally {
      files?.letGo();
      await storage.close().catch(() => {});
    }
  });
}

const ioError = () => Object.assign(new Error("EIO: i/o error, fdatasync"), { code: "EIO" });

describe("sync", () => {
  const settle = async (promise: Promise<unknown>): Promise<string> => {
    const pending = new Promise<string>((resolve) => setImmediate(resolve, "pending"));
    return Promise.race([
      promise.then(
        () => "resolved",
        () => "rejected",
      ),
      pending,
    ]);
  };

  it("of nothing new needs no disk", () => {
    const syncs = new HeldSyncs();
    return opened(async (_, storage) => {
      await storage.sync();
      expect(syncs.calls).toHaveLength(0);
    }, syncs);
  });

  it("is shared by calls that come together, and not by a write after its start", () => {
    const syncs = new HeldSyncs();
    return opened(async (_, storage) => {
      storage.sql.exec("CREATE TABLE t (v)");
      const first = [storage.sync(), storage.sync()];
      expect(syncs.calls).toHaveLength(1);
      storage.sql.exec("INSERT INTO t VALUES (1)");
      const second = [storage.sync(), storage.sync()];
      storage.sql.exec("INSERT INTO t VALUES (2)");
      const third = storage.sync();
      expect(syncs.calls).toHaveLength(1);

      syncs.calls[0]!.finish();
      await Promise.all(first);
      expect(await settle(second[0]!)).toBe("pending");
      expect(syncs.calls).toHaveLength(2);
      syncs.calls[1]!.finish();
      // One fdatasync that began after all of these writes.
      await Promise.all([...second, third]);
      await storage.sync();
      expect(syncs.calls).toHaveLength(2);
    }, syncs);
  });

  it("never runs beside another, at whatever moment of the other's end it is asked for", async () => {
    for (let ticks = 0; ticks < 12; ticks++) {
      const syncs = new HeldSyncs();
      await opened(async (_, storage) => {
        storage.sql.exec("CREATE TABLE t (v)");
        const asked = [storage.sync()];
        storage.sql.exec("INSERT INTO t VALUES (1)");
        asked.push(storage.sync());
        syncs.calls[0]!.finish();
        for (let tick = 0; tick < ticks; tick++) await null;
        storage.sql.exec("INSERT INTO t VALUES (2)");
        asked.push(storage.sync());
        await settle(asked[0]!);
        expect(syncs.calls, `after ${ticks} ticks`).toHaveLength(2);
        syncs.letGo();
        await Promise.all(asked);
      }, syncs);
    }
  });

  it("that fails is final", () => {
    const syncs = new HeldSyncs();
    return opened(async (directory, storage) => {
      storage.sql.exec("CREATE TABLE t (v)");
      const first = storage.sync();
      storage.sql.exec("INSERT INTO t VALUES (1)");
      const second = storage.sync();
      syncs.calls[0]!.fail(ioError());
      const failure = withCode("storage-failed");
      await expect(first).rejects.toThrow(failure);
      await expect(second).rejects.toThrow(failure);
      await expect(storage.sync()).rejects.toThrow(failure);
      expect(() => storage.sql.exec("SELECT 1")).toThrow(failure);
      expect(() => storage.transactionSync(() => 1)).toThrow(failure);
      await expect(storage.getAlarm()).rejects.toThrow(failure);
      await expect(storage.close()).rejects.toThrow(failure);
      expect(syncs.calls).toHaveLength(1);
      await expect(first).rejects.toThrow(new RegExp(`${directory} failed \\(EIO.*\\)\\. Check it`));
    }, syncs);
  });

  it("that finds the disk full says so", () => {
    const syncs = new HeldSyncs();
    return opened(async (_, storage) => {
      storage.sql.exec("CREATE TABLE t (v)");
      const sync = storage.sync();
      syncs.calls[0]!.fail(Object.assign(new Error("ENOSPC"), { code: "ENOSPC" }));
      await expect(sync).rejects.toThrow(withCode("storage-full"));
    }, syncs);
  });
});

describe("a checkpoint", () => {
  /** Writes until the next sync is followed by a checkpoint, and finishes that sync. */
  async function untilCheckpoint(storage: NodeStorage, syncs: HeldSyncs): Promise<{ sync: Promise<void> }> {
    storage.sql.exec("CREATE TABLE IF NOT EXISTS t (v)");
    storage.sql.exec("INSERT INTO t VALUES (zeroblob(100000))");
    const sync = storage.sync();
    syncs.calls.shift()!.finish();
    await step();
    return { sync };
  }
  const step = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

  it("syncs log, database and log in turn, and writes go on in a log begun anew", () => {
    const syncs = new HeldSyncs();
    return opened(async (directory, storage) => {
      for (let round = 0; round < 3; round++) {
        const { sync } = await untilCheckpoint(storage, syncs);
        expect(syncs.calls.map((call) => call.path.slice(directory.length + 1))).toEqual(["raft.sqlite"]);
        syncs.calls.shift()!.finish();
        await step();
        expect(syncs.calls.map((call) => call.path.slice(directory.length + 1))).toEqual(["raft.sqlite-wal"]);
        syncs.calls.shift()!.finish();
        await sync;
      }
      // Three times 100 kB went through a log of one time that.
      expect(statSync(join(directory, "raft.sqlite-wal")).size).toBeLessThan(150_000);
      expect(syncs.now).toBe(2);
    }, syncs);
  });

  it("stands a transaction that writes nothing right after it", () => {
    const syncs = new HeldSyncs();
    return opened(async (_, storage) => {
      const { sync } = await untilCheckpoint(storage, syncs);
      for (let round = 0; round < 2; round++) {
        syncs.calls.shift()!.finish();
        await step();
      }
      await sync;
      storage.transactionSync(() => storage.sql.exec("DELETE FROM t WHERE v = 5"));
      storage.transactionSync(() => 1);
      const again = storage.sync();
      syncs.calls.shift()!.finish();
      await again;
      await untilCheckpoint(storage, syncs);
      // The next one has begun: the log was measured by its new header, and not by the void one.
      expect(syncs.calls.map(({ path }) => basename(path))).toEqual(["raft.sqlite"]);
      expect(storage.sql.exec("SELECT count(*) AS n FROM t").one()).toEqual({ n: 2 });
    }, syncs);
  });

  it.each([1, 2])("is finished at once by a write that comes before step %i is done", (stage) => {
    const syncs = new HeldSyncs();
    return opened(async (_, storage) => {
      const { sync } = await untilCheckpoint(storage, syncs);
      if (stage === 2) {
        syncs.calls.shift()!.finish();
        await step();
      }
      storage.sql.exec("SELECT count(*) FROM t");
      expect(syncs.now).toBe(2);
      storage.sql.exec("INSERT INTO t VALUES (1)");
      expect(syncs.now).toBe(stage === 1 ? 4 : 3);
      syncs.calls.shift()!.finish();
      await sync;
      expect(syncs.calls).toHaveLength(0);
    }, syncs);
  });

  it.each([1, 2])("whose step %i fails ends the storage", (stage) => {
    const syncs = new HeldSyncs();
    return opened(async (_, storage) => {
      const { sync } = await untilCheckpoint(storage, syncs);
      if (stage === 2) {
        syncs.calls.shift()!.finish();
        await step();
      }
      syncs.calls.shift()!.fail(ioError());
      await expect(sync).rejects.toThrow(withCode("storage-failed"));
      expect(() => storage.sql.exec("INSERT INTO t VALUES (1)")).toThrow(withCode("storage-failed"));
    }, syncs);
  });

  it("comes though there is a write during every sync", () => {
    const syncs = new HeldSyncs();
    return opened(async (directory, storage) => {
      storage.sql.exec("CREATE TABLE t (v)");
      let pending = storage.sync();
      for (let round = 0; round < 60; round++) {
        storage.sql.exec("INSERT INTO t VALUES (zeroblob(20000))");
        const next = storage.sync();
        while (syncs.calls.length > 0) {
          syncs.calls.shift()!.finish();
          await step();
        }
        await pending;
        pending = next;
      }
      expect(statSync(join(directory, "raft.sqlite-wal")).size).toBeLessThan(600_000);
      await pending;
    }, syncs);
  });
});

describe("a failed storage leaves its files as they are", () => {
  it("also when the process ends by itself", () =>
    withDirectory(async (directory) => {
      const child = spawnSync(process.execPath, [WRITER, directory, "fail"], { encoding: "utf8" });
      expect(child.stdout).toBe("failed storage-failed\n");
      expect(child.status).toBe(0);
      // SQLite, had it closed the database, would have removed the log.
      expect(statSync(join(directory, "raft.sqlite-wal")).size).toBeGreaterThan(0);
      const storage = openNodeStorage(directory);
      expect(LogStore.open(storage, A).lastIndex).toBe(1);
      await storage.close();
    }));
});

describe("transactions", () => {
  it("are not nested, and leave no transaction to statements", () =>
    opened(async (_, storage) => {
      const nested = () => storage.transactionSync(() => storage.transactionSync(() => 1));
      expect(nested).toThrow("must not be nested");
      for (const query of [
        "BEGIN",
        "commit",
        "  -- x\n ROLLBACK",
        "SAVEPOINT a",
        "PRAGMA synchronous = OFF",
      ]) {
        expect(() => storage.sql.exec(query)).toThrow("not to be run through this port");
      }
      expect(storage.transactionSync(() => 2)).toBe(2);
    }));
});
