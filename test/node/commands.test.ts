import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { CommandOutcome } from "../../shared/node/api.ts";
import type { PendingCommand } from "../../shared/node/commands.ts";
import { Commands } from "../../shared/node/commands.ts";
import { SequenceMap } from "../../shared/node/sequence-map.ts";
import type { Forward, ForwardResult } from "../../shared/node/wire.ts";
import { commandEntry, origin } from "./support/entries.ts";
import { settled, Waiting } from "./support/waiting.ts";

const boot = 4;
let commands: Commands;

beforeEach(() => {
  commands = new Commands("N", boot);
});

afterEach(() => {
  vi.restoreAllMocks();
});

function add(
  rest: { bytes?: number; deadline?: number; forward?: boolean } = {},
  to = commands,
): Waiting<CommandOutcome> {
  const { bytes = 10, deadline = 5000, forward = true } = rest;
  return new Waiting(
    new Promise((resolve, reject) =>
      to.add({ schema: 1, bytes: new Uint8Array(bytes), deadline, forward, resolve, reject }),
    ),
  );
}

const everything = Number.POSITIVE_INFINITY;
const unsent = () => {
  const taken = commands.takeUnsent(everything);
  for (const one of taken) commands.putBack(one, Number.NEGATIVE_INFINITY);
  return taken.map(({ sequence }) => sequence);
};
const send = (now = 0, to = "L") => commands.forward(commands.takeUnsent(everything), to, now);
const answer = ({ call }: Forward, now: number, ...results: readonly ForwardResult[]) =>
  commands.recordAnswer({ type: "ForwardResponse", from: "L", to: "N", boot, call, results }, now);
const appended = (sequence: number, index: number, term = 1): ForwardResult => ({
  sequence,
  outcome: "appended",
  index,
  term,
});
const refused = (sequence: number): ForwardResult => ({ sequence, outcome: "refused", reason: "not-leader" });
const apply = (sequence: number, index: number, term = 1) => {
  const from = origin(sequence, { boot });
  commands.complete(commandEntry(index, { from, term }), "L", `result ${sequence}`);
  commands.recordApplied(index, term);
};

describe("a command", () => {
  test("is answered when this node applies it, whichever way it came there", async () => {
    const waiting = [add(), add(), add()];
    answer(send(), 1, appended(1, 10), appended(2, 11));
    for (const [i, one] of waiting.entries()) {
      apply(i + 1, 10 + i, 3);
      await settled();
      expect(one.value).toEqual({
        index: 10 + i,
        ordinal: 9 + i,
        term: 3,
        leader: "L",
        result: `result ${i + 1}`,
      });
    }
    expect(commands).toMatchObject({ count: 0, bytes: 0, hasUnsent: false });
  });

  test("of another node, or of an earlier start of this one, answers nobody", async () => {
    const waiting = add();
    commands.complete(commandEntry(1, { from: origin(1, { boot: boot - 1 }) }), "L", "x");
    commands.complete(commandEntry(1, { from: origin(1, { boot, node: "M" }) }), "L", "x");
    commands.complete(commandEntry(1), "L", "x");
    await settled();
    expect(waiting.isPending).toBe(true);
  });

  test("keeps its sequence however often it goes, and its floor is the oldest that still waits", () => {
    for (let i = 0; i < 3; i++) add();
    expect(send().commands.map(({ sequence, floor }) => [sequence, floor])).toEqual([
      [1, 1],
      [2, 1],
      [3, 1],
    ]);
    apply(2, 5);
    expect(commands.origin({ sequence: 3 } as PendingCommand)).toEqual({
      node: "N",
      boot,
      sequence: 3,
      floor: 1,
    });
    apply(1, 6);
    commands.recordLeaderChange();
    expect(send().commands).toMatchObject([{ sequence: 3, floor: 3 }]);
    apply(3, 7);
    add();
    expect(send().commands).toMatchObject([{ sequence: 4, floor: 4 }]);
  });

  test("goes in batches that are bounded, in order, at least one at a time", () => {
    for (const bytes of [60, 60, 200, 10]) add({ bytes });
    const batches = [];
    while (commands.hasUnsent) batches.push(commands.takeUnsent(100).map(({ sequence }) => sequence));
    expect(batches).toEqual([[1], [2], [3], [4]]);
    for (const bytes of [40, 40, 40]) add({ bytes });
    expect(commands.takeUnsent(100).map(({ sequence }) => sequence)).toEqual([5, 6]);
  });
});

