import fc from "fast-check";
import { expect, test } from "vitest";
import { Sessions } from "../../shared/node/sessions.ts";
import { CrashingStorage } from "../../sim/crashing-storage.ts";
import { origin } from "./support/entries.ts";

const open = () => Sessions.open(new CrashingStorage());
const has = (sessions: Sessions, sequences: readonly number[], boot = 1) =>
  sequences.filter((sequence) => sessions.has({ node: "N", boot, sequence }));

test("a command is known once it was applied, and no other", () => {
  const sessions = open();
  for (const sequence of [5, 3, 9, 4]) sessions.add(origin(sequence));
  expect(has(sessions, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10])).toEqual([3, 4, 5, 9]);
  expect(sessions.has({ node: "M", boot: 1, sequence: 3 })).toBe(false);
});

test("what lies below the floor is finished, applied or not", () => {
  const sessions = open();
  sessions.add(origin(2));
  sessions.add(origin(8, { floor: 6 }));
  expect(has(sessions, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])).toEqual([0, 1, 2, 3, 4, 5, 8]);
});

test("of every node the newest boot counts, and late copies of older ones are dropped", () => {
  const sessions = open();
  sessions.add(origin(7, { boot: 2 }));
  expect(has(sessions, [1, 7], 1)).toEqual([1, 7]);
  expect(has(sessions, [1, 7], 2)).toEqual([7]);
  expect(has(sessions, [1, 7], 3)).toEqual([]);
  sessions.add(origin(1, { boot: 3 }));
  expect(has(sessions, [1, 7], 2)).toEqual([1, 7]);
  expect(has(sessions, [1, 7], 3)).toEqual([1]);
});

const sequences = 40;
const history = fc.array(
  fc.record({
    node: fc.constantFrom("A", "B"),
    boot: fc.integer({ min: 1, max: 3 }),
    sequence: fc.integer({ min: 1, max: sequences }),
    floor: fc.integer({ min: 0, max: sequences }),
  }),
  { maxLength: 120 },
);

/** The plain way to say it: all that was applied, and how far all is finished. */
class Model {
  readonly #sessions = new Map<string, { boot: number; applied: Set<number>; floor: number }>();

  has({ node, boot, sequence }: { node: string; boot: number; sequence: number }): boolean {
    const session = this.#sessions.get(node);
    if (session === undefined || session.boot < boot) return false;
    return session.boot > boot || session.applied.has(sequence) || sequence < session.floor;
  }

  add({
    node,
    boot,
    sequence,
    floor,
  }: {
    node: string;
    boot: number;
    sequence: number;
    floor: number;
  }): void {
    let session = this.#sessions.get(node);
    if (session?.boot !== boot) session = { boot, applied: new Set(), floor: 0 };
    session.applied.add(sequence);
    session.floor = Math.max(session.floor, floor);
    this.#sessions.set(node, session);
  }
}

test("it agrees with a set of everything, whatever comes in whatever order, and so does what is stored of it", () => {
  fc.assert(
    fc.property(history, fc.nat(120), (origins, flushAfter) => {
      const storage = new CrashingStorage();
      const sessions = Sessions.open(storage);
      const model = new Model();
      const agree = (one: Sessions) => {
        for (const node of ["A", "B"]) {
          for (const boot of [1, 2, 3]) {
            for (let sequence = 0; sequence <= sequences + 1; sequence++) {
              const asked = { node, boot, sequence };
              expect(one.has(asked)).toBe(model.has(asked));
            }
          }
        }
      };
      origins.forEach((one, at) => {
        // As the applier does.
        if (!sessions.has(one)) {
          sessions.add(one);
          model.add(one);
        }
        if (at === flushAfter) storage.transactionSync(() => sessions.flush());
      });
      agree(sessions);
      storage.transactionSync(() => sessions.flush());
      const reopened = Sessions.open(storage);
      agree(reopened);
      expect(reopened.dump()).toEqual(sessions.dump());
    }),
    { numRuns: 60 },
  );
});

test("ranges are kept, not single sequences", () => {
  const sessions = open();
  const order = [...Array(1000).keys()].sort((a, b) => ((a * 7919) % 1009) - ((b * 7919) % 1009));
  for (const sequence of order) sessions.add(origin(sequence + 1));
  expect(sessions.dump()).toEqual([["N", { boot: 1, applied: [[1, 1000]] }]]);
});

test("what was not flushed is gone after a crash, with what it belongs to", async () => {
  const storage = new CrashingStorage();
  const sessions = Sessions.open(storage);
  sessions.add(origin(1));
  storage.transactionSync(() => sessions.flush());
  await storage.sync();
  sessions.add(origin(2));
  storage.transactionSync(() => sessions.flush());
  const after = Sessions.open(storage.crash(() => 0, "none"));
  expect(has(after, [1, 2])).toEqual([1]);
});
