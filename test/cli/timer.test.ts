import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { SystemTimer } from "../../ec2-node/timer.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** A timer over the faked clock; `skew` is how far that runs ahead of the deadlines' clock. */
function timerWith(skew = 0): { timer: SystemTimer; now: () => number } {
  const start = performance.now();
  const now = () => performance.now() - start - skew;
  return { timer: new SystemTimer({ now, wallTime: () => 0 }), now };
}

test("wakes once, not before the deadline", () => {
  const { timer } = timerWith();
  const wake = vi.fn();
  timer.set(100.5, wake);
  vi.advanceTimersByTime(100);
  expect(wake).not.toHaveBeenCalled();
  vi.advanceTimersByTime(1000);
  expect(wake).toHaveBeenCalledTimes(1);
});

test("is patient with a platform timer that fires early", () => {
  const { timer, now } = timerWith(3);
  const wokenAt: number[] = [];
  timer.set(100, () => wokenAt.push(now()));
  vi.advanceTimersByTime(1000);
  expect(wokenAt).toHaveLength(1);
  expect(wokenAt[0]).toBeGreaterThanOrEqual(100);
});

test("a later deadline replaces the earlier one, and none can be cleared", () => {
  const { timer } = timerWith();
  const first = vi.fn();
  const second = vi.fn();
  timer.set(10, first);
  timer.set(20, second);
  vi.advanceTimersByTime(100);
  expect([first.mock.calls.length, second.mock.calls.length]).toEqual([0, 1]);
  timer.set(200, first);
  timer.clear();
  vi.advanceTimersByTime(1000);
  expect(first).not.toHaveBeenCalled();
});

test("a deadline that has passed wakes soon, and never within the call", () => {
  const { timer } = timerWith();
  const wake = vi.fn();
  timer.set(-5, wake);
  expect(wake).not.toHaveBeenCalled();
  vi.advanceTimersByTime(0);
  expect(wake).toHaveBeenCalledTimes(1);
});

test("deadlines beyond what setTimeout can count are kept", () => {
  const { timer } = timerWith();
  const wake = vi.fn();
  const sixtyDays = 60 * 24 * 3600 * 1000;
  timer.set(sixtyDays, wake);
  vi.advanceTimersByTime(sixtyDays - 1);
  expect(wake).not.toHaveBeenCalled();
  vi.advanceTimersByTime(2);
  expect(wake).toHaveBeenCalledTimes(1);
});

test("infinity is never", () => {
  const { timer } = timerWith();
  timer.set(Number.POSITIVE_INFINITY, () => {
    throw new Error("woken");
  });
  expect(vi.getTimerCount()).toBe(0);
});
