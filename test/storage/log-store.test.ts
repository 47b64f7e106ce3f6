import { describe, expect, it } from "vitest";
import { InvariantViolation } from "../../shared/errors.ts";
import type { LogEntry, UncountedEntry } from "../../shared/storage/entry.ts";
import { LogStore } from "../../shared/storage/log-store.ts";
import { CrashingStorage } from "../../sim/crashing-storage.ts";
import { command, configurationEntry, noop } from "./entries.ts";

const A = { id: "A", mintStoreId: () => "store-1" };

/** A store whose term is high enough for every entry of these tests. */
function openA(storage = new CrashingStorage()): { storage: CrashingStorage; log: LogStore } {
  const log = LogStore.open(storage, A);
  if (log.hardState.term === 0) storage.transactionSync(() => log.saveHardState({ term: 9, votedFor: "A" }));
  return { storage, log };
}

function append({ storage, log }: { storage: CrashingStorage; log: LogStore }, ...entries: UncountedEntry[]) {
  return storage.transactionSync(() => log.append(entries));
}

/** What the next process finds. */
function reopen(storage: CrashingStorage): { storage: CrashingStorage; log: LogStore } {
  return openA(storage.crash(() => 1, "all"));
}

function ordinals(entries: readonly LogEntry[]): number[] {
  return entries.map((entry) => entry.ordinal);
}

function expectRefused(attempt: () => unknown, rule: string): void {
  expect(attempt).toThrow(InvariantViolation);
  expect(attempt).toThrow(rule);
}

