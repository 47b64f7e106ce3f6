import { expect, test } from "vitest";
import { draw, seedRandom } from "../../../shared/raft/random.ts";

test.each([0, 1, -1, 2 ** 31, 2 ** 32, 2 ** 32 + 1, Number.MAX_SAFE_INTEGER])(
  "a seed of %i runs on",
  (seed) => {
    let state = seedRandom(seed);
    const seen = new Set<number>();
    for (let i = 0; i < 1000; i++) {
      const drawn = draw(state);
      expect(drawn.value).toBeGreaterThanOrEqual(0);
      expect(drawn.value).toBeLessThan(1);
      state = drawn.state;
      seen.add(state);
    }
    expect(seen.size).toBe(1000);
  },
);

test("the same state gives the same number, and nothing else does", () => {
  const state = seedRandom(7);
  expect(draw(state)).toEqual(draw(state));
  expect(draw(draw(state).state).value).not.toBe(draw(state).value);
});

test("numbers are spread evenly", () => {
  const counts = new Array<number>(10).fill(0);
  let state = seedRandom(42);
  for (let i = 0; i < 100_000; i++) {
    const drawn = draw(state);
    state = drawn.state;
    counts[Math.floor(drawn.value * 10)]!++;
  }
  for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(400);
});
