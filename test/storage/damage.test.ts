import { open } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openNodeStorage } from "../../ec2-node/storage.ts";
import { LogStore } from "../../shared/storage/log-store.ts";
import { CrashingStorage } from "../../sim/crashing-storage.ts";
import { command, configurationEntry, noop } from "./entries.ts";
import { withDirectory } from "./support.ts";

const A = { id: "A", mintStoreId: () => "store-1" };

function damagedBy(query: string): CrashingStorage {
  const storage = new CrashingStorage();
  const log = LogStore.open(storage, A);
  storage.transactionSync(() => {
    log.saveHardState({ term: 2, votedFor: "B" });
    log.append([noop(1, 1), configurationEntry(2, 1, "c1"), command(3, 1), command(4, 2), command(5, 2)]);
    log.saveApplied(2);
    log.bindCluster("c1");
  });
  storage.sql.exec(query);
  return storage;
}

function dump({ sql }: CrashingStorage): unknown {
  const tables = sql.exec<{ name: string }>("SELECT name FROM sqlite_schema WHERE type = 'table'").toArray();
  return tables.map(({ name }) => {
    const columns = sql.exec<{ name: string }>("SELECT name FROM pragma_table_info(?)", name).toArray();
    // quote() also shows numbers that the port cannot carry.
    const quoted = columns.map((column) => `quote(${column.name})`).join(" || ',' || ");
    return [name, sql.exec(`SELECT ${quoted} AS row FROM "${name}"`).toArray()];
  });
}

/** Opening names the row, and leaves everything as it is. */
function expectDamage(query: string, message: RegExp): void {
  const storage = damagedBy(query);
  const before = dump(storage);
  const attempt = () => LogStore.open(storage, A);
  expect(attempt).toThrow(expect.objectContaining({ code: "storage-damaged" }));
  expect(attempt).toThrow(message);
  expect(attempt).toThrow(/Nothing was changed.*new id/);
  expect(dump(storage)).toEqual(before);
}

describe("a damaged entry is named and nothing is changed", () => {
  const columns: readonly [column: string, value: string][] = [
    ["term", "2"],
    ["term", "0"],
    ["term", "-1"],
    ["term", "1.5"],
    ["term", "'one'"],
    ["term", "9007199254740993"],
    ["kind", "1"],
    ["kind", "4"],
    ["kind", "0"],
    ["kind", "x'03'"],
    ["schema", "2"],
    ["time", "time + 1"],
    ["time", "1e300"],
    ["time", "9223372036854775807"],
    ["ordinal", "ordinal + 1"],
    ["origin_node", "'node-C'"],
    ["origin_node", "NULL"],
    ["origin_node", "3"],
    ["origin_boot", "4"],
    ["origin_boot", "NULL"],
    ["origin_sequence", "7"],
    ["origin_floor", "0"],
    ["origin_floor", "'3'||'x'"],
    ["checksum", "checksum + 1"],
    ["checksum", "checksum + 4294967296"],
    ["body", "x''"],
    ["body", "'text'"],
    ["body", "CAST(body || 'x' AS BLOB)"],
  ];
  it.each(columns)("%s = %s", (column, value) => {
    expectDamage(`UPDATE entries SET ${column} = ${value} WHERE idx = 3`, /table entries, idx=3: /);
  });

  it("every bit of a body", () => {
    for (let bit = 0; bit < 24; bit++) {
      const storage = damagedBy("SELECT 1");
      const body = storage.sql
        .exec<{ body: ArrayBuffer }>("SELECT body FROM entries WHERE idx = 4")
        .one().body;
      const bytes = new Uint8Array(body);
      bytes[bit >> 3]! ^= 1 << (bit & 7);
      storage.sql.exec("UPDATE entries SET body = ? WHERE idx = 4", bytes);
      expect(() => LogStore.open(storage, A)).toThrow(/table entries, idx=4: the checksum/);
    }
  });

  it("an origin where there was none", () => {
    expectDamage("UPDATE entries SET origin_boot = 0 WHERE idx = 1", /entries, idx=1: origin_boot is set/);
    expectDamage(
      "UPDATE entries SET origin_node = '', origin_boot = 0, origin_sequence = 0, origin_floor = 0 WHERE idx = 1",
      /entries, idx=1: the checksum/,
    );
  });

  it("a configuration", () => {
    expectDamage(
      "UPDATE entries SET body = CAST('{}' AS BLOB) WHERE idx = 2",
      /entries, idx=2: the checksum/,
    );
  });
});

