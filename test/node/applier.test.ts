import { beforeEach, describe, expect, test } from "vitest";
import { Applier } from "../../shared/node/applier.ts";
import { LogTail } from "../../shared/node/log-tail.ts";
import type { StateMachine } from "../../shared/node/state-machine.ts";
import type { LogEntry } from "../../shared/storage/entry.ts";
import type { LogStore } from "../../shared/storage/log-store.ts";
import type { DurableStorage } from "../../shared/storage/port.ts";
import { CrashingStorage } from "../../sim/crashing-storage.ts";
import { commandEntry, noopEntry, openLog, origin, textOf } from "./support/entries.ts";

/** Writes down what it is told, and keeps it as a table. */
class Notebook implements StateMachine {
  readonly applied: string[] = [];
  openedAt = -1;
  #storage: DurableStorage | null = null;
  #unwritten: string[] = [];

  open(storage: DurableStorage, applied: number): void {
    this.#storage = storage;
    this.openedAt = applied;
    storage.sql.exec("CREATE TABLE IF NOT EXISTS notes (line TEXT)");
  }

  apply(entry: LogEntry): string {
    const line = textOf(entry);
    this.applied.push(line);
    this.#unwritten.push(line);
    return `did ${line}`;
  }

  flush(): void {
    for (const line of this.#unwritten) this.#storage?.sql.exec("INSERT INTO notes VALUES (?)", line);
    this.#unwritten = [];
  }

  describe(): string {
    return "";
  }

  get written(): unknown[] {
    return (this.#storage?.sql.exec("SELECT line FROM notes").toArray() ?? []).map(({ line }) => line);
  }
}

let storage: CrashingStorage;
let log: LogStore;
let tail: LogTail;
let notebook: Notebook;
let applier: Applier;
let heard: [string, unknown][];

function boot(on: CrashingStorage, machine = new Notebook(), flushEntries?: number): void {
  storage = on;
  log = openLog(storage);
  tail = new LogTail(log);
  notebook = machine;
  applier = new Applier(storage, notebook, log, tail, flushEntries);
  heard = [];
}

beforeEach(() => {
  boot(new CrashingStorage());
  storage.transactionSync(() => log.saveHardState({ term: 5, votedFor: null }));
});

const append = (...entries: readonly LogEntry[]) => {
  for (const one of entries) tail.stage(one, 1);
  storage.transactionSync(() => log.append(entries));
};
const applySome = () => applier.applySome((entry, result) => heard.push([textOf(entry), result]));
const flush = async () => {
  storage.transactionSync(() => applier.flush(true));
  await storage.sync();
};

test("commands are applied in the order of the log, up to what is committed and no further", () => {
  append(noopEntry(1), commandEntry(2), commandEntry(3), noopEntry(4), commandEntry(5, { term: 2 }));
  applier.commitTo(3);
  expect(applier.isBehind).toBe(true);
  applySome();
  expect(notebook.applied).toEqual(["SET x=2", "SET x=3"]);
  expect(applier).toMatchObject({ applied: 3, appliedTerm: 1, isBehind: false });
  applier.commitTo(5);
  applier.commitTo(4);
  applySome();
  expect(heard.at(-1)).toEqual(["SET x=5", "did SET x=5"]);
  expect(applier).toMatchObject({ applied: 5, appliedTerm: 2 });
});

test("a command that came twice takes effect once, and its second entry is told to nobody", () => {
  const from = origin(1);
  append(
    commandEntry(1, { from, text: "one" }),
    commandEntry(2, { from: origin(2), text: "two" }),
    commandEntry(3, { from, text: "one" }),
    commandEntry(4, { text: "by hand" }),
    commandEntry(5, { text: "by hand" }),
  );
  applier.commitTo(5);
  applySome();
  expect(notebook.applied).toEqual(["one", "two", "by hand", "by hand"]);
  expect(heard.map(([text]) => text)).toEqual(notebook.applied);
  expect(applier.applied).toBe(5);
});

test("a long log is applied in parts, so that others get their turn", () => {
  append(...Array.from({ length: 4500 }, (_, i) => commandEntry(i + 1)));
  applier.commitTo(4500);
  const steps = [];
  while (applier.isBehind) {
    applySome();
    steps.push(applier.applied);
  }
  expect(steps).toEqual([2000, 4000, 4500]);
  expect(notebook.applied).toHaveLength(4500);
});

test("large commands are applied fewer at a time, but at least one", () => {
  append(...Array.from({ length: 6 }, (_, i) => ({ ...commandEntry(i + 1), size: 3 << 20 })));
  applier.commitTo(6);
  applySome();
  expect(applier.applied).toBe(3);
  applySome();
  expect(applier.applied).toBe(6);
});

describe("a state machine that keeps nothing", () => {
  class Memory extends Notebook {
    readonly volatile = true;
    override flush(): void {}
  }
  const bootMemory = (on: CrashingStorage) => boot(on, new Memory());

  /** Four entries, of which three are applied and written. */
  const fill = async () => {
    bootMemory(new CrashingStorage());
    storage.transactionSync(() => log.saveHardState({ term: 5, votedFor: null }));
    append(
      commandEntry(1, { from: origin(1), text: "one" }),
      commandEntry(2, { from: origin(2), text: "two" }),
      commandEntry(3, { from: origin(1), text: "one" }),
      commandEntry(4, { from: origin(3), text: "three" }),
    );
    applier.commitTo(3);
    applySome();
    await flush();
    expect(log.applied).toBe(3);
  };
  beforeEach(fill);

  test("has the whole log applied again at every start, each command once", () => {
    bootMemory(storage.crash(() => 0, "none"));
    expect(notebook.openedAt).toBe(0);
    expect(applier).toMatchObject({ applied: 0, isBehind: true, isDirty: false });
    applySome();
    expect(notebook.applied).toEqual(["one", "two"]);
    expect(applier).toMatchObject({ applied: 3, isBehind: false, isDirty: false });
  });

  test("is told of nobody's command for a second time", () => {
    bootMemory(storage.crash(() => 0, "none"));
    applier.commitTo(4);
    applySome();
    expect(notebook.applied).toEqual(["one", "two", "three"]);
    expect(heard).toEqual([["three", "did three"]]);
  });

  test("leaves what is stored as it would be without the restart", async () => {
    const finish = async () => {
      applier.commitTo(4);
      applySome();
      await flush();
      return [log.applied, storage.sql.exec("SELECT * FROM sessions").toArray()];
    };
    const straight = await finish();
    await fill();
    bootMemory(storage.crash(() => 0, "none"));
    expect(await finish()).toEqual(straight);
    expect(straight[0]).toBe(4);
  });
});

describe("state, sessions and applied index", () => {
  beforeEach(async () => {
    append(
      commandEntry(1, { from: origin(1), text: "one" }),
      commandEntry(2, { from: origin(2), text: "two" }),
      commandEntry(3, { from: origin(1), text: "one" }),
    );
    await storage.sync();
  });

  test("are written together", async () => {
    applier.commitTo(2);
    applySome();
    expect(applier.isDirty).toBe(true);
    await flush();
    expect(applier.isDirty).toBe(false);
    boot(storage.crash(() => 0, "none"));
    expect(applier.applied).toBe(2);
    expect(notebook.openedAt).toBe(2);
    expect(notebook.written).toEqual(["one", "two"]);
    applier.commitTo(3);
    applySome();
    expect(notebook.applied).toEqual([]);
  });

  test("are lost together, and found again in the log", async () => {
    applier.commitTo(1);
    applySome();
    await flush();
    applier.commitTo(3);
    applySome();
    storage.transactionSync(() => applier.flush(true));
    boot(storage.crash(() => 0, "none"));
    expect(applier.applied).toBe(1);
    applier.commitTo(3);
    applySome();
    expect(notebook.applied).toEqual(["two"]);
    await flush();
    expect(notebook.written).toEqual(["one", "two"]);
  });

  test("are not written again without need", () => {
    applier.commitTo(3);
    applySome();
    storage.transactionSync(() => applier.flush(true));
    const before = storage.unsynced;
    storage.transactionSync(() => applier.flush(true));
    expect(storage.unsynced - before).toBeLessThanOrEqual(1);
    expect(notebook.written).toEqual(["one", "two"]);
  });

  test("wait until it is worth it, by their number", () => {
    boot(storage, new Notebook(), 3);
    for (const [commit, written] of [
      [2, []],
      [3, ["one", "two"]],
    ] as const) {
      applier.commitTo(commit);
      applySome();
      storage.transactionSync(() => applier.flush(false));
      expect(notebook.written).toEqual(written);
      expect(applier.isDirty).toBe(written.length === 0);
    }
  });

  test("or by their size", () => {
    append({ ...commandEntry(4), size: 2 << 20 });
    applier.commitTo(3);
    applySome();
    storage.transactionSync(() => applier.flush(false));
    expect(applier.isDirty).toBe(true);
    applier.commitTo(4);
    applySome();
    storage.transactionSync(() => applier.flush(false));
    expect(applier.isDirty).toBe(false);
  });
});