describe("a command goes again", () => {
  beforeEach(() => {
    add();
    add();
  });

  test("when the leader refused it, after a pause", () => {
    answer(send(0), 100, refused(1), appended(2, 8));
    expect(commands.holdUntil).toBe(120);
    expect(unsent()).toEqual([1]);
  });

  test("when its call failed, after a pause, unless another has been made since", () => {
    const first = send(0);
    commands.recordFailedCall(first, false, 100);
    expect(commands.holdUntil).toBe(120);
    const second = send(200);
    commands.recordFailedCall(first, false, 300);
    expect(commands.hasUnsent).toBe(false);
    commands.recordFailedCall(second, false, 300);
    expect(unsent()).toEqual([1, 2]);
  });

  test("when nothing was heard of it for a second", () => {
    send(100);
    expect(commands.deadline).toBe(1100);
    commands.retry(1099);
    expect(commands.hasUnsent).toBe(false);
    commands.retry(1100);
    expect(unsent()).toEqual([1, 2]);
  });

  test("when the leader changes and had not answered, at once", () => {
    answer(send(0), 10, appended(2, 8));
    commands.recordLeaderChange();
    expect(commands.holdUntil).toBe(Number.NEGATIVE_INFINITY);
    expect(unsent()).toEqual([1]);
  });

  test.each([
    ["another entry took its index", 8, 1],
    ["an entry of a later term came before it", 3, 2],
  ])("when %s", (_why, index, term) => {
    answer(send(), 1, appended(1, 8), appended(2, 9));
    commands.recordLeaderChange();
    commands.recordApplied(2, 1);
    expect(commands.hasUnsent).toBe(false);
    commands.recordApplied(index, term);
    expect(unsent()).toEqual(term === 1 ? [1] : [1, 2]);
  });

  test("however long ago it was proposed here", () => {
    for (const one of commands.takeUnsent(everything)) commands.recordProposed(one, 5 + one.sequence, 1);
    commands.recordLeaderChange();
    commands.recordApplied(6, 2);
    expect(unsent()).toEqual([1, 2]);
  });

  test("and what came after the leader changed is not looked at with every entry that is applied", () => {
    answer(send(), 1, appended(1, 8), appended(2, 9));
    commands.recordLeaderChange();
    for (let more = 0; more < 100; more++) add();
    for (const one of commands.takeUnsent(everything)) commands.recordProposed(one, 10 + one.sequence, 2);
    const looks = vi.spyOn(SequenceMap.prototype, "get");
    const walks = vi.spyOn(SequenceMap.prototype, "select");
    commands.recordApplied(1, 1);
    expect(looks).toHaveBeenCalledTimes(2);
    apply(1, 8);
    apply(2, 9);
    looks.mockClear();
    for (let index = 10; index < 1_000; index++) commands.recordApplied(index, 2);
    expect(looks).not.toHaveBeenCalled();
    expect(walks).not.toHaveBeenCalled();
  });

  test("never, once its leader has applied it", () => {
    answer(send(), 1, { sequence: 1, outcome: "applied" }, { sequence: 2, outcome: "applied" });
    commands.recordLeaderChange();
    commands.recordApplied(1000, 1000);
    expect(commands.hasUnsent).toBe(false);
  });

  test("by no word on another start of this node or on an older call", () => {
    const first = send(0);
    commands.retry(1000);
    const second = send(1000);
    answer(first, 1001, refused(1), appended(2, 8));
    expect(commands.hasUnsent).toBe(false);
    commands.recordAnswer(
      {
        type: "ForwardResponse",
        from: "L",
        to: "N",
        boot: boot - 1,
        call: second.call,
        results: [refused(1)],
      },
      1001,
    );
    expect(commands.hasUnsent).toBe(false);
    answer(second, 1002, refused(1), refused(2));
    expect(unsent()).toEqual([1, 2]);
  });
});

