import { describe, expect, test } from "vitest";
import type { RecordedState } from "../../../shared/recording/records.ts";
import type { Tape } from "../support.ts";
import {
  brokenRules,
  cluster,
  entries,
  healthy,
  healthyState,
  hears,
  judge,
  progress,
  wins,
} from "../support.ts";

/** What a start, and a gap, may leave of a node, and what not. */

describe("a recording that does not fit itself", () => {
  test.each<[string, (c: Tape) => void]>([
    ["goes on after it stopped", (c) => c.add({ event: "stopped" }, { event: "stalled" })],
    [
      "goes on in another state than it was in",
      (c) => c.open("rotated", { ...healthyState("C"), commit: 9, applied: 9 }),
    ],
    ["goes on in another start", (c) => c.open("rotated", healthyState("C"), { boot: 2 })],
    ["leads a term that it is not in", (c) => c.add(...wins("C", 2), { ...wins("C", 3).at(-1)! })],
    ["appends entries that do not follow", (c) => c.add(entries(12, 13, 1))],
    [
      "appends entries to no end",
      (c) =>
        c.add(
          progress({
            first: 11,
            last: 11,
            runs: [
              [11, 1],
              [12, 2],
            ],
          }),
        ),
    ],
    [
      "appends entries of an earlier term",
      (c) => c.add(...hears("A", 3), entries(11, 11, 3), entries(12, 12, 2)),
    ],
    ["appends entries of a term to come", (c) => c.add(entries(11, 11, 2))],
    ["removes entries that are not there", (c) => c.add({ event: "truncated", from: 11, last: 12 })],
    ["removes entries to no end", (c) => c.add({ event: "truncated", from: 9, last: 9 })],
  ])("%s", async (_what, write) => {
    const [a, b, c] = healthy();
    write(c);
    expect(brokenRules(await judge(a, b, c))).toContain("recording-is-consistent");
  });

  test("makes a term durable that it has left, or has not come to", async () => {
    for (const term of [1, 4]) {
      const [a, b, c] = healthy();
      c.add(...hears("A", 3), { event: "hard-state", term, vote: null });
      expect(brokenRules(await judge(a, b, c))).toContain("monotonic-term");
    }
  });

  test("falls back in its commit index over a gap within a run", async () => {
    const [a, b, c] = healthy();
    c.open("resumed", { ...healthyState("C"), commit: 5, applied: 5 }, { boot: 1, dropped: 1 });
    expect(brokenRules(await judge(a, b, c))).toEqual(["monotonic-commit"]);
  });
});

