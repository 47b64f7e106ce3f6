import { describe, expect, test } from "vitest";
import {
  brokenRules,
  cluster,
  elects,
  healthy,
  healthyState,
  hears,
  judge,
  progress,
  Tape,
  wins,
} from "../support.ts";

/** Recordings of one cluster, and of more than one. */

test("what is as it should be is accepted, with all that there is to say of it", async () => {
  const verdict = await judge(...healthy());
  expect(verdict.findings).toEqual([]);
  expect(verdict).toMatchObject({
    accepted: true,
    findingCount: 0,
    clusters: [{ clusterId: "cluster", leaders: [{ term: 1, node: "A" }], commit: 10 }],
    recordings: [
      { node: "A", store: "storeA", files: 1, records: 8, firstBoot: 1, lastBoot: 1, term: 1, last: 10 },
      { node: "B", commit: 10, elections: 0, ended: null },
      { node: "C", commit: 10 },
    ],
  });
  expect(verdict.gaps.map(({ kind }) => kind)).toEqual(["tail", "tail", "tail"]);
});

describe("clusters", () => {
  const other = { ...cluster, clusterId: "other" };
  const founds = (tape: Tape, configuration = other) =>
    tape.add(
      ...wins(tape.node, 1, configuration.voters).map((record) =>
        record.event === "leader" ? { ...record, clusterId: configuration.clusterId } : record,
      ),
      progress({
        first: 1,
        last: 1,
        runs: [[1, 1]],
        hash: null,
        configurations: [configuration],
        durable: 1,
      }),
    );

  test("one directory in two clusters that both came to something", async () => {
    const [a, b, c] = healthy();
    const stray = founds(new Tape("D").open("started")).add(progress({ commit: 1 }));
    expect(brokenRules(await judge(a, b, c, stray))).toContain("one-cluster");
  });

  test("clusters that have nobody in common are judged apart", async () => {
    const [a, b, c] = healthy();
    const strangers = { ...other, voters: [["D", "storeD"]] as [string, string][] };
    const stray = founds(new Tape("D").open("started"), strangers).add(progress({ commit: 1 }));
    const verdict = await judge(a, b, c, stray);
    expect(verdict.findings).toEqual([]);
    expect(verdict.clusters.map(({ clusterId }) => clusterId)).toEqual(["cluster", "other"]);
  });

  test("as many clusters as lines cost no more than as many lines", async () => {
    const [a] = healthy();
    const d = new Tape("D").open("started");
    // Two by two these are 800 million.
    for (let term = 1; term <= 40_000; term++) {
      d.add({ event: "leader", term, clusterId: `cluster ${term}`, voters: other.voters });
    }
    const verdict = await judge(a, d);
    expect(brokenRules(verdict)).toContain("recording-is-consistent");
  }, 30_000);

  test("two founders of one term, with the same voters", async () => {
    const [a, b, c] = healthy();
    const rival = founds(new Tape("D").open("started"));
    expect(brokenRules(await judge(a, b, c, rival))).toContain("election-safety");
  });

  test("a voter that lost its disk before anything was committed may have elected twice", async () => {
    const [a, b, c] = healthy();
    const before = {
      ...other,
      voters: [
        ["D", "storeD"],
        ["B", "storeB"],
        ["C", "lost"],
      ] as [string, string][],
    };
    const verdict = await judge(a, b, c, founds(new Tape("D").open("started"), before));
    expect(brokenRules(verdict)).not.toContain("election-safety");
  });

  test("a founder whose first entry nobody had may join the others", async () => {
    const a = new Tape("A").open("started").add(...wins("A", 2));
    const b = new Tape("B").open("started").add(...elects("C", 1).slice(0, -1), ...elects("A", 2));
    const founding = { first: 1, last: 1, runs: [[1, 2]] as const, configurations: [cluster], durable: 1 };
    for (const tape of [a, b]) tape.add(progress(founding), progress({ commit: 1 }));
    const c = founds(new Tape("C").open("started")).add(...hears("A", 2));
    c.add({ event: "truncated", from: 1, last: 1 }, progress({ ...founding, commit: 1 }));
    const verdict = await judge(a, b, c);
    expect(verdict.findings).toEqual([]);
    expect(verdict.clusters.map(({ clusterId, commit }) => [clusterId, commit])).toEqual([
      ["cluster", 1],
      ["other", 0],
    ]);
  });

  test("a founder that joins the others while its own entry is committed", async () => {
    const [a, b, c] = healthy();
    const lone = founds(new Tape("D").open("started")).add(progress({ commit: 1 }));
    lone.add(...hears("A", 2));
    lone.open("started", { ...healthyState("D"), term: 2, durableTerm: 2, vote: null }, { boot: 2 });
    expect(brokenRules(await judge(a, b, c, lone))).toContain("committed-never-changes");
  });
});
