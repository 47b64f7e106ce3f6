import fc from "fast-check";
import { expect, test } from "vitest";
import { isRefusal } from "../../shared/refusal.ts";
import type { ApplyResult } from "../../shared/store/key-value-store.ts";
import type { Operation } from "../../shared/store/operations.ts";
import type { ModelChange } from "./model.ts";
import { Model } from "./model.ts";
import { Bench, del, put, text, utf8 } from "./support.ts";

type Step =
  | { readonly type: "command"; readonly command: string }
  | { readonly type: "operations"; readonly operations: readonly Operation[]; readonly atomic: boolean }
  | { readonly type: "flush" | "crash" };

// Few keys, so that they meet; of several lengths in UTF-8, some prefixes of others.
const key = fc.constantFrom("a", "ab", "a/1", "b", "ö", "\uffee", "😀", "😀a");
const word = fc.constantFrom("1", "2", "=", "größer", "😀");
const verb = (name: string): fc.Arbitrary<string> => fc.constantFrom(name, name.toLowerCase());
const space = fc.constantFrom("", " ", "\t ");

const command = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(verb("SET"), key, space, space, word) },
  { weight: 1, arbitrary: fc.tuple(verb("SET"), key, space, space, fc.constant("two\nlines = two")) },
  { weight: 2, arbitrary: fc.tuple(verb("CAS"), key, word, word) },
  { weight: 2, arbitrary: fc.tuple(verb("DEL"), key) },
  { weight: 1, arbitrary: fc.tuple(verb("GET"), key) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(["FOO", "a"], ["GET"], ["DEL", "a", "b"], ["SET", "a"], ["CAS", "a", "1"]),
  },
);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: command.map((words): Step => {
      const [name, ...rest] = words;
      if (words.length !== 5) return { type: "command", command: words.join(" ") };
      const [target, before, after, value] = rest;
      return { type: "command", command: `${name} ${target}${before}=${after}${value}`.trim() };
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant("operations" as const),
      atomic: fc.boolean(),
      operations: fc.array(
        fc.oneof(
          fc
            .tuple(key, word, fc.option(fc.nat(12)), fc.nat(3))
            .map(([name, value, cas, flags]) => put(name, value, cas === null ? { flags } : { cas, flags })),
          fc.tuple(key, fc.option(fc.nat(12))).map(([name, cas]) => del(name, cas === null ? {} : { cas })),
          fc.constantFrom("", "a", "😀").map((prefix) => del(prefix, { recurse: true })),
        ),
        { minLength: 1, maxLength: 6 },
      ),
    }),
  },
  { weight: 2, arbitrary: fc.constant<Step>({ type: "flush" }) },
  { weight: 1, arbitrary: fc.constant<Step>({ type: "crash" }) },
);

/** So few that the table of keys is written every now and then, in rounds of several flushes, by every second run. */
const limits = fc.record({
  dirtyKeys: fc.integer({ min: 1, max: 6 }),
  dirtyChanges: fc.integer({ min: 1, max: 12 }),
  keysPerFlush: fc.integer({ min: 1, max: 3 }),
});

const simplified = (result: ApplyResult): unknown => (isRefusal(result) ? "refused" : result);

test("whenever it is flushed, crashed and reopened, the store is the model, and the same changes are kept", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), limits, (steps, few) => {
      const model = new Model();
      const bench = new Bench(few);
      const undisturbed = new Bench();
      const results: unknown[] = [];
      for (const current of steps) {
        switch (current.type) {
          case "command":
            results.push(model.command(bench.last + 1, current.command));
            expect(simplified(bench.command(current.command))).toEqual(results.at(-1));
            undisturbed.command(current.command);
            break;
          case "operations":
            results.push(model.operations(bench.last + 1, current.operations, current.atomic));
            expect(bench.operations(current.operations, current.atomic)).toEqual(results.at(-1));
            undisturbed.operations(current.operations, current.atomic);
            break;
          case "flush":
            bench.flush();
            break;
          case "crash":
            expect(bench.crash().map(simplified)).toEqual(results.slice(bench.durable));
            break;
        }
        for (const prefix of ["a", "😀"]) expect(bench.store.list(prefix)).toEqual(model.list(prefix));
        expect(bench.store.get("a")?.value).toEqual(model.keys.get("a")?.value);
        expect(bench.store.lastChange).toBe(model.changes.at(-1)?.revision ?? 0);
      }
      expect([...bench.store.dump()]).toEqual(model.list(""));
      expect([...undisturbed.store.dump()]).toEqual(model.list(""));

      bench.flush();
      undisturbed.flush();
      expect([...bench.store.dump()]).toEqual(model.list(""));
      expect(bench.changes()).toEqual(undisturbed.changes());
      expect(changesOf(bench)).toEqual(inOrder(model.changes));
      bench.crash();
      expect([...bench.store.dump()]).toEqual(model.list(""));
      for (const prefix of ["", "a", "😀"]) {
        const under = model.changes.filter((change) => change.key.startsWith(prefix));
        expect(bench.store.lastChangeUnder(prefix)).toBe(under.at(-1)?.revision ?? 0);
      }
    }),
    { numRuns: 1000 },
  );
});

/** The changes in the tables with the values they point at. */
function changesOf(bench: Bench): ModelChange[] {
  const value = bench.storage.database.prepare(
    "SELECT substr(body, ? + 1, ?) AS value FROM entries WHERE idx = ?",
  );
  return inOrder(
    bench.changes().map(({ revision, key, previousRevision, version, valueOffset, valueLength }) => {
      const row = value.get(valueOffset, valueLength, revision) as { value: Uint8Array };
      return { revision, key, previousRevision, value: version === 0 ? null : text(row.value) };
    }),
  );
}

/** Within an entry by key. */
function inOrder(changes: readonly ModelChange[]): ModelChange[] {
  return [...changes].sort((a, b) => a.revision - b.revision || Buffer.compare(utf8(a.key), utf8(b.key)));
}
