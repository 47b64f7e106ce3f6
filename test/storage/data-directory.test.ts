import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { cp } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, it, onTestFinished } from "vitest";
import type { NodeStorage } from "../../ec2-node/storage.ts";
import { openNodeStorage } from "../../ec2-node/storage.ts";
import { LogStore } from "../../shared/storage/log-store.ts";
import { command } from "./entries.ts";
import { SHORT_WAL, withDirectory } from "./support.ts";

const WRITER = new URL("./writer-process.ts", import.meta.url).pathname;
const A = { id: "A", mintStoreId: () => "store-1" };

const withCode = (code: string) => expect.objectContaining({ code });

/** Runs `work` with an open storage, closed at the end. */
async function opened(work: (directory: string, storage: NodeStorage) => Promise<void>) {
  await withDirectory(async (directory) => {
    const storage = openNodeStorage(directory, SHORT_WAL);
    try {
      await work(directory, storage);
    } finally {
      await storage.close().catch(() => {});
    }
  });
}

/** A process that has `directory` open and appends until it is killed. */
async function startWriter(directory: string) {
  const child = spawn(process.execPath, [WRITER, directory], { stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => {
    child.kill("SIGKILL");
  });
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const next = async (): Promise<string> => (await lines.next()).value as string;
  const kill = async (): Promise<string[]> => {
    child.kill("SIGKILL");
    const rest: string[] = [];
    for (let line = await lines.next(); !line.done; line = await lines.next()) rest.push(line.value);
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    return rest;
  };
  return { pid: child.pid, next, kill };
}

describe("a data directory", () => {
  it("is made for this user alone, with its parents", () =>
    withDirectory(async (root) => {
      const directory = join(root, "a", "b");
      const storage = openNodeStorage(directory);
      expect(statSync(directory).mode & 0o777).toBe(0o700);
      await storage.close();
    }));

  it("has one storage in a process", () =>
    opened(async (directory, storage) => {
      expect(() => openNodeStorage(directory)).toThrow(withCode("directory-in-use"));
      expect(() => openNodeStorage(directory)).toThrow(/in use by this process\. Stop .*--data-dir/);
      // The refused attempt must not have taken the first one's lock with it.
      const other = spawnSync(process.execPath, [WRITER, directory], { encoding: "utf8" });
      expect(other.stdout).toBe(`refused directory-in-use\n`);
      storage.sql.exec("CREATE TABLE t (v)");
      await storage.close();
      await openNodeStorage(directory).close();
    }));

  it("has one process, and is free when that is killed", () =>
    withDirectory(async (directory) => {
      const writer = await startWriter(directory);
      expect(await writer.next()).toBe("0");
      expect(() => openNodeStorage(directory)).toThrow(withCode("directory-in-use"));
      expect(() => openNodeStorage(directory)).toThrow(`in use by process ${writer.pid}.`);
      await writer.kill();
      await openNodeStorage(directory).close();
    }));

  it("does not name a process that is gone", () =>
    opened(async (directory) => {
      const gone = spawnSync(process.execPath, ["-e", ""]).pid;
      writeFileSync(join(directory, "raft.pid"), `${gone}\n`);
      expect(() => openNodeStorage(directory)).toThrow("in use by another process.");
    }));

  it("is refused when a file stands in its place", () =>
    withDirectory(async (root) => {
      writeFileSync(join(root, "file"), "");
      for (const path of [join(root, "file"), join(root, "file", "below")]) {
        expect(() => openNodeStorage(path)).toThrow(withCode("directory-unusable"));
        expect(() => openNodeStorage(path)).toThrow(
          /a file in its place\. Move the file away, or .*--data-dir/,
        );
      }
    }));

  it("is refused when its database is a directory, another program's, or garbage", () =>
    withDirectory(async (root) => {
      const at = (name: string): string => {
        mkdirSync(join(root, name));
        return join(root, name);
      };
      const nested = at("nested");
      mkdirSync(join(nested, "raft.sqlite"));
      expect(() => openNodeStorage(nested)).toThrow(withCode("directory-unusable"));

      const foreign = at("foreign");
      const database = new DatabaseSync(join(foreign, "raft.sqlite"));
      database.exec("CREATE TABLE cookies (v); INSERT INTO cookies VALUES (1)");
      database.close();
      const before = readFileSync(join(foreign, "raft.sqlite"));
      expect(() => openNodeStorage(foreign)).toThrow(withCode("directory-unusable"));
      expect(() => openNodeStorage(foreign)).toThrow("made by another program");
      expect(readFileSync(join(foreign, "raft.sqlite"))).toEqual(before);

      const garbage = at("garbage");
      writeFileSync(join(garbage, "raft.sqlite"), "not a database at all ".repeat(500));
      const content = readFileSync(join(garbage, "raft.sqlite"));
      expect(() => openNodeStorage(garbage)).toThrow(withCode("storage-damaged"));
      expect(() => openNodeStorage(garbage)).toThrow(/^[^\n]*Move the directory aside[^\n]*$/);
      expect(readFileSync(join(garbage, "raft.sqlite"))).toEqual(content);
    }));

  it("is refused when its database has a broken page", () =>
    opened(async (directory, storage) => {
      storage.sql.exec("CREATE TABLE t (id INTEGER PRIMARY KEY, v)");
      for (let id = 0; id < 200; id++) storage.sql.exec("INSERT INTO t VALUES (?, ?)", id, "x".repeat(200));
      await storage.close();
      const path = join(directory, "raft.sqlite");
      const content = readFileSync(path);
      content.fill(0xee, 4096 * 3, 4096 * 4);
      writeFileSync(path, content);
      const broken = openNodeStorage(directory);
      expect(() => broken.sql.exec("SELECT * FROM t").toArray()).toThrow(withCode("storage-damaged"));
      expect(() => broken.sql.exec("SELECT 1")).toThrow(withCode("storage-damaged"));
    }));

  it("is left with nothing but the database after a clean stop", () =>
    opened(async (directory, storage) => {
      storage.sql.exec("CREATE TABLE t (v)");
      await storage.close();
      expect(spawnSync("ls", ["-A", directory], { encoding: "utf8" }).stdout).toBe("raft.sqlite\n");
      expect(() => storage.sql.exec("SELECT 1")).toThrow(withCode("storage-closed"));
      await expect(storage.sync()).rejects.toThrow(withCode("storage-closed"));
    }));
});

describe("kill -9", () => {
  it("loses nothing that was acknowledged, again and again", () =>
    withDirectory(async (directory) => {
      let acknowledged = 0;
      for (let round = 0; round < 8; round++) {
        const writer = await startWriter(directory);
        const found = Number(await writer.next());
        expect(found).toBeGreaterThanOrEqual(acknowledged);
        // Somewhere in the middle of its writes; where is up to the scheduler.
        for (let lines = 1 + round * 37; lines > 0; lines--) acknowledged = Number(await writer.next());
        for (const line of await writer.kill()) acknowledged = Number(line);
      }
      const storage = openNodeStorage(directory, SHORT_WAL);
      const log = LogStore.open(storage, A);
      expect(log.lastIndex).toBeGreaterThanOrEqual(acknowledged);
      expect(log.boot).toBe(9);
      await storage.close();
    }));

  it("keeps data that was written and never synced, and the lock of nobody", () =>
    withDirectory(async (directory) => {
      const writer = await startWriter(directory);
      await writer.next();
      await writer.kill();
      await openNodeStorage(directory).close();
    }));
});

/** Runs `work` with a small file system of its own mounted there; false where this user may not mount one. */
async function mounted(path: string, options: string, work: () => Promise<void>): Promise<boolean> {
  mkdirSync(path);
  if (process.platform !== "linux" || process.getuid?.() !== 0) return false;
  if (spawnSync("/bin/mount", ["-t", "tmpfs", "-o", options, "tmpfs", path]).status !== 0) return false;
  try {
    await work();
  } finally {
    // A storage that failed stays open: the mount goes when this process does.
    spawnSync("/bin/umount", ["-l", path]);
  }
  return true;
}

describe("disks that are full or read-only", () => {
  it("stop the storage, and nothing acknowledged is lost", ({ skip }) =>
    withDirectory(async (root) => {
      const directory = join(root, "small");
      const done = await mounted(directory, "size=1m", async () => {
        const storage = openNodeStorage(directory);
        const log = LogStore.open(storage, A);
        storage.transactionSync(() => log.saveHardState({ term: 1, votedFor: null }));
        let acknowledged = 0;
        const fill = async (): Promise<never> => {
          for (;;) {
            const next = command(log.lastIndex + 1, 1, new Uint8Array(20_000));
            storage.transactionSync(() => log.append([next]));
            await storage.sync();
            acknowledged = next.index;
          }
        };
        await expect(fill()).rejects.toThrow(withCode("storage-full"));
        expect(acknowledged).toBeGreaterThan(5);
        await expect(storage.sync()).rejects.toThrow(/is full\. Free some space/);

        const roomy = join(root, "roomy");
        await cp(directory, roomy, { recursive: true });
        const again = openNodeStorage(roomy);
        expect(LogStore.open(again, A).lastIndex).toBeGreaterThanOrEqual(acknowledged);
        await again.close();
      });
      if (!done) skip("needs root and a mount");
    }));

  it("are refused when nothing can be written", ({ skip }) =>
    withDirectory(async (root) => {
      const directory = join(root, "fixed");
      const done = await mounted(directory, "ro,size=1m", async () => {
        expect(() => openNodeStorage(directory)).toThrow(withCode("directory-unusable"));
        expect(() => openNodeStorage(join(directory, "below"))).toThrow(
          /(cannot be made|is read-only)\. .* or pass another with --data-dir/,
        );
      });
      if (!done) skip("needs root and a mount");
    }));

  it("are refused to a user who may not write", ({ skip }) =>
    withDirectory(async (directory) => {
      if (process.getuid?.() === 0) return skip("root may always");
      mkdirSync(join(directory, "closed"), { mode: 0o500 });
      expect(() => openNodeStorage(join(directory, "closed"))).toThrow(/may not read and write it/);
    }));
});
