import { expect, test } from "vitest";
import { CommittedLog } from "../../sim/committed-log.ts";
import type { HistoryRecord } from "../../sim/history.ts";
import { compareWithLog } from "../../sim/store/compare.ts";
import type { KeyValueOperation, Shown } from "../../sim/store/node-operation.ts";
import { toNodeOperation } from "../../sim/store/node-operation.ts";
import type { StoreOperation } from "../../sim/store/operation.ts";
import { all, del, delUnder, each, local, put, read, text, watch } from "./store-history.ts";

type Record = HistoryRecord<KeyValueOperation>;

/** What is in the log, at the indexes that clients are told; A has applied all of it, one entry in 10 ms. */
const entries: readonly (readonly [operation: StoreOperation, result: unknown])[] = [
  [text(put("a/1", "v1")), "OK"],
  [
    all(put("a/2", "v2"), put("a/1", "v3", { index: 1 })),
    {
      ok: true,
      results: [
        { ok: true, ModifyIndex: 2 },
        { ok: true, ModifyIndex: 2 },
      ],
    },
  ],
  [text(put("a/2", "v4", { value: "v9" })), false],
  [
    all(del("a/2"), put("a/1", "v5", { index: 1 }), delUnder("a/")),
    {
      ok: false,
      results: [
        { ok: false, ModifyIndex: 2, code: "rolled-back" },
        { ok: false, ModifyIndex: 2, code: "cas-failed" },
        { ok: false, ModifyIndex: 0, code: "rolled-back" },
      ],
    },
  ],
  [text(del("a/1")), 1],
  [
    each(delUnder("a/"), del("a/1", { index: 7 })),
    {
      ok: true,
      results: [
        { ok: true, ModifyIndex: 6 },
        { ok: true, ModifyIndex: 0 },
      ],
    },
  ],
  [text(put("x", "v6")), "OK"],
];

const log = new CommittedLog();
log.started("A", 0);
entries.forEach(([operation, result], at) => {
  const index = at + 1;
  const { schema, bytes } = toNodeOperation(operation) as KeyValueOperation & { type: "command" };
  const data = { time: 0, origin: null, schema, bytes };
  log.applied("A", { index, term: 1, kind: "command", size: 1, data, ordinal: at }, result, 10 * index);
});
// A's second run starts with the first four.
log.started("A", 4);

function record(on: StoreOperation, result: unknown, more: Partial<Record> = {}): Record {
  return {
    client: 0,
    node: "A",
    operation: toNodeOperation(on),
    invokedAt: 0,
    endedAt: 1,
    outcome: { type: "ok", result, index: null },
    run: 1,
    held: null,
    committedBefore: 0,
    committedAfter: 7,
    ...more,
  };
}

function shown(
  index: number,
  ...items: readonly (readonly [key: string, value: string, create: number, modify: number])[]
): Shown {
  return {
    index,
    items: items.map(([key, value, createIndex, modifyIndex]) => ({
      key,
      value,
      flags: 0,
      createIndex,
      modifyIndex,
    })),
  };
}

const atTwo = [
  ["a/1", "v3", 1, 2],
  ["a/2", "v2", 2, 2],
] as const;

test("what a store gives at each index is what it must give", () => {
  const records = entries.map(([operation, result], at) => {
    return record(operation, result, { outcome: { type: "ok", result, index: at + 1 } });
  });
  expect(compareWithLog(records, log)).toBeNull();
});

test("a result that the log does not give at its index", () => {
  const wrong = record(text(put("a/2", "v4", { value: "v9" })), true, {
    outcome: { type: "ok", result: true, index: 3 },
  });
  expect(compareWithLog([wrong], log)).toMatch(
    /^CAS a\/2 v9 v4 .* answered with true, where the committed log has false$/,
  );
});

test("what was read at an index is what there was, to the last number", () => {
  expect(compareWithLog([record(read("a/"), shown(2, ...atTwo))], log)).toBeNull();
  const young = shown(2, ["a/1", "v3", 2, 2], ["a/2", "v2", 2, 2]);
  expect(compareWithLog([record(read("a/"), young)], log)).toMatch(
    /"createIndex":2.* the committed log has /,
  );
  expect(compareWithLog([record(read("a/"), shown(5, ...atTwo))], log)).toMatch(/^READ a\/\* /);
  expect(compareWithLog([record(read("x"), shown(6))], log)).toBeNull();
});

test("a read is not older than what was committed before it, unless it is the node's own state that is asked for", () => {
  const committedBefore = 4;
  // The entries after the second changed nothing.
  expect(compareWithLog([record(read("a/"), shown(2, ...atTwo), { committedBefore })], log)).toBeNull();
  const old = shown(1, ["a/1", "v1", 1, 1]);
  expect(compareWithLog([record(read("a/"), old, { committedBefore })], log)).toMatch(
    /as of 1, when 2 was committed before/,
  );
  expect(compareWithLog([record(local("a/"), old, { committedBefore })], log)).toBeNull();
});

test("a read is not newer than what is committed, whoever it asks", () => {
  for (const operation of [read("x"), local("x")]) {
    const early = record(operation, shown(7, ["x", "v6", 7, 7]), { committedAfter: 6 });
    expect(compareWithLog([early], log)).toMatch(/as of 7, when nothing beyond 6 was committed/);
  }
});

test("a watch is answered as soon as its node has applied a change after its index", () => {
  const held = (fromMs: number, toMs: number, run = 1) => {
    return compareWithLog([record(watch("a/", 2), shown(6), { held: { fromMs, toMs }, run })], log);
  };
  // The change is entry 5.
  expect(held(0, 50)).toBeNull();
  expect(held(300, 300)).toBeNull();
  expect(held(0, 500)).toMatch(
    /^WATCH a\/\* after 2 .* was held back 450.0 ms after change 5 had been applied there$/,
  );
  // In its second run the node has not got there.
  expect(held(0, 500, 2)).toBeNull();
});

test("a deletion is a change, and one of another key is none", () => {
  const held = { fromMs: 0, toMs: 5000 };
  expect(compareWithLog([record(watch("x", 7), shown(7, ["x", "v6", 7, 7]), { held })], log)).toBeNull();
  expect(compareWithLog([record(watch("a/2", 2), shown(7), { held })], log)).toMatch(/after change 6/);
});