describe("a damaged log is named and nothing is changed", () => {
  it.each([
    ["a row lost in the middle", "DELETE FROM entries WHERE idx = 3", /entries, idx=3: the row is missing/],
    [
      "the first row lost",
      "DELETE FROM entries WHERE idx = 1",
      /entries, idx=2: the log does not begin at 1/,
    ],
    ["a row moved", "UPDATE entries SET idx = 9 WHERE idx = 5", /entries, idx=5: the row is missing/],
    [
      "a row moved to the front",
      "UPDATE entries SET idx = -4 WHERE idx = 3",
      /entries, idx=-4: the log does not begin/,
    ],
    [
      "two rows exchanged",
      "UPDATE entries SET idx = -3 WHERE idx = 3; UPDATE entries SET idx = 3 WHERE idx = 4; UPDATE entries SET idx = 4 WHERE idx = -3",
      /entries, idx=3: the checksum/,
    ],
    [
      "applied entries lost",
      "DELETE FROM entries WHERE idx > 1",
      /meta, key=applied: 2 is past the log's last index, 1/,
    ],
  ])("%s", (_title, query, message) => expectDamage(query, message));

  it.each([
    [
      4,
      [command(1, 1), command(2, 1), command(3, 1), command(4, 2)],
      /idx=4: its ordinal is 3, but 1 commands/,
    ],
    [5, [noop(1, 1), noop(2, 1), noop(3, 1), noop(4, 1), noop(5, 1)], /idx=5: its term 1 comes after term 2/],
  ])("a row of another log, whole by itself, at %i", (index, entries, message) => {
    const donor = new CrashingStorage();
    const log = LogStore.open(donor, A);
    donor.transactionSync(() => {
      log.saveHardState({ term: 2, votedFor: null });
      log.append(entries);
    });
    const row = donor.sql.exec("SELECT * FROM entries WHERE idx = ?", index).one();
    const storage = damagedBy("DELETE FROM entries WHERE idx > 5");
    const places = Object.keys(row).map(() => "?");
    storage.sql.exec(`INSERT OR REPLACE INTO entries VALUES (${places})`, ...Object.values(row));
    expect(() => LogStore.open(storage, A)).toThrow(message);
  });
});

describe("damaged small tables are named and nothing is changed", () => {
  it.each([
    ["UPDATE hard_state SET term = 3", /hard_state, id=1: term and vote do not match/],
    ["UPDATE hard_state SET voted_for = 'C'", /hard_state, id=1: term and vote do not match/],
    ["UPDATE hard_state SET voted_for = NULL", /hard_state, id=1: term and vote do not match/],
    ["UPDATE hard_state SET checksum = checksum + 1", /hard_state, id=1: term and vote do not match/],
    ["UPDATE hard_state SET term = 9223372036854775807", /hard_state, id=1: /],
    ["ALTER TABLE hard_state DROP COLUMN voted_for", /hard_state, id=1: no such column/],
    ["ALTER TABLE entries RENAME COLUMN time TO thyme", /entries, idx=1: no such column/],
    ["UPDATE meta SET value = 9223372036854775807 WHERE key = 'boot'", /meta, all rows: /],
    ["UPDATE entries SET idx = 9223372036854775807 WHERE idx = 5", /entries, all rows: /],
    ["DELETE FROM hard_state", /hard_state, id=1: the row is missing/],
    ["UPDATE meta SET value = 0 WHERE key = 'boot'", /meta, key=boot: its value does not match/],
    ["UPDATE meta SET value = 'c2' WHERE key = 'clusterId'", /meta, key=clusterId: its value does not match/],
    ["UPDATE meta SET value = 'A2' WHERE key = 'id'", /meta, key=id: its value does not match/],
    ["UPDATE meta SET key = 'unknown' WHERE key = 'storeId'", /meta, key=unknown: its value does not match/],
    ["UPDATE meta SET value = 1 WHERE key = 'applied'", /meta, key=applied: its value does not match/],
    ["DELETE FROM meta WHERE key = 'applied'", /meta, key=applied: the row is missing/],
    ["DELETE FROM meta", /meta, key=schemaVersion: the row is missing/],
    ["DROP TABLE hard_state", /meta, all rows: of three tables only/],
  ])("%s", (query, message) => expectDamage(query, message));

  it("a term below the log's", () => {
    const storage = damagedBy("SELECT 1");
    const young = new CrashingStorage();
    LogStore.open(young, A);
    const row = young.sql.exec<{ checksum: number }>("SELECT checksum FROM hard_state").one();
    storage.sql.exec("UPDATE hard_state SET term = 0, voted_for = NULL, checksum = ?", row.checksum);
    expect(() => LogStore.open(storage, A)).toThrow(
      /hard_state, id=1: its term 0 is below the log's last, 2/,
    );
  });
});

describe("damage met while running", () => {
  it("stops the read that meets it", () => {
    const storage = new CrashingStorage();
    const log = LogStore.open(storage, A);
    storage.transactionSync(() => {
      log.saveHardState({ term: 1, votedFor: null });
      log.append([1, 2, 3, 4].map((index) => command(index, 1)));
    });
    storage.sql.exec("UPDATE entries SET body = x'00' WHERE idx = 2");
    const damage = expect.objectContaining({ code: "storage-damaged" });
    expect(log.read(1, 4, 3)).toHaveLength(1);
    expect(() => log.read(1, 4, 1000)).toThrow(damage);
    expect(() => log.commandsUpTo(4, 3)).toThrow(damage);
    expect(() => log.ordinalAfter(2)).toThrow(damage);
    storage.sql.exec("DELETE FROM entries WHERE idx = 2");
    expect(() => log.read(2, 2, 1000)).toThrow(/entries, idx=2: the row is missing/);
    expect(() => log.read(1, 4, 1000)).toThrow(/entries, idx=2: the row is missing/);
  });

  it("is found in the file itself", () =>
    withDirectory(async (directory) => {
      const storage = openNodeStorage(directory);
      const log = LogStore.open(storage, A);
      storage.transactionSync(() => {
        log.saveHardState({ term: 1, votedFor: null });
        log.append([1, 2, 3].map((index) => command(index, 1, "needle".repeat(2000) + index)));
      });
      await storage.close();

      const file = await open(join(directory, "raft.sqlite"), "r+");
      const content = await file.readFile();
      await file.write("N", content.lastIndexOf("needle"));
      await file.close();

      const again = openNodeStorage(directory);
      expect(() => LogStore.open(again, A)).toThrow(/table entries, idx=\d: the checksum/);
      await again.close();
    }));
});
