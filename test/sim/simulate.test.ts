import { expect, test } from "vitest";
import type { StateMachine } from "../../shared/node/state-machine.ts";
import type { LogEntry } from "../../shared/storage/entry.ts";
import type { DurableStorage } from "../../shared/storage/port.ts";
import type { Clients, Operation } from "../../sim/history.ts";
import { runSeed } from "../../sim/run-seed.ts";
import { simulate } from "../../sim/simulate.ts";

async function traced(seed: number): Promise<string> {
  const lines: string[] = [];
  const result = await runSeed(seed, { trace: (line) => lines.push(line) });
  return `${lines.join("\n")}\n${JSON.stringify(result)}`;
}

test("one seed twice is the same to the byte, and another seed is not", async () => {
  const first = await traced(11);
  expect(first.length).toBeGreaterThan(100_000);
  expect(await traced(11)).toBe(first);
  expect(await traced(12)).not.toBe(first);
});

test("to look on changes nothing", async () => {
  const watched = await runSeed(21, { trace: () => {} });
  expect(await runSeed(21)).toEqual(watched);
});

test("every run has at least 3,000 events and 500 answered operations", async () => {
  for (const seed of [1, 2, 3]) {
    const { events, counts, failure } = await runSeed(seed);
    const times = new Map(counts);
    expect(failure).toBeNull();
    expect(events).toBeGreaterThanOrEqual(3000);
    expect((times.get("commands ok") ?? 0) + (times.get("reads ok") ?? 0)).toBeGreaterThanOrEqual(500);
  }
});

/** A state machine of somebody else: it adds numbers up. Subclasses are wrong in one way each. */
class Counter implements StateMachine {
  total = 0;
  #storage!: DurableStorage;

  open(storage: DurableStorage): void {
    this.#storage = storage;
    storage.sql.exec("CREATE TABLE IF NOT EXISTS total (id INTEGER PRIMARY KEY, value INTEGER NOT NULL)");
    this.total = storage.sql.exec<{ value: number }>("SELECT value FROM total").toArray()[0]?.value ?? 0;
  }

  apply({ data }: LogEntry): number {
    this.total += data.bytes[0] ?? 0;
    return this.total;
  }

  flush(): void {
    this.#storage.sql.exec("INSERT OR REPLACE INTO total (id, value) VALUES (1, ?)", this.total);
  }

  describe(_schema: number, bytes: Uint8Array): string {
    return `ADD ${bytes[0]}`;
  }
}

class Adders implements Clients<Counter, Operation<Counter>> {
  readonly count = 3;
  #last = 0;

  next(): Operation<Counter> {
    const number = 1 + (this.#last++ % 9);
    if (number === 5) return { type: "read", name: "READ", read: ({ total }) => total };
    return { type: "command", name: `ADD ${number}`, schema: 7, bytes: Uint8Array.of(number) };
  }

  judge(): string | null {
    return null;
  }

  dump({ total }: Counter): string {
    return String(total);
  }
}

async function judged(create: () => Counter, seeds: readonly number[]): Promise<string | undefined> {
  for (const seed of seeds) {
    const { violation } = await simulate(create, new Adders(), { seed });
    if (violation !== null) return violation.invariant;
  }
  return undefined;
}

test("a user's own state machine runs through it", async () => {
  expect(await judged(() => new Counter(), [1, 2, 3, 4])).toBeUndefined();
});

test("state-machine-safety: one whose results are not determined by the log is caught", async () => {
  let made = 0;
  class Moody extends Counter {
    readonly #mood = made++;

    override apply(entry: LogEntry): number {
      return super.apply(entry) + (this.#mood % 2);
    }
  }
  expect(await judged(() => new Moody(), [3])).toBe("state-machine-safety");
});

test("state-machine-safety: one that forgets to store what it applied is caught", async () => {
  class Forgetful extends Counter {
    override flush(): void {}
  }
  expect(await judged(() => new Forgetful(), [1, 2, 3, 4, 5])).toBe("state-machine-safety");
});

test("node-does-not-fail: one that throws is caught", async () => {
  class Fragile extends Counter {
    override apply(entry: LogEntry): number {
      if (entry.index > 50) throw new RangeError("too much");
      return super.apply(entry);
    }
  }
  expect(await judged(() => new Fragile(), [3])).toBe("node-does-not-fail");
});

test("linearizability: what the judge of the clients refuses is reported", async () => {
  class Strict extends Adders {
    override judge(): string {
      return "no order explains it";
    }
  }
  const { violation } = await simulate(() => new Counter(), new Strict(), { seed: 3 });
  expect(violation).toMatchObject({ invariant: "linearizability" });
  expect(violation?.message).toContain("no order explains it");
});

test.each([-1, 1.5, 2 ** 31, Number.NaN, "7" as unknown as number])("%s is no seed", async (seed) => {
  await expect(simulate(() => new Counter(), new Adders(), { seed })).rejects.toMatchObject({
    code: "bad-seed",
  });
});
