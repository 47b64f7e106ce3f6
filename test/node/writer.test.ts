import { beforeEach, describe, expect, test, vi } from "vitest";
import type { Write } from "../../shared/node/writer.ts";
import { Writer } from "../../shared/node/writer.ts";
import type { LogStore } from "../../shared/storage/log-store.ts";
import { CrashingStorage } from "../../sim/crashing-storage.ts";
import { commandEntry, openLog } from "./support/entries.ts";
import { settled } from "./support/waiting.ts";
import { cluster } from "./support/world.ts";

let storage: CrashingStorage;
let log: LogStore;
let writer: Writer;
let written: number[];
let failures: unknown[];
const flushApplied = vi.fn();
/** Syncs under way, oldest first. */
let syncs: (() => void)[];

beforeEach(async () => {
  storage = new CrashingStorage({ delay: (done) => syncs.push(done) });
  syncs = [];
  written = [];
  failures = [];
  flushApplied.mockReset();
  log = openLog(storage);
  storage.transactionSync(() => log.saveHardState({ term: 1, votedFor: null }));
  const opened = storage.sync();
  await completeSync();
  await opened;
  writer = new Writer(storage, log, {
    flushApplied,
    written: (number) => written.push(number),
    failed: (error) => failures.push(error),
  });
});

async function completeSync(): Promise<void> {
  syncs.shift()?.();
  await settled();
}

const write = (number: number, ...indexes: readonly number[]): Write => ({
  number,
  entries: indexes.map((index) => commandEntry(index)),
});

describe("group commit", () => {
  test("everything that came while a write was under way is one transaction and one sync", async () => {
    const transactions = vi.spyOn(storage, "transactionSync");
    writer.add(write(1, 1));
    writer.start(10);
    for (let i = 2; i <= 100; i++) {
      writer.add(write(i, i));
      writer.start(10 + i);
    }
    expect(transactions).toHaveBeenCalledTimes(1);
    expect(log.lastIndex).toBe(1);
    await completeSync();
    expect(written).toEqual([1]);
    writer.start(200);
    expect(transactions).toHaveBeenCalledTimes(2);
    expect(syncs).toHaveLength(1);
    expect(log.lastIndex).toBe(100);
    await completeSync();
    expect(written).toEqual([1, 100]);
    expect(writer.groups).toBe(2);
    expect(storage.unsynced).toBe(0);
  });

  test("a term goes with its entries, in the order in which they were handed over", () => {
    writer.add({ number: 1, hardState: { term: 2, votedFor: "N" }, entries: [] });
    writer.add({ number: 2, entries: [commandEntry(1, { term: 2 }), commandEntry(2, { term: 2 })] });
    writer.add({
      number: 3,
      hardState: { term: 3, votedFor: null },
      entries: [commandEntry(2, { term: 3, ordinal: 1 })],
    });
    writer.start(0);
    expect(log.hardState).toEqual({ term: 3, votedFor: null });
    expect([1, 2].map((index) => log.termAt(index))).toEqual([2, 3]);
  });

  test("what was applied rides along, after the entries", () => {
    flushApplied.mockImplementation(() => expect(log.lastIndex).toBe(1));
    writer.add(write(1, 1));
    writer.start(0);
    expect(flushApplied).toHaveBeenCalledTimes(1);
  });

  test("a write is timed from its start until it is durable", async () => {
    expect(writer.startedAt).toBe(null);
    writer.add(write(1, 1));
    writer.start(7);
    writer.start(9);
    expect(writer.startedAt).toBe(7);
    await completeSync();
    expect(writer.startedAt).toBe(null);
  });
});

test("nothing is written for nothing, unless asked to", async () => {
  writer.start(0);
  expect(syncs).toEqual([]);
  flushApplied.mockImplementation(() => storage.sql.exec("CREATE TABLE applied (x)"));
  writer.start(0, true);
  await completeSync();
  expect(flushApplied).toHaveBeenCalledTimes(1);
  expect(written).toEqual([0]);
});

describe("a failure", () => {
  test("of a transaction is final", async () => {
    storage.failNextWrite();
    writer.add(write(1, 1));
    writer.start(0);
    expect(failures).toMatchObject([{ code: "storage-failed" }]);
    writer.add(write(2, 2));
    writer.start(1);
    await settled();
    expect(failures).toHaveLength(1);
    expect(written).toEqual([]);
  });

  test("of a sync is final", async () => {
    storage.failNextSync();
    writer.add(write(1, 1));
    writer.start(0);
    await completeSync();
    expect(failures).toMatchObject([{ code: "storage-failed" }]);
    writer.add(write(2, 2));
    writer.start(1);
    expect(written).toEqual([]);
    expect(failures).toHaveLength(1);
  });

  test("of a state machine takes the entries along", () => {
    flushApplied.mockImplementation(() => {
      throw new Error("no");
    });
    writer.add(write(1, 1));
    writer.start(0);
    expect(failures).toEqual([new Error("no")]);
    expect(storage.sql.exec("SELECT count(*) AS entries FROM entries").one()).toEqual({ entries: 0 });
  });
});

describe("a whole node", () => {
  test("writes a hundred commands of one moment in a few groups", async () => {
    const world = await cluster();
    const { leader } = world;
    const groups = () => leader.node.metrics().find(({ name }) => name === "write_groups_total")?.value ?? 0;
    const before = groups();
    const commands = Array.from({ length: 100 }, (_, i) => leader.execute(`SET k${i}=1`));
    for (const one of commands) await world.answer(one);
    expect(groups() - before).toBeLessThanOrEqual(3);
  });

  test.each(["failNextWrite", "failNextSync"] as const)("ends with its disk (%s)", async (fails) => {
    const world = await cluster();
    const [node] = world.followers;
    const waiting = node?.read({ timeoutMs: 10_000 });
    node?.storage[fails]();
    await world.answer(world.leader.execute("SET x=1"));
    await world.until(() => node?.fatal !== null);
    expect(node?.fatal).toMatchObject({ code: "storage-failed" });
    expect(waiting?.isPending).toBe(false);
    expect(node?.node.health()).toEqual({ healthy: false, reason: "this node has failed" });
    const late = node?.execute("SET y=1");
    await world.run(1);
    expect(late?.error).toMatchObject({ status: 503, details: { outcome: "none" } });
  });
});
