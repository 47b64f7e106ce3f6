import { describe, expect, test } from "vitest";
import {
  brokenRules,
  cluster,
  elects,
  entries,
  healthy,
  hears,
  judge,
  progress,
  Tape,
  wins,
} from "../support.ts";

/** The rules of logs, each broken in recordings that are otherwise as they should be. */

describe("logs", () => {
  test("a leader that removes entries", async () => {
    const [a, b, c] = healthy();
    a.add(entries(11, 12, 1), { event: "truncated", from: 12, last: 12 });
    expect(brokenRules(await judge(a, b, c))).toEqual(["leader-append-only"]);
  });

  test("one entry with two contents", async () => {
    const [a, b, c] = healthy();
    a.add(entries(11, 20, 1, "aaaaaaaa"));
    b.add(entries(11, 20, 1, "bbbbbbbb"));
    const verdict = await judge(a, b, c);
    expect(brokenRules(verdict)).toEqual(["log-matching"]);
    expect(verdict.findings[0]?.records.map(({ path }) => path[0])).toEqual(["A", "B"]);
  });

  test("one block with two contents, though appended in other portions", async () => {
    const [a, b, c] = healthy();
    a.add(progress({ ...entries(11, 130, 1), blocks: ["00000064", "00000128"] }));
    b.add(progress({ ...entries(11, 64, 1), blocks: ["00000064"] }));
    b.add(progress({ ...entries(65, 128, 1), blocks: ["ffffffff"] }));
    const verdict = await judge(a, b, c);
    expect(brokenRules(verdict)).toEqual(["log-matching"]);
    expect(verdict.findings[0]?.message).toContain("entry 128 of term 1");
  });

  test("a term that begins in two places", async () => {
    const [a, b, c] = healthy();
    a.add(entries(11, 11, 1), ...wins("A", 2), entries(12, 12, 2));
    b.add(...elects("A", 2), entries(11, 12, 2));
    expect(brokenRules(await judge(a, b, c))).toEqual(["log-matching"]);
  });

  test("a term that begins after two others", async () => {
    const [a, b, c] = healthy();
    a.add(entries(11, 11, 1), ...wins("A", 3), entries(12, 12, 3));
    b.add({ event: "term", term: 2 }, entries(11, 11, 2), ...elects("A", 3), entries(12, 12, 3));
    expect(brokenRules(await judge(a, b, c))).toEqual(["log-matching"]);
  });

  test("an entry that is committed as two", async () => {
    const [a, b, c] = healthy();
    a.add(progress({ ...entries(11, 11, 1), durable: 11, commit: 11 }));
    b.add(...wins("B", 2), progress({ ...entries(11, 11, 2), durable: 11 }), progress({ commit: 11 }));
    const verdict = await judge(a, b, c);
    expect(brokenRules(verdict)).toContain("state-machine-safety");
    expect(verdict.findings[0]?.message).toBe("entry 11 is committed with term 1 at A and with term 2 at B");
  });

  test("a committed entry that its node removes", async () => {
    const [a, b, c] = healthy();
    c.add({ event: "truncated", from: 10, last: 10 });
    expect((await judge(a, b, c)).findings[0]).toMatchObject({
      rule: "committed-never-changes",
      message: "C removes its entries 10 to 10; it called entry 10 committed",
    });
  });

  test("a committed entry that another node removes before it hears of it", async () => {
    const [a, b, c] = healthy();
    for (const tape of [a, b]) {
      tape.add(progress({ ...entries(11, 12, 1), durable: 12 }), progress({ commit: 12 }));
    }
    c.add(progress({ ...entries(11, 12, 1), durable: 12 }), { event: "truncated", from: 12, last: 12 });
    const verdict = await judge(a, b, c);
    expect(brokenRules(verdict)).toEqual(["committed-never-changes"]);
    expect(verdict.findings[0]?.message).toBe("C lost entry 12 of term 1, which A calls committed");
    expect(verdict.findings[0]?.records.map(({ path }) => path[0])).toEqual(["A", "C"]);
  });

  test("a leader without a committed entry of an earlier term", async () => {
    const [a, b, c] = healthy();
    for (const tape of [a, b]) {
      tape.add(progress({ ...entries(11, 12, 1), durable: 12 }), progress({ commit: 12 }));
    }
    c.add(...wins("C", 2));
    const verdict = await judge(a, b, c);
    expect(brokenRules(verdict)).toEqual(["leader-completeness"]);
    expect(verdict.findings[0]?.message).toContain("C leads term 2 without committed entry 12 of term 1");
  });

  test("a leader that was elected before the commitment is not asked for it", async () => {
    const [a, b, c] = healthy();
    a.add(...hears("C", 2), ...wins("A", 3), progress({ ...entries(11, 11, 3), durable: 11 }));
    b.add(...elects("C", 2), ...elects("A", 3), progress({ ...entries(11, 11, 3), durable: 11 }));
    c.add(...wins("C", 2));
    a.add(progress({ commit: 11 }));
    expect((await judge(a, b, c)).findings).toEqual([]);
  });

  test("a commitment that no majority had durable", async () => {
    const [a, b, c] = healthy();
    a.add(progress({ ...entries(11, 11, 1), durable: 11 }), progress({ commit: 11 }));
    for (const tape of [b, c]) tape.add(...hears("A", 2));
    const verdict = await judge(a, b, c);
    expect(brokenRules(verdict)).toEqual(["committed-on-quorum"]);
    expect(verdict.findings[0]?.message).toBe(
      "A calls entry 11 of term 1 committed, which was never durable at B, C",
    );
  });

  test("a slot that nobody has taken has no disk", async () => {
    const open = { ...cluster, voters: [...cluster.voters.slice(0, 2), null] };
    const [a, b] = ["A", "B"].map((id) => {
      const tape = new Tape(id)
        .open("started")
        .add(...(id === "A" ? wins("A", 1, open.voters) : elects("A", 1)));
      return tape.add(progress({ first: 1, last: 1, runs: [[1, 1]], configurations: [open], durable: 1 }));
    }) as [Tape, Tape];
    a.add(progress({ ...entries(2, 2, 1), durable: 2 }), progress({ commit: 2 }));
    expect((await judge(a, b)).accepted).toBe(true);
    b.add(...hears("A", 2));
    const verdict = await judge(a, b);
    expect(verdict.findings[0]?.message).toContain("never durable at B, a slot that nobody has taken");
  });

  test("it may have become durable after the end of a recording, or without one", async () => {
    const [a, b, c] = healthy();
    a.add(progress({ ...entries(11, 11, 1), durable: 11 }), progress({ commit: 11 }));
    c.add(...hears("A", 2));
    expect((await judge(a, b, c)).accepted).toBe(true);
    b.add({ event: "stopped" });
    expect((await judge(a, b, c)).accepted).toBe(true);
    expect((await judge(a, c)).accepted).toBe(true);
  });

  test("a leader that commits entries of an earlier term by counting", async () => {
    const [a, b, c] = healthy();
    a.add(progress({ ...entries(11, 11, 1), durable: 11 }), ...wins("A", 2), progress({ commit: 11 }));
    expect(brokenRules(await judge(a, b, c))).toEqual(["own-term-commit"]);
  });

  test.each([
    ["durable", { durable: 11 }],
    ["committed", { commit: 11 }],
  ])("an entry that is %s and not in the log", async (_what, moved) => {
    const [a, b, c] = healthy();
    c.add(progress(moved));
    expect(brokenRules(await judge(a, b, c))).toEqual(["within-the-log"]);
  });

  test("a commit index that falls", async () => {
    const [a, b, c] = healthy();
    c.add(progress({ commit: 9 }));
    expect(brokenRules(await judge(a, b, c))).toEqual(["monotonic-commit"]);
  });

  test("an applied index that falls", async () => {
    const [a, b, c] = healthy();
    c.add(progress({ applied: 9 }));
    expect(brokenRules(await judge(a, b, c))).toEqual(["monotonic-applied"]);
  });

  test("an entry that is applied and not committed", async () => {
    const [a, b, c] = healthy();
    c.add(progress({ ...entries(11, 11, 1), durable: 11, applied: 11 }));
    expect(brokenRules(await judge(a, b, c))).toEqual(["applied-follows-commit"]);
  });

  test("an acknowledgement of what is not durable", async () => {
    const [a, b, c] = healthy();
    c.add(progress({ ...entries(11, 11, 1), acknowledged: 11 }));
    expect(brokenRules(await judge(a, b, c))).toEqual(["acknowledgement-is-durable"]);
  });

  test("a read that is answered too early", async () => {
    const [a, b, c] = healthy();
    c.add(progress({ reads: 3, readIndex: 11 }));
    expect(brokenRules(await judge(a, b, c))).toEqual(["read-follows-applied"]);
  });
});
