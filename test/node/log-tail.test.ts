import { beforeEach, describe, expect, test, vi } from "vitest";
import { LogTail } from "../../shared/node/log-tail.ts";
import type { LogEntry } from "../../shared/storage/entry.ts";
import type { LogStore } from "../../shared/storage/log-store.ts";
import { CrashingStorage } from "../../sim/crashing-storage.ts";
import { commandEntry, noopEntry, openLog, textOf } from "./support/entries.ts";

const mebibyte = 1 << 20;
const everything = Number.POSITIVE_INFINITY;
const indexes = (entries: Iterable<LogEntry>) => [...entries].map(({ index }) => index);
const span = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, i) => first + i);

let storage: CrashingStorage;
let store: LogStore;

beforeEach(() => {
  storage = new CrashingStorage();
  store = openLog(storage);
  storage.transactionSync(() => store.saveHardState({ term: 9, votedFor: null }));
});

const save = (...entries: readonly LogEntry[]) => storage.transactionSync(() => store.append(entries));
const stageAll = (tail: LogTail, entries: readonly LogEntry[]) => entries.map((one) => tail.stage(one, 5));

/** Entries 1 to `last`, in memory each with this size, and stored with what they really take: so one can tell which are read. */
function inBoth(tail: LogTail, last: number, size: number): LogEntry[] {
  const entries = stageAll(
    tail,
    span(1, last).map((index) => ({ ...commandEntry(index), size })),
  );
  save(...entries.map((one) => ({ ...one, size: one.data.bytes.length })));
  return entries;
}

/** Stored up to `stored`, in memory after that, each of a size that lets `evict` drop all but eight. */
function large(stored: number, last: number): LogTail {
  save(...span(1, stored).map((index) => commandEntry(index)));
  const tail = new LogTail(store);
  stageAll(
    tail,
    span(stored + 1, last).map((index) => ({ ...commandEntry(index), size: mebibyte })),
  );
  return tail;
}

describe("entries that the core hands over", () => {
  test("are there at once, with their time and their ordinal", () => {
    save(noopEntry(1), commandEntry(2, { ordinal: 0 }));
    const tail = new LogTail(store);
    const entry = { index: 3, term: 1, kind: "noop", size: 0 } as const;
    expect(tail.stage(entry, 77)).toMatchObject({ index: 3, ordinal: 1, data: { time: 77, origin: null } });
    expect(tail.stage(commandEntry(4, { ordinal: 99 }), 5)).toMatchObject({ ordinal: 1 });
    expect(tail.lastIndex).toBe(4);
    expect(indexes(tail.read(1, 4, everything))).toEqual([1, 2, 3, 4]);
  });

  test("leave no gap", () => {
    const tail = new LogTail(store);
    expect(() => tail.stage(commandEntry(2), 5)).toThrow("the log has no gaps");
  });

  test("replace what stood there, in memory", () => {
    const tail = new LogTail(store);
    stageAll(tail, [noopEntry(1), ...span(2, 6).map((index) => commandEntry(index))]);
    tail.stage(commandEntry(4, { term: 2, text: "SET new=1" }), 5);
    expect(tail.lastIndex).toBe(4);
    expect(tail.ordinalAfter(4)).toBe(3);
    expect(tail.read(4, 4, everything).map(textOf)).toEqual(["SET new=1"]);
  });

  test("replace what stood there, in storage", () => {
    save(noopEntry(1), ...span(2, 6).map((index) => commandEntry(index, { ordinal: index - 2 })));
    const tail = new LogTail(store);
    tail.stage(commandEntry(4, { term: 2, text: "SET new=1" }), 5);
    expect(tail.lastIndex).toBe(4);
    expect(tail.ordinalAfter(4)).toBe(3);
    expect(tail.read(1, 4, everything).map(textOf)).toEqual(["", "SET x=2", "SET x=3", "SET new=1"]);
  });
});

describe("reading", () => {
  test("crosses from storage to memory", () => {
    const tail = large(5, 10);
    for (const first of [1, 4, 5, 6, 10]) {
      expect(indexes(tail.read(first, 10, everything))).toEqual(span(first, 10));
    }
  });

  test("keeps to its limit on either side, but gives at least one entry", () => {
    const tail = large(5, 10);
    const { length } = commandEntry(1).data.bytes;
    expect(indexes(tail.read(1, 10, 2 * length))).toEqual([1, 2]);
    expect(indexes(tail.read(1, 10, 0))).toEqual([1]);
    expect(indexes(tail.read(4, 10, 2 * length + mebibyte))).toEqual([4, 5, 6]);
    expect(indexes(tail.read(4, 10, length + mebibyte))).toEqual([4, 5]);
    expect(indexes(tail.read(5, 10, length))).toEqual([5]);
    expect(indexes(tail.read(7, 10, 2 * mebibyte))).toEqual([7, 8]);
    expect(indexes(tail.read(7, 10, 1))).toEqual([7]);
  });

  test("a range may be empty, and is read in parts", () => {
    const tail = large(5, 30);
    expect(indexes(tail.range(3, 2))).toEqual([]);
    expect(indexes(tail.range(2, 30))).toEqual(span(2, 30));
  });
});

