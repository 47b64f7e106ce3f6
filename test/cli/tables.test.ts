import { describe, expect, test } from "vitest";
import { clusterTable, judgeCluster } from "../../ec2-node/cli/cluster-view.ts";
import { failure, resultText } from "../../ec2-node/cli/command-command.ts";
import { frameLines, LiveView } from "../../ec2-node/cli/live-view.ts";
import type { NodeReport } from "../../ec2-node/cli/node-report.ts";
import { readStatus } from "../../ec2-node/cli/node-report.ts";
import { textTable } from "../../ec2-node/cli/text-table.ts";

const addresses: Record<string, string> = {
  A: "http://127.0.0.1:8000",
  B: "http://127.0.0.1:8001",
  C: "http://127.0.0.1:8002",
};

interface Said {
  state?: string;
  term?: number;
  leader?: string | null;
  healthy?: boolean;
  lastIndex?: number;
  problem?: string | null;
  quiet?: boolean;
  lags?: Record<string, number>;
}

/** A node's answer, by way of the JSON that it would send. */
function said(node: string, said: Said = {}): NodeReport {
  const peers = Object.entries(addresses)
    .filter(([id]) => id !== node)
    .map(([id, address]) => ({
      id,
      address,
      matchIndex: null,
      lag: said.lags?.[id] ?? null,
      contactMs: null,
    }));
  const status = readStatus(
    JSON.parse(
      JSON.stringify({
        node,
        state: said.state ?? "Follower",
        term: said.term ?? 3,
        leader: said.leader === undefined ? "A" : said.leader,
        log: [{ term: 3, cmd: "SET x=5" }],
        commitIndex: 4,
        logStart: 4,
        raft: {
          lastIndex: said.lastIndex ?? 7,
          clusterSize: 3,
          quiet: said.quiet ?? false,
          peers,
          problem: said.problem ?? null,
        },
      }),
    ),
  );
  if (status === null) throw new Error("not a status");
  return { url: addresses[node] ?? "", status, healthy: said.healthy ?? true };
}

function away(node: string): NodeReport {
  return { url: addresses[node] ?? "", status: null, reason: "nobody listens there" };
}

const leaderA = () => said("A", { state: "Leader", lags: { B: 0, C: 12 } });

describe("the table of a cluster", () => {
  test("shows role, term, leader, log, commit and lag of each node", () => {
    expect(clusterTable([leaderA(), said("B"), said("C")])).toEqual([
      "node  role      term  leader  log  commit  lag  address",
      "A     Leader    3     A       5    4       0    http://127.0.0.1:8000",
      "B     Follower  3     A       5    4       0    http://127.0.0.1:8001",
      "C     Follower  3     A       5    4       12   http://127.0.0.1:8002",
    ]);
  });

  test("shows who does not answer, and how far behind the leader thinks it is", () => {
    expect(clusterTable([leaderA(), said("B"), away("C")]).at(-1)).toBe(
      "C     -         -     -       -    -       12   http://127.0.0.1:8002  (nobody listens there)",
    );
  });

  test("says why a node does not take part", () => {
    const table = clusterTable([leaderA(), said("B", { problem: "its list has 5 nodes,\u001b[0m ours 3" })]);
    expect(table.at(-1)).toBe("B: its list has 5 nodes,\\u001b[0m ours 3");
  });
});

