import fc from "fast-check";
import { expect, test, vi } from "vitest";
import { SequenceMap } from "../../shared/node/sequence-map.ts";

/** What of it can be seen. */
function shown<Value>(map: SequenceMap<Value>): unknown {
  return { size: map.size, lowest: map.lowest, values: map.select(() => true) };
}

test("holds what a Map would hold", () => {
  // A few numbers that share their low bits with others, beside numbers in a row.
  const sequence = fc.oneof(
    fc.integer({ min: 0, max: 200 }),
    fc.integer({ min: 0, max: 40 }).map((at) => at * 64),
    fc.integer({ min: 0, max: 40 }).map((at) => 2 ** 40 + at * 1024),
  );
  const action = fc.oneof(
    { weight: 3, arbitrary: fc.record({ do: fc.constant("set" as const), sequence, value: fc.nat() }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant("take" as const), sequence, value: fc.nat() }) },
  );
  fc.assert(
    fc.property(fc.array(action, { maxLength: 300, size: "max" }), (actions) => {
      const map = new SequenceMap<number>();
      const model = new Map<number, number>();
      for (const { do: what, sequence, value } of actions) {
        if (what === "set") {
          map.set(sequence, value);
          model.set(sequence, value);
        } else {
          expect(map.take(sequence)).toBe(model.get(sequence));
          model.delete(sequence);
        }
        expect(map.get(sequence)).toBe(model.get(sequence));
        expect(map.has(sequence)).toBe(model.has(sequence));
        expect(map.lowest).toBe(model.size === 0 ? null : Math.min(...model.keys()));
      }
      const inOrder = [...model].sort(([a], [b]) => a - b);
      expect(shown(map)).toEqual({
        size: model.size,
        lowest: inOrder[0]?.[0] ?? null,
        values: inOrder.map(([, value]) => value),
      });
      for (const [sequence, value] of model) expect(map.get(sequence)).toBe(value);
    }),
    { numRuns: 500 },
  );
});

test("one that stays while a hundred thousand pass it is found, and so is the lowest after it", () => {
  const map = new SequenceMap<string>();
  map.set(5, "stays");
  for (let sequence = 6; sequence < 100_000; sequence++) {
    map.set(sequence, "passes");
    if (sequence >= 26) map.take(sequence - 20);
    expect(map.lowest).toBe(5);
  }
  expect(map.take(5)).toBe("stays");
  expect(map.lowest).toBe(99_980);
  expect(map.size).toBe(20);
});

test("a rush of thousands comes and goes, and what comes after it is found", () => {
  const map = new SequenceMap<number>();
  for (let rush = 0; rush < 3; rush++) {
    for (let at = 0; at < 10_000; at++) map.set(rush * 10_000 + at, at);
    expect(map.size).toBe(10_000);
    for (let at = 0; at < 10_000; at++) expect(map.take(rush * 10_000 + at)).toBe(at);
    expect(shown(map)).toEqual({ size: 0, lowest: null, values: [] });
  }
  map.set(7, 1);
  expect(shown(map)).toEqual({ size: 1, lowest: 7, values: [1] });
});

test("refuses numbers that are not sequences", () => {
  expect(() => new SequenceMap().set(-1, 0)).toThrow("sequences are not negative");
});

test("to take out the first of many in a row, few are looked at", () => {
  const looks = vi.spyOn(Math, "imul");
  const map = new SequenceMap<number>();
  for (let sequence = 0; sequence < 16_000; sequence++) map.set(sequence, sequence);
  looks.mockClear();
  for (let sequence = 0; sequence < 1000; sequence++) map.take(sequence);
  // One for each that is taken, and one for each that may have to move up.
  expect(looks.mock.calls.length).toBeLessThan(5000);
  looks.mockRestore();
});
