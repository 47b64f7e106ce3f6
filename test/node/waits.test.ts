import { getEventListeners } from "node:events";
import { beforeEach, describe, expect, test } from "vitest";
import { RaftLiteError } from "../../shared/errors.ts";
import type { WaitOptions } from "../../shared/node/api.ts";
import { Waits } from "../../shared/node/waits.ts";
import { settled, Waiting } from "./support/waiting.ts";

let waits: Waits;
/** Who is subscribed. */
let wakes: Set<() => void>;

beforeEach(() => {
  waits = new Waits(3);
  wakes = new Set();
});

const subscribe = (wake: () => void) => {
  wakes.add(wake);
  return () => void wakes.delete(wake);
};

const wait = (options: Partial<WaitOptions> = {}, now = 0) =>
  new Waiting(waits.add(subscribe, { waitMs: 100, ...options }, now));

const wakeAll = () => {
  for (const wake of [...wakes]) wake();
};

test("subscribes at once: what changes from then on is not missed", async () => {
  const one = wait();
  expect(wakes.size).toBe(1);
  wakeAll();
  await settled();
  expect(one.value).toBe("woken");
});

test("a state machine that wakes while it is subscribed to is heard", async () => {
  const one = new Waiting(
    waits.add(
      (wake) => {
        wake();
        return subscribe(wake);
      },
      { waitMs: 100 },
      0,
    ),
  );
  await settled();
  expect(one.value).toBe("woken");
  expect(waits.count).toBe(0);
  expect(wakes.size).toBe(0);
});

test("a subscription that is refused leaves nothing behind", async () => {
  const refuse = () => {
    throw new RaftLiteError("bad-key", "the key is empty", { status: 400 });
  };
  const one = new Waiting(waits.add(refuse, { waitMs: 100 }, 0));
  await settled();
  expect(one.error.code).toBe("bad-key");
  expect(waits.count).toBe(0);
  expect(waits.counters.started).toBe(0);
});

test("ends when its time is over, the soonest first", async () => {
  const [late, soon] = [wait({ waitMs: 200 }), wait({ waitMs: 50 }, 100)];
  expect(waits.deadline).toBe(150);
  waits.expire(149);
  await settled();
  expect([late.isPending, soon.isPending]).toEqual([true, true]);
  waits.expire(150);
  await settled();
  expect(soon.value).toBe("timeout");
  expect(late.isPending).toBe(true);
  expect(waits.deadline).toBe(200);
  waits.expire(1000);
  await settled();
  expect(late.value).toBe("timeout");
  expect(waits.deadline).toBe(Number.POSITIVE_INFINITY);
});

test.each(["leader-change", "stopping"] as const)("all end with %s", async (end) => {
  const all = [wait(), wait()];
  waits.endAll(end);
  await settled();
  expect(all.map(({ value }) => value)).toEqual([end, end]);
});

test("all are refused when the node has failed", async () => {
  const one = wait();
  waits.rejectAll(new RaftLiteError("failed", "it has", { status: 503 }));
  await settled();
  expect(one.error.code).toBe("failed");
});

describe("whichever way it ends", () => {
  test.each([
    ["woken", () => wakeAll()],
    ["timeout", () => waits.expire(100)],
    ["leader-change", () => waits.endAll("leader-change")],
    ["aborted", (abort: AbortController) => abort.abort()],
  ] as const)("%s: nobody holds on to it, and it ends once", async (end, bringAbout) => {
    const abort = new AbortController();
    const one = wait({ signal: abort.signal });
    const [wake] = wakes;
    bringAbout(abort);
    expect(waits.count).toBe(0);
    expect(wakes.size).toBe(0);
    wake?.();
    abort.abort();
    waits.expire(1000);
    waits.endAll("stopping");
    await settled();
    expect(one.value).toBe(end);
    expect(getEventListeners(abort.signal, "abort")).toHaveLength(0);
    expect(waits.counters).toEqual({ started: 1, woken: end === "woken" ? 1 : 0 });
  });
});

test("a client that is gone before does not begin to wait", async () => {
  const one = wait({ signal: AbortSignal.abort() });
  await settled();
  expect(one.value).toBe("aborted");
  expect(wakes.size).toBe(0);
  expect(waits.count).toBe(0);
});

test("more than the limit are refused, until one has ended", async () => {
  const three = [wait(), wait(), wait()];
  const fourth = wait();
  await settled();
  expect([fourth.error.code, fourth.error.status]).toEqual(["overloaded", 429]);
  expect(wakes.size).toBe(3);
  const [first] = wakes;
  first?.();
  const fifth = wait();
  await settled();
  expect(fifth.isPending).toBe(true);
  expect(three.filter(({ isPending }) => isPending)).toHaveLength(2);
});
