import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { NodeStorageOptions } from "../../ec2-node/storage.ts";
import { openNodeStorage } from "../../ec2-node/storage.ts";
import type { CrashingStorageOptions } from "../../sim/crashing-storage.ts";
import { CrashingStorage } from "../../sim/crashing-storage.ts";
import { PowerLossDisk } from "./power-loss.ts";
import type { StorageUnderTest } from "./storage-conformance.ts";

/** Runs `work` with a directory of its own and removes it afterwards. */
export async function withDirectory<Result>(work: (directory: string) => Promise<Result>): Promise<Result> {
  const directory = await mkdtemp(join(tmpdir(), "raft-lite-"));
  try {
    return await work(directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** A log so short that ordinary tests run through many checkpoints. */
export const SHORT_WAL: NodeStorageOptions = { walLimitBytes: 64 * 1024 };

/** The Node host's adapter, on a disk that can lose power. */
export async function makeNodeStorage(): Promise<StorageUnderTest> {
  const root = await mkdtemp(join(tmpdir(), "raft-lite-"));
  const open: { close(): Promise<void> }[] = [];
  let machine = 0;
  let disk = new PowerLossDisk();
  const start = () => {
    disk = new PowerLossDisk();
    const storage = openNodeStorage(join(root, `${machine}`), { ...SHORT_WAL, files: disk });
    open.push(storage);
    return storage;
  };
  return {
    storage: start(),
    async restart() {
      await open.pop()?.close();
      return start();
    },
    async crash(random) {
      machine++;
      disk.crashInto(join(root, `${machine}`), random, random() < 0.5 ? 4096 : 512);
      return start();
    },
    async dispose() {
      for (const storage of open) await storage.close();
      await rm(root, { recursive: true, force: true });
    },
  };
}

/** The simulator's adapter; `wrap` makes a broken one of it. */
export async function makeCrashingStorage(
  wrap: (storage: CrashingStorage) => CrashingStorage = (storage) => storage,
  options?: CrashingStorageOptions,
): Promise<StorageUnderTest> {
  let storage = wrap(new CrashingStorage(options));
  const replace = (next: CrashingStorage) => {
    storage = wrap(next);
    return storage;
  };
  return {
    storage,
    restart: async () => replace(storage.crash(Math.random, "all")),
    crash: async (random) => replace(storage.crash(random)),
    dispose: async () => {},
  };
}
