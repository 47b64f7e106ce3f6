import { expect, test } from "vitest";
import { Bench, put, text } from "./support.ts";

/** The tables of changes and keys as schema 1 had them. */
const OLD_TABLES = `
  DROP TABLE change_segments;
  DROP TABLE keys_written;
  CREATE TABLE changes (
    revision INTEGER NOT NULL, key BLOB NOT NULL, previous_revision INTEGER NOT NULL, value_offset INTEGER NOT NULL,
    value_length INTEGER NOT NULL, create_revision INTEGER NOT NULL, version INTEGER NOT NULL, flags INTEGER NOT NULL,
    PRIMARY KEY (revision, key)) WITHOUT ROWID;
`;

test("changes of schema 1, a row for each, are brought over, and the keys go on from there", () => {
  const bench = new Bench();
  for (let i = 0; i < 300; i++) {
    bench.operations(Array.from({ length: 5 }, (_, at) => put(`k${(i * 5 + at) % 7}`, `${i}`, { flags: i })));
  }
  bench.command("DEL k3");
  bench.flush();
  const { database } = bench.storage;
  const changes = bench.changes();
  const inOrder = [...changes].sort((a, b) => a.revision - b.revision || (a.key < b.key ? -1 : 1));
  const listed = bench.store.list("");
  database.exec(OLD_TABLES);
  const insert = database.prepare("INSERT INTO changes VALUES (?,?,?,?,?,?,?,?)");
  for (const { revision, keyBytes, previousRevision, valueOffset, valueLength, ...rest } of changes) {
    const { createRevision, version, flags } = rest;
    insert.run(
      revision,
      keyBytes,
      previousRevision,
      valueOffset,
      valueLength,
      createRevision,
      version,
      flags,
    );
  }

  expect(bench.crash()).toEqual([]);
  expect(bench.changes()).toEqual(inOrder);
  expect(bench.store.list("")).toEqual(listed);
  expect(bench.store.lastChange).toBe(301);
  const scan = bench.store.scan("k1");
  bench.command("SET k1=new");
  bench.flush();
  expect([...scan].map(({ value }) => text(value))).toEqual(["299"]);
  expect(bench.store.get("k1")).toMatchObject({ version: expect.any(Number), modifyRevision: 302 });
  bench.crash();
  expect(database.prepare("SELECT name FROM sqlite_schema WHERE name = 'changes'").all()).toEqual([]);
});
