import { describe, expect, it } from "vitest";
import type { SqlBinding, SqlCursor, SqlStorage, SqlValue } from "../../shared/storage/port.ts";
import type { CrashingStorage } from "../../sim/crashing-storage.ts";
import { storageChecks, testStorage } from "./storage-conformance.ts";
import { makeCrashingStorage, makeNodeStorage } from "./support.ts";

testStorage("NodeStorage", makeNodeStorage, true);
testStorage("CrashingStorage", () => makeCrashingStorage(), true);
testStorage(
  "CrashingStorage, copied by statements",
  () => makeCrashingStorage(undefined, { copies: "statements" }),
  true,
);

/** Broken adapters, and the check that must catch each. */
const mutants: readonly {
  title: string;
  wrap: (storage: CrashingStorage) => CrashingStorage;
  caughtBy: string;
}[] = [
  {
    title: "forgets to sync",
    wrap: overriding(() => ({ sync: async () => {} })),
    caughtBy: "keeps what was synced, and of the rest whole transactions in order",
  },
  {
    title: "lets a sync share one that began before the write",
    wrap: overriding((storage) => {
      let running: Promise<void> | null = null;
      const sync = (): Promise<void> => {
        running ??= storage.sync().finally(() => {
          running = null;
        });
        return running;
      };
      return { sync };
    }),
    caughtBy: "covers with a sync what was written while an earlier one was under way",
  },
  {
    title: "writes a transaction statement by statement",
    wrap: overriding(() => ({ transactionSync: (work) => work() })),
    caughtBy: "keeps what was synced, and of the rest whole transactions in order",
  },
  {
    title: "keeps what a failed transaction wrote",
    wrap: overriding(() => ({ transactionSync: (work) => work() })),
    caughtBy: "takes a transaction back when it throws, tables included",
  },
  {
    title: "binds the whole buffer of a view",
    wrap: overridingSql((sql, query, bindings) => {
      const whole = bindings.map((value) => (ArrayBuffer.isView(value) ? value.buffer : value));
      return sql.exec(query, ...(whole as SqlValue[]));
    }),
    caughtBy: "binds just the bytes of a view",
  },
  {
    title: "begins a cursor anew",
    wrap: overridingSql((sql, query, bindings) => {
      const rows = sql.exec(query, ...bindings).toArray();
      return {
        toArray: () => rows,
        one: () => rows[0]!,
        [Symbol.iterator]: () => rows[Symbol.iterator](),
      };
    }),
    caughtBy: "hands each row of a cursor out once",
  },
  {
    title: "forgets its alarm",
    wrap: (storage) => {
      const inner = storage;
      let alarm: number | null = null;
      return overriding(() => ({
        setAlarm: async (time) => {
          alarm = time;
        },
        getAlarm: async () => alarm,
        deleteAlarm: async () => {
          alarm = null;
        },
      }))(inner);
    },
    caughtBy: "keeps the alarm over a restart",
  },
];

describe("the conformance suite catches an adapter that", () => {
  it.each(mutants)("$title", async ({ wrap, caughtBy }) => {
    const check = storageChecks.find((candidate) => candidate.title === caughtBy);
    expect(check).toBeDefined();
    await check!.run(() => makeCrashingStorage());
    await expect(check!.run(() => makeCrashingStorage(wrap))).rejects.toThrow();
  });
});

/** The same storage with some methods replaced. `crash` still acts on the real one. */
function overriding(
  methods: (storage: CrashingStorage) => Partial<CrashingStorage>,
): (storage: CrashingStorage) => CrashingStorage {
  return (storage) => {
    const replaced = methods(storage);
    return new Proxy(storage, {
      get(target, name) {
        const value = Reflect.get(
          name in replaced ? replaced : target,
          name,
          name in replaced ? replaced : target,
        );
        return typeof value === "function" ? value.bind(name in replaced ? replaced : target) : value;
      },
    });
  };
}

type Exec = (
  sql: SqlStorage,
  query: string,
  bindings: readonly SqlBinding[],
) => SqlCursor<Record<string, SqlValue>>;

function overridingSql(exec: Exec): (storage: CrashingStorage) => CrashingStorage {
  return overriding((storage) => {
    const sql = {
      exec: (query: string, ...bindings: SqlBinding[]) => exec(storage.sql, query, bindings),
      get databaseSize() {
        return storage.sql.databaseSize;
      },
    };
    return { sql: sql as SqlStorage };
  });
}