describe("a restart", () => {
  const shorter = (node: string, last: number): RecordedState => ({
    ...healthyState(node),
    leads: false,
    last,
    hash: null,
    durable: last,
    commit: last,
    applied: last,
  });

  test("may come back with all it had, and less applied", async () => {
    const [a, b, c] = healthy();
    c.open("started", { ...shorter("C", 10), commit: 3, applied: 3 }, { boot: 2 });
    expect((await judge(a, b, c)).findings).toEqual([]);
  });

  test("a log that comes back shorter has lost what was durable", async () => {
    const [a, b, c] = healthy();
    c.add(progress({ ...entries(11, 15, 1), durable: 15 }));
    c.open("started", shorter("C", 12), { boot: 2 });
    const verdict = await judge(a, b, c);
    expect(brokenRules(verdict)).toEqual(["durable-survives-restart"]);
    expect(verdict.findings[0]).toMatchObject({
      message: "C comes back without entry 13 of term 1, which was durable",
      records: [{ line: 10 }, { path: "C-storeC-000002.ndjson", line: 1 }],
    });
  });

  test("what was not durable may be gone", async () => {
    const [a, b, c] = healthy();
    c.add(entries(11, 15, 1));
    c.open("started", shorter("C", 12), { boot: 2 });
    expect((await judge(a, b, c)).accepted).toBe(true);
  });

  test("an entry that a majority lost, and that its leader called committed", async () => {
    const [a, b, c] = healthy();
    for (const tape of [a, b]) {
      tape.add(progress({ ...entries(11, 15, 1), durable: 15 }), progress({ commit: 15 }));
      tape.open("started", shorter(tape.node, 12), { boot: 2 });
    }
    const verdict = await judge(a, b, c);
    expect(brokenRules(verdict)).toEqual(["committed-never-changes"]);
    expect(verdict.findings[0]?.message).toBe(
      "A comes back without entry 13 of term 1, which it called committed",
    );
  });

  test("an entry that one lost, and another calls committed", async () => {
    const [a, b, c] = healthy();
    a.add(progress({ ...entries(11, 15, 1), durable: 15 }), progress({ commit: 15 }));
    b.add(progress({ ...entries(11, 15, 1), durable: 15 }));
    b.open("started", shorter("B", 12), { boot: 2 });
    expect(brokenRules(await judge(a, b, c))).toEqual([
      "durable-survives-restart",
      "committed-never-changes",
    ]);
  });

  test("a later leader may have replaced what was durable, while nobody wrote it down", async () => {
    const [a, b, c] = healthy();
    c.add(progress({ ...entries(11, 15, 1), durable: 15 }));
    const replaced = { ...shorter("C", 12), term: 2, durableTerm: 2, vote: null, applied: 10, commit: 10 };
    c.open(
      "started",
      {
        ...replaced,
        runs: [
          [1, 1],
          [12, 2],
        ],
      },
      { boot: 2 },
    );
    expect((await judge(a, b, c)).findings).toEqual([]);
  });

  test("a leader of a term that is not durable yet may have replaced it, too", async () => {
    const [a, b, c] = healthy();
    c.add(progress({ ...entries(11, 15, 1), durable: 15 }));
    const replaced = { ...healthyState("C"), term: 2, last: 12, durable: 11, hash: null };
    c.open(
      "resumed",
      {
        ...replaced,
        runs: [
          [1, 1],
          [12, 2],
        ],
      },
      { boot: 1, dropped: 3 },
    );
    expect((await judge(a, b, c)).findings).toEqual([]);
  });

  test("a log that is cut back below all configurations that are told of is still of its cluster", async () => {
    const [a, b, c] = healthy();
    const claimed = { ...healthyState("C"), last: 12, durable: 12, configuration: { ...cluster, index: 11 } };
    c.open("started", claimed, { boot: 2 }).add(...hears("B", 2), { event: "truncated", from: 11, last: 12 });
    c.add(entries(11, 11, 2, "000000cc"));
    b.add(...wins("B", 2), entries(11, 11, 2, "000000bb"));
    expect(brokenRules(await judge(a, b, c))).toContain("log-matching");
  });

  test("nobody replaces entries of the term that is still in force", async () => {
    const [a, b, c] = healthy();
    c.add({ event: "term", term: 2 }, { event: "hard-state", term: 2, vote: null });
    c.add(progress({ ...entries(11, 15, 2), durable: 15 }));
    const replaced = { ...shorter("C", 15), term: 2, durableTerm: 2, vote: null, commit: 10, applied: 10 };
    c.open(
      "started",
      {
        ...replaced,
        runs: [
          [1, 1],
          [13, 2],
        ],
      },
      { boot: 2 },
    );
    expect(brokenRules(await judge(a, b, c))).toContain("durable-survives-restart");
  });

  test("what was acknowledged counts as durable, whatever was recorded of that", async () => {
    const [a, b, c] = healthy();
    c.add(progress({ ...entries(11, 15, 1), durable: 15, acknowledged: 15 }));
    c.open("resumed", { ...shorter("C", 12) }, { boot: 1, dropped: 4 });
    expect(brokenRules(await judge(a, b, c))).toContain("durable-survives-restart");
  });
});
