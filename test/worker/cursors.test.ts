import { runInDurableObject } from "cloudflare:test";
import { expect, it } from "vitest";
import { LogStore } from "../../shared/storage/log-store.ts";
import type { DurableStorage } from "../../shared/storage/port.ts";
import { KeyTables } from "../../shared/store/key-tables.ts";
import { command } from "../storage/entries.ts";
import { testEnv } from "./support/cluster.ts";

/** As long as one statement has not been read to its end, SQLite refuses to drop any table. */
function expectNoneOpen({ sql }: DurableStorage): void {
  sql.exec("CREATE TABLE passing (x)");
  expect(() => sql.exec("DROP TABLE passing")).not.toThrow();
}

const inObject = (name: string, work: (storage: DurableStorage) => void) =>
  runInDurableObject(testEnv.PLAIN.getByName(name), (_, { storage }) => work(storage));

const identity = { id: "A", mintStoreId: () => "a1" };

it("the log leaves no cursor open when it is opened, of more pages than one", async () => {
  await inObject("cursor-log", (storage) => {
    const log = LogStore.open(storage, identity);
    const body = new Uint8Array(1_000_000);
    storage.transactionSync(() => {
      log.saveHardState({ term: 1, votedFor: null });
      log.append(Array.from({ length: 9 }, (_, at) => command(at + 1, 1, body)));
    });
    expectNoneOpen(storage);
    expect(LogStore.open(storage, identity).lastIndex).toBe(9);
    expectNoneOpen(storage);
  });
});

it("the store leaves no cursor open when it looks for a key", async () => {
  await inObject("cursor-keys", (storage) => {
    LogStore.open(storage, identity);
    const tables = new KeyTables(storage.sql);
    const { sql } = storage;
    const columns = "idx, term, kind, schema, time, ordinal, checksum, body";
    sql.exec(`INSERT INTO entries (${columns}) VALUES (1, 1, 0, 1, 0, 0, 0, x'00ff')`);
    sql.exec("INSERT INTO keys VALUES (x'61', 1, 0, 1, 1, 1, 0)");
    const key = Uint8Array.of(0x61);
    const found = tables.find(key);
    expect(found?.revision).toBe(1);
    expectNoneOpen(storage);
    expect(tables.read(key)?.value).toEqual(Uint8Array.of(0));
    expectNoneOpen(storage);
    expect(tables.readValue(found!)).toEqual(Uint8Array.of(0));
    expectNoneOpen(storage);
  });
});
