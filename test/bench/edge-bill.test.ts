import { expect, test } from "vitest";
import type { Usage } from "../../bench/edge-bill.ts";
import { billOf, MONTH_SECONDS, monthOf, monthOfCycles, OBJECT_GB } from "../../bench/edge-bill.ts";

/** Figures worked out by hand. */

const NOTHING: Usage = { workerRequests: 0, objectRequests: 0, gbSeconds: 0, rowsWritten: 0 };

test("nothing costs nothing", () => {
  expect(billOf(NOTHING)).toEqual({ beyondIncluded: 0, roundedUp: 0, fromZero: 0 });
});

test("three objects that are awake all month, with a heartbeat every 500 ms", () => {
  const month = {
    ...NOTHING,
    objectRequests: 2 * 2 * MONTH_SECONDS,
    gbSeconds: 3 * OBJECT_GB * MONTH_SECONDS,
  };
  expect(month).toMatchObject({ objectRequests: 10_368_000, gbSeconds: 995_328 });
  const bill = billOf(month);
  // 9.368 million calls, 595,328 GB-s.
  expect(bill.beyondIncluded).toBeCloseTo(1.4052 + 7.4416, 9);
  expect(bill.roundedUp).toBeCloseTo(1.5 + 12.5, 9);
  expect(bill.fromZero).toBeCloseTo(1.5552 + 12.4416, 9);
});

test("each item has its own price and its own part of the plan", () => {
  const million = (item: keyof Usage, millions: number) => billOf({ ...NOTHING, [item]: millions * 1e6 });
  expect(million("workerRequests", 12)).toEqual({ beyondIncluded: 0.6, roundedUp: 0.6, fromZero: 3.6 });
  expect(million("objectRequests", 3)).toEqual({ beyondIncluded: 0.3, roundedUp: 0.3, fromZero: 0.45 });
  expect(million("gbSeconds", 1.4)).toEqual({ beyondIncluded: 12.5, roundedUp: 12.5, fromZero: 17.5 });
  expect(million("rowsWritten", 52.5)).toEqual({ beyondIncluded: 2.5, roundedUp: 3, fromZero: 52.5 });
});

test("what is not used of one item pays for no other", () => {
  const month = { workerRequests: 0, objectRequests: 0, gbSeconds: 400_000, rowsWritten: 51e6 };
  expect(billOf(month)).toEqual({ beyondIncluded: 1, roundedUp: 1, fromZero: 56 });
});

test("a month of what was used in a minute, and of one cycle an hour", () => {
  const usage = { workerRequests: 1, objectRequests: 10, gbSeconds: 4.5, rowsWritten: 20 };
  expect(monthOf(usage, 60)).toEqual({
    workerRequests: 43_200,
    objectRequests: 432_000,
    gbSeconds: 194_400,
    rowsWritten: 864_000,
  });
  expect(monthOfCycles(usage, 12, 3600)).toEqual({
    workerRequests: 720,
    objectRequests: 7200,
    gbSeconds: 3240,
    rowsWritten: 14_400,
  });
});

test("a cluster that is not asleep again in time is another load", () => {
  const usage = { ...NOTHING, objectRequests: 10 };
  expect(() => monthOfCycles(usage, 61, 60)).toThrow("61 s to fall silent again is not asleep 60 s later");
});