describe("a quorum", () => {
  test.each<[string, NodeReport[], boolean]>([
    ["all three", [leaderA(), said("B"), said("C")], true],
    ["two of three", [leaderA(), said("B"), away("C")], true],
    ["a leader alone that still believes in itself", [leaderA(), away("B"), away("C")], false],
    ["two followers of a dead leader", [away("A"), said("B"), said("C")], false],
    [
      "nobody leads",
      [said("A", { leader: null }), said("B", { leader: null }), said("C", { leader: null })],
      false,
    ],
    ["followers in different terms", [leaderA(), said("B", { term: 2 }), said("C", { term: 2 })], false],
    [
      "a deposed leader beside the new one",
      [leaderA(), said("B", { state: "Leader", term: 4, leader: "B" }), said("C", { term: 4, leader: "B" })],
      true,
    ],
    ["nobody answers", [away("A"), away("B"), away("C")], false],
    ["one follower asked, in touch with its leader", [said("B")], true],
    ["one follower asked, out of touch", [said("B", { healthy: false })], false],
  ])("%s: %#", (_name, reports, quorum) => {
    expect(judgeCluster(reports).quorum).toBe(quorum);
  });

  test("is a majority of different nodes, not of addresses", () => {
    expect(judgeCluster([leaderA(), leaderA(), away("B")]).quorum).toBe(false);
  });

  test("nodes that sleep are enough of them, leader or not: they find one when they are needed", () => {
    const asleep = (id: string) => said(id, { leader: null, quiet: true });
    expect(judgeCluster([asleep("A"), asleep("B"), away("C")])).toEqual({
      leader: null,
      quorum: true,
      summary: "2 of 3 nodes are quiet until they are needed",
    });
    expect(judgeCluster([asleep("A"), away("B"), away("C")]).quorum).toBe(false);
    expect(judgeCluster([asleep("A"), said("B", { leader: null, term: 4 }), away("C")]).quorum).toBe(false);
  });
});

test("what is not a node's status is not taken for one", () => {
  for (const body of [
    undefined,
    null,
    1,
    "x",
    [],
    {},
    { node: "A" },
    { node: "A", state: "Leader", term: "3" },
  ]) {
    expect(readStatus(body)).toBeNull();
  }
});

test("a table's columns are aligned and its cells are safe", () => {
  expect(
    textTable([
      ["a", "long"],
      ["x\ny", "b"],
    ]),
  ).toEqual(["a     long", "x\\ny  b"]);
});

describe("the live view", () => {
  test("shows the table and as many of the newest lines as fit", () => {
    const table = ["h", "1", "2"];
    const log = ["a", "b", "c", "d"];
    expect(frameLines(table, log, 8)).toEqual(["h", "1", "2", "", "b", "c", "d"]);
    expect(frameLines(table, log, 4)).toEqual(table);
    expect(frameLines(table, log, 2)).toEqual(["h"]);
    expect(frameLines(table, [], 24)).toEqual(table);
    expect(frameLines(table, log, 0)).toEqual(["h", "1", "2", "", ...log]);
  });

  test("draws over the frame before", () => {
    const written: string[] = [];
    const view = new LiveView({ rows: 24, write: (text) => written.push(text) });
    view.setTable(["h", "1"]);
    view.draw();
    view.addLine("a");
    view.draw();
    expect(written).toEqual([
      "\u001b[?7l\u001b[Jh\n1\n\u001b[?7h",
      "\u001b[?7l\u001b[2A\r\u001b[Jh\n1\n\na\n\u001b[?7h",
    ]);
    written.length = 0;
    view.note(["whole"]);
    expect(written.join("")).toBe("\u001b[4A\r\u001b[Jwhole\n\u001b[?7l\u001b[Jh\n1\n\na\n\u001b[?7h");
  });
});

describe("what a command answers", () => {
  test.each([
    ["OK", "OK"],
    ["a\u001b[0m\n", "a\\u001b[0m\\n"],
    [null, "null"],
    [true, "true"],
    [1, "1"],
    [{ base64: "/w==" }, '{"base64":"/w=="}'],
  ])("%j", (result, line) => {
    expect(resultText({ ok: true, index: 0, term: 3, leader: "A", result })).toBe(
      `${line}\n(index 0, term 3, leader A)`,
    );
  });

  test("a failure says what the node says, and what became of the command", () => {
    const body = { code: "no-leader", detail: "there is no leader", outcome: "none" };
    expect(failure("http://h:1", { status: 503, body }).message).toBe(
      "there is no leader (it was not carried out)",
    );
    expect(failure("http://h:1", { status: 503, body: { ...body, outcome: "unknown" } }).message).toBe(
      "there is no leader (it may have been carried out, or still be)",
    );
    expect(failure("http://h:1", { status: 404, body: undefined }).message).toContain("HTTP 404");
  });
});