describe("a command whose time is over", () => {
  type Step = (calls: Forward[]) => unknown;
  const sends: Step = (calls) => calls.push(send());
  const again: Step = (calls) => {
    commands.recordLeaderChange();
    calls.push(send());
  };
  const fails =
    (neverArrived: boolean): Step =>
    (calls) =>
      commands.recordFailedCall(calls.at(-1) as Forward, neverArrived, 0);
  const answers =
    (result: ForwardResult, at = -1): Step =>
    (calls) =>
      answer(calls.at(at) as Forward, 0, result);
  const proposes: Step = () => {
    for (const one of commands.takeUnsent(everything)) commands.recordProposed(one, 5, 1);
  };
  const isLost: Step = () => {
    commands.recordLeaderChange();
    commands.recordApplied(9, 9);
  };

  test.each<["none" | "unknown", string, Step[]]>([
    ["none", "was never sent", []],
    ["unknown", "is under way", [sends]],
    ["none", "found nobody listening", [sends, fails(true)]],
    ["unknown", "was sent and may have arrived", [sends, fails(false)]],
    ["none", "was refused", [sends, answers(refused(1))]],
    ["unknown", "is in a leader's log", [sends, answers(appended(1, 5))]],
    ["unknown", "was lost from a leader's log", [sends, answers(appended(1, 5)), isLost]],
    ["unknown", "was in the own log", [proposes]],
    ["unknown", "was lost from the own log", [proposes, isLost]],
    ["unknown", "was refused, while an earlier call is open", [sends, again, answers(refused(1))]],
    ["none", "was refused twice", [sends, again, answers(refused(1), 0), answers(refused(1))]],
    [
      "unknown",
      "was refused after its call seemed to fail",
      [sends, fails(false), again, answers(refused(1))],
    ],
    [
      "none",
      "was refused by both in the end",
      [sends, fails(false), answers(refused(1)), again, fails(true)],
    ],
  ])("is refused with outcome %s when it %s", async (outcome, _why, steps) => {
    const waiting = add({ deadline: 1000 });
    const calls: Forward[] = [];
    for (const step of steps) step(calls);
    commands.expire(999, "L");
    await settled();
    expect(waiting.isPending).toBe(true);
    commands.expire(1000, "L");
    await settled();
    expect(waiting.error).toMatchObject({ code: "timeout", status: 503, details: { outcome, leader: "L" } });
    expect(commands).toMatchObject({ count: 0, bytes: 0, hasUnsent: false });
  });

  test("is told where no leader is known", async () => {
    const waiting = add({ deadline: 1000 });
    commands.expire(1000, null);
    await settled();
    expect(waiting.error).toMatchObject({ code: "no-leader", status: 503, details: { outcome: "none" } });
  });

  test("says nothing is certain unless every call is known to have come to nothing", async () => {
    const ends = ["open", "lost", "never arrived", "refused", "appended", "applied"] as const;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom(...ends), { maxLength: 6 }),
        fc.boolean(),
        async (history, late) => {
          commands = new Commands("N", boot);
          const waiting = add({ deadline: 10_000 });
          const calls = history.map((end) => {
            // What is appended is not sent again before the leader changes and its index is applied by another.
            commands.recordLeaderChange();
            commands.recordApplied(9, 9);
            const batch = commands.takeUnsent(everything);
            return { end, call: batch.length > 0 ? commands.forward(batch, "L", 0) : null };
          });
          for (const { end, call } of late ? [...calls].reverse() : calls) {
            if (call === null) continue;
            if (end === "lost" || end === "never arrived") commands.recordFailedCall(call, end !== "lost", 0);
            if (end === "refused") answer(call, 0, refused(1));
            if (end === "appended") answer(call, 0, appended(1, 5));
            if (end === "applied") answer(call, 0, { sequence: 1, outcome: "applied" });
          }
          commands.expire(10_000, "L");
          await settled();
          const certain = calls.every(
            ({ end, call }) => call === null || end === "never arrived" || end === "refused",
          );
          expect(waiting.error.details).toMatchObject({ outcome: certain ? "none" : "unknown" });
        },
      ),
      { numRuns: 200 },
    );
  });
});

describe("refusing many at once", () => {
  test("all are told what is certain of each", async () => {
    const sent = add();
    send();
    const waiting = add();
    commands.rejectAll((outcome) => Object.assign(new Error(outcome)) as never);
    await settled();
    expect(() => sent.value).toThrow("unknown");
    expect(() => waiting.value).toThrow("none");
    expect(commands.count).toBe(0);
  });

  test("those that must not be sent on are only those that wait to be sent", async () => {
    const staying = add({ forward: false });
    const proposed = commands.takeUnsent(everything)[0] as PendingCommand;
    commands.recordProposed(proposed, 5, 1);
    const waiting = add({ forward: false });
    const free = add();
    commands.rejectStaying((outcome) => new Error(outcome) as never);
    await settled();
    expect(staying.isPending).toBe(true);
    expect(() => waiting.value).toThrow("none");
    expect(free.isPending).toBe(true);
    commands.recordLeaderChange();
    commands.recordApplied(5, 2);
    commands.rejectStaying((outcome) => new Error(outcome) as never);
    await settled();
    expect(() => staying.value).toThrow("unknown");
  });
});

test("the next deadline is that of the first to expire", () => {
  expect(commands.deadline).toBe(everything);
  add({ deadline: 900 });
  add({ deadline: 300 });
  expect(commands.deadline).toBe(300);
  commands.expire(300, null);
  expect(commands.deadline).toBe(900);
  send(0);
  expect(commands.deadline).toBe(900);
  commands.expire(900, null);
  expect(commands.count).toBe(0);
});

test("when all are answered nothing is due any more, however long they would have waited", () => {
  add({ deadline: 60_000 });
  send();
  expect(commands.deadline).toBeLessThan(60_000);
  apply(1, 1);
  expect(commands.deadline).toBe(everything);
});

test("what clients gave up is let go, though nobody leads and others wait", async () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const givenUp: WeakRef<Uint8Array>[] = [];
  const addBriefly = (deadline: number): void => {
    const bytes = new Uint8Array(1 << 16);
    givenUp.push(new WeakRef(bytes));
    commands.add({ schema: 1, bytes, deadline, forward: true, resolve: () => {}, reject: () => {} });
  };
  for (let i = 0; i < 200; i++) add({ bytes: 1, deadline: 1e9 });
  for (let now = 1; now <= 20; now++) {
    for (let i = 0; i < 10; i++) addBriefly(now);
    commands.expire(now, null);
  }
  await settled();
  collect();
  expect(commands.count).toBe(200);
  expect(givenUp.filter((bytes) => bytes.deref() !== undefined)).toHaveLength(0);
});
