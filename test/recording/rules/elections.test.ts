import { describe, expect, test } from "vitest";
import { brokenRules, cluster, elects, healthy, healthyState, hears, judge, Tape, wins } from "../support.ts";

/** The rules of elections, each broken in recordings that are otherwise as they should be. */

describe("elections", () => {
  test("two leaders in a term, by their own words: both records are shown", async () => {
    const [a, b, c] = healthy();
    a.add(...wins("A", 2));
    b.add(...wins("B", 2));
    const verdict = await judge(a, b, c);
    expect(verdict.findings[0]).toMatchObject({
      rule: "election-safety",
      message: "A and B both lead term 2",
      records: [
        { path: "A-storeA-000001.ndjson", line: 12 },
        { path: "B-storeB-000001.ndjson", line: 13 },
      ],
    });
    expect(verdict.findings[0]?.records.map(({ text }) => JSON.parse(text))).toMatchObject([
      { event: "leader", term: 2 },
      { event: "leader", term: 2 },
    ]);
  });

  test("two leaders in a term, of whose elections no record is left", async () => {
    const alone = (node: string): Tape =>
      new Tape(node).open("rotated", { ...healthyState(node), leads: true });
    const verdict = await judge(alone("A"), alone("B"));
    expect(verdict.findings).toMatchObject([
      {
        rule: "election-safety",
        message: "A and B both lead term 1",
        records: [
          { path: "A-storeA-000001.ndjson", line: 1 },
          { path: "B-storeB-000001.ndjson", line: 1 },
        ],
      },
    ]);
  });

  test("a leader, and one of whose election no record was written", async () => {
    const [a, b, c] = healthy();
    const leads = { ...healthyState("B"), vote: "B", leads: true };
    c.open("resumed", { ...healthyState("C") }, { dropped: 3 });
    expect((await judge(a, b, c)).findings).toEqual([]);
    b.pop().open("resumed", leads, { dropped: 3 });
    expect(brokenRules(await judge(a, b, c))).toContain("election-safety");
  });

  test("one that goes on leading over files is one leader", async () => {
    const [a, b, c] = healthy();
    a.open("rotated", healthyState("A")).open("resumed", healthyState("A"), { dropped: 1 });
    const { findings, clusters } = await judge(a, b, c);
    expect(findings).toEqual([]);
    expect(clusters[0]?.leaders).toEqual([{ term: 1, node: "A" }]);
  });

  test("a leader of whose election no record is left, without what was committed before", async () => {
    const [a, b, c] = healthy();
    const without = {
      ...healthyState("D"),
      term: 2,
      durableTerm: 2,
      vote: "D",
      last: 9,
      durable: 9,
      commit: 9,
      applied: 9,
    };
    const d = new Tape("D").open("rotated", { ...without, leads: true, hash: null });
    expect(brokenRules(await judge(a, b, c, d))).toContain("leader-completeness");
  });

  test("a leader and a follower of another in a term", async () => {
    const [a, b, c] = healthy();
    a.add(...wins("A", 2));
    c.add(...hears("B", 2));
    expect(brokenRules(await judge(a, b, c))).toContain("election-safety");
  });

  test("followers of two leaders in a term, of neither of which there is a recording", async () => {
    const [a, b] = healthy();
    a.add(...hears("C", 2));
    b.add(...hears("D", 2));
    expect(brokenRules(await judge(a, b))).toEqual(["election-safety"]);
  });

  test("one node that becomes leader of a term twice", async () => {
    const [a, b, c] = healthy();
    a.add({ event: "leader", term: 1, clusterId: "cluster", voters: cluster.voters });
    expect(brokenRules(await judge(a, b, c))).toEqual(["election-safety"]);
  });

  test("two votes in a term", async () => {
    const [a, b, c] = healthy();
    c.add(...elects("A", 2), { event: "vote-granted", term: 2, to: "B", preVote: false });
    const verdict = await judge(a, b, c);
    expect(brokenRules(verdict)).toEqual(["one-vote-per-term", "vote-is-durable"]);
    expect(verdict.findings[0]).toMatchObject({
      message: "C votes in term 2 for A and for B",
      records: [{ line: 11 }, { line: 14 }],
    });
  });

  test.each(["B", null])("a vote that changes in its term, to %s", async (vote) => {
    const [a, b, c] = healthy();
    c.add(...elects("A", 2), { event: "hard-state", term: 2, vote });
    const verdict = await judge(a, b, c);
    expect(brokenRules(verdict)).toEqual(["one-vote-per-term"]);
    expect(verdict.findings[0]?.message).toBe(`C changes its vote in term 2 from A to ${vote ?? "nobody"}`);
  });

  test.each(["B", null])("a vote that comes back from a restart as %s", async (vote) => {
    const [a, b, c] = healthy();
    c.open("started", { ...healthyState("C"), vote }, { boot: 2 });
    expect(brokenRules(await judge(a, b, c))).toContain("one-vote-per-term");
  });

  test("the same directory under another path has one vote only", async () => {
    const [a, b, c] = healthy();
    const copy = new Tape("D", "storeC").open("started").add(...elects("B", 1));
    expect(brokenRules(await judge(a, b, c, copy))).toContain("one-vote-per-term");
  });

  test("a vote that leaves before it is durable", async () => {
    const [a, b, c] = healthy();
    c.add({ event: "term", term: 2 }, { event: "vote-granted", term: 2, to: "B", preVote: false });
    expect(brokenRules(await judge(a, b, c))).toEqual(["vote-is-durable"]);
  });

  test("a promise to vote is no vote", async () => {
    const [a, b, c] = healthy();
    for (const to of ["A", "B"]) c.add({ event: "vote-granted", term: 2, to, preVote: true });
    expect((await judge(a, b, c)).accepted).toBe(true);
  });

  test("a leader without a durable vote of its own", async () => {
    const [a, b, c] = healthy();
    a.add(
      { event: "term", term: 2 },
      { event: "leader", term: 2, clusterId: "cluster", voters: cluster.voters },
    );
    expect(brokenRules(await judge(a, b, c))).toContain("vote-is-durable");
  });

  test("a leader whom the recordings show to have no majority", async () => {
    const [a, b, c] = healthy();
    a.add(...wins("A", 2));
    for (const tape of [b, c]) tape.add(...hears("A", 2), ...elects("A", 3));
    const verdict = await judge(a, b, c);
    expect(brokenRules(verdict)).toEqual(["elected-by-majority"]);
    expect(verdict.findings[0]?.message).toBe("A leads term 2 without the votes of B, C, of 3 voters");
  });

  test("open slots have no vote", async () => {
    const [a, b] = healthy();
    a.add(...wins("A", 2, [["A", "storeA"], ["B", "storeB"], null]));
    b.add(...hears("A", 2), ...elects("A", 3));
    const verdict = await judge(a, b);
    expect(verdict.findings[0]?.message).toContain("without the votes of B, a slot that nobody has taken");
  });

  test("votes may have been given where a recording has a gap", async () => {
    const [a, b, c] = healthy();
    a.add(...wins("A", 2));
    b.add(...hears("A", 2), ...elects("A", 3));
    // C has been away, and comes back in term 3.
    c.open("started", { ...healthyState("C"), term: 3, durableTerm: 3, vote: null }, { boot: 2 });
    expect((await judge(a, b, c)).accepted).toBe(true);
    expect((await judge(a, b)).accepted).toBe(true);
  });

  test("a term that falls", async () => {
    const [a, b, c] = healthy();
    c.add({ event: "term", term: 3 }, { event: "term", term: 2 });
    expect(brokenRules(await judge(a, b, c))).toEqual(["monotonic-term"]);
  });

  test("a durable term that a restart forgets", async () => {
    const [a, b, c] = healthy();
    c.add(...hears("A", 5));
    c.open("started", { ...healthyState("C"), term: 4, durableTerm: 4, vote: null }, { boot: 2 });
    expect(brokenRules(await judge(a, b, c))).toContain("monotonic-term");
  });

  test("a term that was not durable may be forgotten", async () => {
    const [a, b, c] = healthy();
    c.add({ event: "term", term: 5 });
    c.open("started", healthyState("C"), { boot: 2 });
    expect((await judge(a, b, c)).accepted).toBe(true);
  });

  test("the number of a start that is used again", async () => {
    const [a, b, c] = healthy();
    c.open("started", healthyState("C"), { boot: 1 });
    expect(brokenRules(await judge(a, b, c))).toEqual(["boot-is-fresh"]);
  });
});