describe("LogStore.open", () => {
  it("makes an empty store with a store id of its own", () => {
    const log = LogStore.open(new CrashingStorage(), A);
    expect(log).toMatchObject({ id: "A", storeId: "store-1", boot: 1, clusterId: null });
    expect(log).toMatchObject({ lastIndex: 0, lastTime: 0, applied: 0, runs: [], configurations: [] });
    expect(log.hardState).toEqual({ term: 0, votedFor: null });
  });

  it("finds everything again, mints once, and counts its boots", () => {
    const first = openA();
    const entries = [
      noop(1, 1),
      configurationEntry(2, 1, "c1"),
      command(3, 1),
      noop(4, 3),
      command(5, 3, new Uint8Array([0, 255, 10])),
      configurationEntry(6, 4, "c1"),
    ];
    const written = append(first, ...entries);
    first.storage.transactionSync(() => {
      first.log.saveHardState({ term: 12, votedFor: null });
      first.log.saveApplied(3);
      first.log.bindCluster("c1");
    });
    const storage = first.storage.crash(() => 1, "all");
    const log = LogStore.open(storage, { id: "A", mintStoreId: () => "store-2" });

    expect(log).toMatchObject({ id: "A", storeId: "store-1", boot: 2, clusterId: "c1" });
    expect(log).toMatchObject({ lastIndex: 6, lastTime: entries[5]!.data.time, applied: 3 });
    expect(log.hardState).toEqual({ term: 12, votedFor: null });
    expect(log.runs).toEqual([
      { term: 1, first: 1 },
      { term: 3, first: 4 },
      { term: 4, first: 6 },
    ]);
    expect(log.configurations.map(({ index }) => index)).toEqual([2, 6]);
    expect(log.configurations[0]!.configuration).toEqual(entries[1]!.configuration);
    const stored = written.map((entry) => ({ ...entry, size: entry.data.bytes.length }));
    expect(log.read(1, 6, Number.POSITIVE_INFINITY)).toEqual(stored);
    expect(LogStore.open(storage, A).boot).toBe(3);
  });

  it("refuses the storage of another node and says how to mend it", () => {
    const { storage } = openA();
    const before = dump(storage);
    const attempt = () => LogStore.open(storage, { id: "B", mintStoreId: () => "store-2" });
    expect(attempt).toThrow(expect.objectContaining({ code: "wrong-node" }));
    expect(attempt).toThrow(/belongs to node A, not to node B.*--id A.*--data-dir/);
    expect(dump(storage)).toEqual(before);
  });

  it("refuses tables of a newer release", () => {
    const { storage } = openA();
    storage.sql.exec("UPDATE meta SET value = 3, checksum = 0 WHERE key = 'schemaVersion'");
    storage.sql.exec("ALTER TABLE entries ADD COLUMN surprise");
    const before = dump(storage);
    const attempt = () => LogStore.open(storage, A);
    expect(attempt).toThrow(expect.objectContaining({ code: "storage-too-new" }));
    expect(attempt).toThrow(/newer Raft Lite \(schema 3.*Run the newer version/);
    expect(dump(storage)).toEqual(before);
  });

  it("leaves tables that are not its own alone", () => {
    const storage = new CrashingStorage();
    storage.sql.exec("CREATE TABLE kv (k, v); INSERT INTO kv VALUES (1, 2)");
    LogStore.open(storage, A);
    expect(storage.sql.exec("SELECT * FROM kv").toArray()).toEqual([{ k: 1, v: 2 }]);
  });

  it("can be opened step by step, of which none reads more than a part, and counts its boot in the last", () => {
    const { storage, log } = openA();
    for (let first = 1; first <= 3000; first += 500) {
      const entries = Array.from({ length: 500 }, (_, offset) => command(first + offset, 1));
      storage.transactionSync(() => log.append(entries));
    }
    const before = dump(storage);
    const opening = LogStore.opening(storage, A);
    let steps = 0;
    let step = opening.next();
    for (; !step.done; step = opening.next()) {
      expect(dump(storage)).toEqual(before);
      steps++;
    }
    expect(steps).toBeGreaterThanOrEqual(6);
    expect(step.value).toMatchObject({ lastIndex: 3000, boot: 2 });
  });

  it("reads a log larger than its pages, and large bodies among small", () => {
    const { storage, log } = openA();
    const large = new Uint8Array(3_000_000).fill(7);
    for (let first = 1; first <= 3000; first += 500) {
      const entries = Array.from({ length: 500 }, (_, offset) => command(first + offset, 1));
      storage.transactionSync(() => log.append(entries));
    }
    storage.transactionSync(() => log.append([3001, 3002, 3003].map((index) => command(index, 2, large))));
    const found = reopen(storage).log;
    expect(found.lastIndex).toBe(3003);
    expect(found.read(1, 3003, Number.POSITIVE_INFINITY)).toHaveLength(3003);
    expect(ordinals(found.read(2999, 3003, 3_000_050))).toEqual([2998, 2999, 3000]);
  });
});

describe("LogStore.append", () => {
  it("counts commands, whatever stands between them", () => {
    const { log, storage } = openA();
    const written = append(
      { storage, log },
      noop(1, 1),
      command(2, 1),
      noop(3, 2),
      command(4, 2),
      command(5, 2),
    );
    expect(ordinals(written)).toEqual([0, 0, 1, 1, 2]);
    expect(append({ storage, log }, command(6, 2))[0]!.ordinal).toBe(3);
    expect([0, 1, 2, 3, 4, 5, 6].map((index) => log.ordinalAfter(index))).toEqual([0, 0, 1, 1, 2, 3, 4]);
  });

  it("replaces what stands from its first index on", () => {
    const at = openA();
    append(at, noop(1, 1), command(2, 1), configurationEntry(3, 1, "c"), command(4, 2), command(5, 2));
    const [replaced] = append(at, command(3, 4, "SET y=1"));
    expect(replaced!.ordinal).toBe(1);
    for (const find of [() => at, () => reopen(at.storage)]) {
      const { log } = find();
      expect(log.lastIndex).toBe(3);
      expect(log.configurations).toEqual([]);
      expect(log.runs).toEqual([
        { term: 1, first: 1 },
        { term: 4, first: 3 },
      ]);
      expect(log.ordinalAfter(3)).toBe(2);
      expect(new TextDecoder().decode(log.read(3, 3, 0)[0]!.data.bytes)).toBe("SET y=1");
    }
  });

  it("replaces the whole log", () => {
    const at = openA();
    append(at, command(1, 1), command(2, 1));
    append(at, noop(1, 2));
    const { log } = reopen(at.storage);
    expect(log).toMatchObject({ lastIndex: 1, runs: [{ term: 2, first: 1 }] });
    expect(log.ordinalAfter(1)).toBe(0);
  });

  it("gives a configuration entry its configuration as bytes", () => {
    const at = openA();
    const [entry] = append(at, configurationEntry(1, 1, "c1"));
    expect(JSON.parse(new TextDecoder().decode(entry!.data.bytes))).toEqual(entry!.configuration);
    const body = at.storage.sql.exec<{ body: ArrayBuffer }>("SELECT body FROM entries").one().body;
    expect([...new Uint8Array(body)]).toEqual([...entry!.data.bytes]);
  });

  it("stores exactly the payload's bytes as the body, also those of a view", () => {
    const at = openA();
    const buffer = new Uint8Array([9, 9, 1, 2, 3, 9]);
    append(at, command(1, 1, buffer.subarray(2, 5)));
    const body = at.storage.sql.exec<{ body: ArrayBuffer }>("SELECT body FROM entries").one().body;
    expect([...new Uint8Array(body)]).toEqual([1, 2, 3]);
  });

  it("refuses a gap, a falling term, a term not stored, a fraction", () => {
    const at = openA();
    append(at, command(1, 5));
    expectRefused(() => append(at, command(3, 5)), "the log has no gaps");
    expectRefused(() => append(at, command(0, 5)), "the log has no gaps");
    expectRefused(() => append(at, command(2, 4)), "terms and indexes rise");
    expectRefused(() => append(at, command(2, 10)), "a term is stored before its entries");
    const broken = command(2, 5);
    expectRefused(() => append(at, { ...broken, data: { ...broken.data, time: 0.5 } }), "whole numbers");
    const skipping = openA();
    expectRefused(() => append(skipping, command(1, 1), command(3, 1)), "terms and indexes rise");
  });

  it("refuses to overwrite what has been applied", () => {
    const at = openA();
    append(at, command(1, 1), command(2, 1), command(3, 1));
    at.storage.transactionSync(() => at.log.saveApplied(2));
    expectRefused(() => append(at, command(2, 3)), "what has been applied never changes");
    append(at, command(3, 3));
    expect(reopen(at.storage).log.termAt(3)).toBe(3);
  });

  it("does nothing with no entries", () => {
    const at = openA();
    expect(append(at)).toEqual([]);
    expect(at.log.lastIndex).toBe(0);
  });
});

describe("LogStore reads", () => {
  it("fills the bytes it may, and gives at least one entry", () => {
    const at = openA();
    const bytes = (index: number) => new Uint8Array(index * 10);
    append(at, ...[1, 2, 3, 4, 5].map((index) => command(index, 1, bytes(index))));
    const lengths = (maxBytes: number) => at.log.read(2, 5, maxBytes).map((entry) => entry.index);
    expect(lengths(0)).toEqual([2]);
    expect(lengths(49)).toEqual([2]);
    expect(lengths(50)).toEqual([2, 3]);
    expect(lengths(89)).toEqual([2, 3]);
    expect(lengths(90)).toEqual([2, 3, 4]);
    expect(lengths(1_000_000)).toEqual([2, 3, 4, 5]);
    expectRefused(() => at.log.read(5, 6, 10), "only entries of the log are read");
    expectRefused(() => at.log.read(0, 1, 10), "only entries of the log are read");
    expectRefused(() => at.log.read(3, 2, 10), "only entries of the log are read");
  });

  it("finds the newest commands", () => {
    const at = openA();
    append(at, noop(1, 1), command(2, 1), command(3, 1), noop(4, 2), command(5, 2), noop(6, 3));
    const found = (index: number, limit: number) =>
      at.log.commandsUpTo(index, limit).map((entry) => entry.index);
    expect(found(6, 100)).toEqual([2, 3, 5]);
    expect(found(6, 2)).toEqual([3, 5]);
    expect(found(4, Number.POSITIVE_INFINITY)).toEqual([2, 3]);
    expect(found(1, 5)).toEqual([]);
    expect(found(0, 5)).toEqual([]);
    expect(found(6, 0)).toEqual([]);
    expect(ordinals(at.log.commandsUpTo(6, 2))).toEqual([1, 2]);
  });

  it("knows the term of every entry", () => {
    const at = openA();
    append(at, noop(1, 1), command(2, 1), noop(3, 4), noop(4, 5), command(5, 5));
    expect([0, 1, 2, 3, 4, 5].map((index) => at.log.termAt(index))).toEqual([0, 1, 1, 4, 5, 5]);
    expectRefused(() => at.log.termAt(6), "only entries of the log have a term");
  });
});

describe("LogStore keeps", () => {
  it("one vote in a term, and a term that never falls", () => {
    const storage = new CrashingStorage();
    const log = LogStore.open(storage, A);
    const save = (term: number, votedFor: string | null) =>
      storage.transactionSync(() => log.saveHardState({ term, votedFor }));
    save(3, null);
    save(3, "B");
    save(3, "B");
    expectRefused(() => save(3, "C"), "one vote in a term");
    expectRefused(() => save(3, null), "one vote in a term");
    expectRefused(() => save(2, "C"), "the term never falls");
    save(4, "C");
    expect(LogStore.open(storage, A).hardState).toEqual({ term: 4, votedFor: "C" });
  });

  it("an applied index that rises within the log", () => {
    const at = openA();
    append(at, command(1, 1), command(2, 1));
    const save = (index: number) => at.storage.transactionSync(() => at.log.saveApplied(index));
    save(1);
    expectRefused(() => save(0), "the applied index rises");
    expectRefused(() => save(3), "the applied index rises");
    save(2);
    expect(reopen(at.storage).log.applied).toBe(2);
  });

  it("one cluster for ever", () => {
    const at = openA();
    const bind = (clusterId: string) => at.storage.transactionSync(() => at.log.bindCluster(clusterId));
    bind("c1");
    bind("c1");
    expectRefused(() => bind("c2"), "a store belongs to one cluster");
    expect(reopen(at.storage).log.clusterId).toBe("c1");
  });

  it("nothing of a transaction that failed", () => {
    const at = openA();
    append(at, command(1, 1));
    const attempt = () =>
      at.storage.transactionSync(() => {
        at.log.saveHardState({ term: 20, votedFor: "B" });
        at.log.append([command(1, 20), command(2, 20)]);
        throw new Error("no");
      });
    expect(attempt).toThrow("no");
    const { log } = reopen(at.storage);
    expect(log.hardState).toEqual({ term: 9, votedFor: "A" });
    expect(log.runs).toEqual([{ term: 1, first: 1 }]);
  });
});

function dump({ sql }: CrashingStorage): unknown {
  return ["meta", "hard_state", "entries"].map((table) => sql.exec(`SELECT * FROM ${table}`).toArray());
}
