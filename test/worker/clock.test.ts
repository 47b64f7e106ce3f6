import { expect, it } from "vitest";
import { monotonicClock } from "../../worker/clock.ts";

it("a clock that is set back goes on from where it was", () => {
  let wall = 1000;
  const clock = monotonicClock(() => wall);
  const times = [1000, 1010, 400, 400, 405, 300, 310].map((time) => {
    wall = time;
    return clock.now();
  });
  expect(times).toEqual([1000, 1010, 1010, 1010, 1015, 1015, 1025]);
  expect(clock.wallTime()).toBe(310);
});