describe("old entries", () => {
  test("go when they are no longer needed and take too much, and are read from storage then", () => {
    const tail = new LogTail(store);
    const entries = stageAll(
      tail,
      span(1, 20).map((index) => ({ ...commandEntry(index), size: mebibyte })),
    );
    const read = () => tail.read(1, 20, everything);
    tail.evict(5, 0);
    save(...entries.map((one) => ({ ...one, size: one.data.bytes.length })));
    expect(indexes(read())).toEqual(span(1, 20));
    expect(read().map(({ size }) => size === mebibyte)).toEqual(span(1, 20).map((index) => index > 5));
    tail.evict(20, 0);
    expect(read().filter(({ size }) => size === mebibyte)).toHaveLength(2);
    tail.evict(20, 0);
    expect(read().map(textOf)).toEqual(entries.map(textOf));
  });

  test("go at once where every follower has them, but for the newest", () => {
    const tail = new LogTail(store);
    const entries = inBoth(tail, 1000, 1000);
    const inMemory = () => indexes(tail.read(1, 1000, everything).filter(({ size }) => size === 1000));
    tail.evict(1000, 7);
    expect(inMemory()).toEqual(span(8, 1000));
    tail.evict(300, 1000);
    expect(inMemory(), "what is needed here stays").toEqual(span(301, 1000));
    tail.evict(1000, 3);
    expect(inMemory(), "what a follower has not stays").toEqual(span(301, 1000));
    tail.evict(1000, 1000);
    expect(inMemory()).toEqual(span(745, 1000));
    stageAll(
      tail,
      span(1001, 1003).map((index) => ({ ...commandEntry(index), size: 100_000 })),
    );
    tail.evict(1000, 1000);
    expect(inMemory(), "large ones leave no room for others").toEqual([]);
    expect(tail.read(1, 1000, everything).map(textOf)).toEqual(entries.map(textOf));
  });

  test("are not asked for the place of the one that follows them", () => {
    const tail = new LogTail(store);
    inBoth(tail, 10, 100_000);
    tail.evict(5, 10);
    const asked = vi.spyOn(store, "ordinalAfter");
    expect(tail.ordinalAfter(5)).toBe(5);
    expect(asked).not.toHaveBeenCalled();
  });

  test("that were replaced count no more", () => {
    const tail = large(0, 20);
    stageAll(
      tail,
      span(2, 9).map((index) => ({ ...commandEntry(index, { term: 2 }), size: mebibyte / 10 })),
    );
    save(...span(1, 9).map((index) => commandEntry(index, { text: "stored" })));
    tail.evict(9, 0);
    expect(tail.read(1, 9, everything).map(textOf)).not.toContain("stored");
  });

  test("go thousands at a time, and the rest stays where it was", () => {
    const tail = new LogTail(store);
    const entries = inBoth(tail, 5000, 4096);
    for (let needed = 500; needed <= 5000; needed += 500) {
      tail.evict(needed, 0);
      expect(tail.lastIndex).toBe(5000);
      const inMemory = tail.read(1, 5000, everything).filter(({ size }) => size === 4096);
      expect(indexes(inMemory)).toEqual(span(Math.min(needed, 5000 - 512) + 1, 5000));
      expect(inMemory.map(textOf)).toEqual(entries.slice(-inMemory.length).map(textOf));
    }
    stageAll(tail, [commandEntry(4900, { term: 2, text: "again" })]);
    expect(tail.lastIndex).toBe(4900);
    expect(tail.read(4898, 4900, everything).map(textOf)).toEqual([
      ...entries.slice(4897, 4899).map(textOf),
      "again",
    ]);
    expect(tail.ordinalAfter(4900)).toBe(4900);
  });

  test("that were let go can still be replaced", () => {
    const tail = large(0, 20);
    save(...span(1, 20).map((index) => commandEntry(index)));
    tail.evict(20, 0);
    tail.stage(commandEntry(3, { term: 2 }), 5);
    expect(tail.lastIndex).toBe(3);
    expect(tail.ordinalAfter(3)).toBe(3);
    expect(indexes(tail.read(1, 3, everything))).toEqual([1, 2, 3]);
  });
});

describe("clients' commands", () => {
  const mixed = (from: number, to: number) =>
    span(from, to).map((index) =>
      index % 3 === 1
        ? noopEntry(index)
        : commandEntry(index, { ordinal: index - 1 - Math.ceil((index - 1) / 3) }),
    );

  test("are counted and listed over storage and memory alike", () => {
    save(...mixed(1, 10));
    const tail = new LogTail(store);
    stageAll(tail, mixed(11, 20));
    const commands = span(1, 20).filter((index) => index % 3 !== 1);
    for (let index = 0; index <= 20; index++) {
      const upTo = commands.filter((one) => one <= index);
      expect(tail.ordinalAfter(index)).toBe(upTo.length);
      for (const limit of [0, 1, 3, 8, everything]) {
        const listed = tail.commandsUpTo(index, limit);
        expect(indexes(listed)).toEqual(limit === 0 ? [] : upTo.slice(-limit));
        for (const { index: at, ordinal } of listed) expect(ordinal).toBe(commands.indexOf(at));
      }
    }
  });

  test("beyond the last entry are those up to it", () => {
    const tail = large(2, 4);
    expect(tail.ordinalAfter(9)).toBe(4);
    expect(indexes(tail.commandsUpTo(9, 2))).toEqual([3, 4]);
  });
});
