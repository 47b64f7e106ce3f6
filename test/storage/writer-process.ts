import { writeSync } from "node:fs";
import { openNodeStorage } from "../../ec2-node/storage.ts";
import { RaftLiteError } from "../../shared/errors.ts";
import { LogStore } from "../../shared/storage/log-store.ts";
import { command } from "./entries.ts";
import { SHORT_WAL } from "./support.ts";

/**
 * Appends to the data directory that is named and prints the last durable index after every sync, beginning with what
 * it found. With `fail` as second word: one entry, then a sync that fails, then the process runs out of work.
 */
const [directory, mode] = process.argv.slice(2) as [string, string | undefined];
const print = (line: string | number): void => void writeSync(1, `${line}\n`);

try {
  const fails = { fdatasync: () => Promise.reject(new Error("no")), fdatasyncNow: () => {} };
  const storage = openNodeStorage(directory, { ...SHORT_WAL, ...(mode === "fail" && { files: fails }) });
  const log = LogStore.open(storage, { id: "A", mintStoreId: () => "store-1" });
  if (log.hardState.term === 0) storage.transactionSync(() => log.saveHardState({ term: 1, votedFor: "A" }));
  if (mode === "fail") {
    storage.transactionSync(() => log.append([command(1, 1)]));
    await storage.sync().catch((error: RaftLiteError) => print(`failed ${error.code}`));
  } else {
    await storage.sync();
    print(log.lastIndex);
    for (;;) {
      const entries = [1, 2, 3].map((offset) => command(log.lastIndex + offset, 1, new Uint8Array(700)));
      storage.transactionSync(() => log.append(entries));
      await storage.sync();
      print(log.lastIndex);
    }
  }
} catch (error) {
  print(error instanceof RaftLiteError ? `refused ${error.code}` : String(error));
}
