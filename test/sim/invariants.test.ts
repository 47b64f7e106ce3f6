import { describe, expect, test } from "vitest";
import { Counts } from "../../sim/counts.ts";
import { PaceInvariant } from "../../sim/invariants/pace.ts";
import type { InvariantName } from "../../sim/invariants/violation.ts";
import { Monitor } from "../../sim/monitor.ts";
import type { DiskContent } from "../../sim/observed-disk.ts";
import { committedCluster, content, entries, entry, statusOf, trace } from "./support.ts";

/** Each invariant is shown to fire: a monitor is told of a state of affairs that must not be. */

function watch(tell: (monitor: Monitor) => void): InvariantName | undefined {
  const monitor = new Monitor(["A", "B", "C"], {
    now: () => 0,
    counts: new Counts(),
    trace: null,
    watched: null,
  });
  tell(monitor);
  return monitor.violation?.invariant;
}

function started(monitor: Monitor, disks: Partial<Record<string, DiskContent>>): void {
  for (const id of ["A", "B", "C"]) monitor.started(id, disks[id] ?? content({ storeId: id }));
}

describe("elections", () => {
  test("election-safety: two nodes say that they lead one term", () => {
    const found = watch((monitor) => {
      started(monitor, {});
      trace(monitor, "A", { type: "leader", term: 1 });
      trace(monitor, "B", { type: "leader", term: 1 });
    });
    expect(found).toBe("election-safety");
  });

  test("election-safety: a node sends entries in a term that another leads", () => {
    const found = watch((monitor) => {
      started(monitor, {});
      trace(monitor, "A", { type: "leader", term: 1 });
      const message = { type: "AppendEntries", term: 1, leaderId: "B", entries: [] };
      monitor.leaves("B", "C", JSON.stringify({ clusterId: null, messages: [message] }));
    });
    expect(found).toBe("election-safety");
  });

  const vote = (term: number) =>
    JSON.stringify({
      clusterId: null,
      messages: [{ type: "RequestVoteResponse", term, requestTerm: term, voteGranted: true, preVote: false }],
    });

  test("one-vote-per-term: a data directory votes for two candidates", () => {
    const found = watch((monitor) => {
      started(monitor, { A: content({ storeId: "A", term: 2, votedFor: "B" }) });
      monitor.leaves("A", "B", vote(2));
      monitor.synced("A", content({ storeId: "A", term: 2, votedFor: "C" }));
      monitor.leaves("A", "C", vote(2));
    });
    expect(found).toBe("one-vote-per-term");
  });

  test("vote-is-durable: a vote leaves before it is on the disk", () => {
    const found = watch((monitor) => {
      started(monitor, { A: content({ storeId: "A", term: 1 }) });
      monitor.written("A", content({ storeId: "A", term: 2, votedFor: "B" }), 1);
      monitor.leaves("A", "B", vote(2));
    });
    expect(found).toBe("vote-is-durable");
  });

  test("a vote that is told late, in a later term, is well", () => {
    const found = watch((monitor) => {
      started(monitor, { A: content({ storeId: "A", term: 3 }) });
      monitor.leaves("A", "B", vote(2));
    });
    expect(found).toBeUndefined();
  });

  test("monotonic-term: a running node goes back, and a restarted one", () => {
    const running = watch((monitor) => {
      started(monitor, { A: content({ term: 5 }) });
      trace(monitor, "A", { type: "term", term: 4 });
    });
    const restarted = watch((monitor) => {
      started(monitor, { A: content({ term: 5 }) });
      monitor.ended("A");
      monitor.started("A", content({ term: 4 }));
    });
    expect([running, restarted]).toEqual(["monotonic-term", "monotonic-term"]);
  });
});

describe("the log", () => {
  test("leader-append-only: a leader removes an entry of its own", () => {
    const found = watch((monitor) => {
      started(monitor, { A: content({ term: 1, log: entries(1, 1) }) });
      trace(monitor, "A", { type: "leader", term: 1 });
      monitor.written("A", content({ term: 1, log: entries(1) }), 2);
    });
    expect(found).toBe("leader-append-only");
  });

  test("log-matching: two logs hold different entries under one index and term", () => {
    const found = watch((monitor) => {
      started(monitor, {});
      monitor.written("A", content({ term: 1, log: [entry(1, "x")] }), 1);
      monitor.written("B", content({ term: 1, log: [entry(1, "y")] }), 1);
    });
    expect(found).toBe("log-matching");
  });

  test("log-matching: two logs agree on an entry and not on the one before", () => {
    const found = watch((monitor) => {
      started(monitor, {});
      monitor.written("A", content({ term: 3, log: [entry(1), entry(3, "same")] }), 1);
      monitor.written("B", content({ term: 3, log: [entry(2), entry(3, "same")] }), 1);
    });
    expect(found).toBe("log-matching");
  });

  test("monotonic-time: an entry is older than the one before it", () => {
    const found = watch((monitor) => {
      started(monitor, {});
      const log = [entry(1), { ...entry(1), time: -1, checksum: 2 }];
      monitor.written("A", content({ term: 1, log }), 1);
    });
    expect(found).toBe("monotonic-time");
  });

  test("committed-on-quorum: an entry is called committed that one disk has, and others have not synced", () => {
    const found = watch((monitor) => {
      started(monitor, { A: content({ term: 1, log: entries(1) }) });
      monitor.written("B", content({ term: 1, log: entries(1) }), 1);
      trace(monitor, "A", { type: "committed", index: 1, previous: 0 });
    });
    expect(found).toBe("committed-on-quorum");
  });

  test("monotonic-commit: a commit index falls", () => {
    const found = watch((monitor) => {
      committedCluster(monitor, entries(1, 1));
      trace(monitor, "A", { type: "committed", index: 1, previous: 2 });
    });
    expect(found).toBe("monotonic-commit");
  });

  test("committed-never-changes: a node drops a committed entry", () => {
    const found = watch((monitor) => {
      committedCluster(monitor, entries(1, 1));
      monitor.written("B", content({ term: 2, log: [entry(1)] }), 2);
    });
    expect(found).toBe("committed-never-changes");
  });

  test("committed-never-changes: a node calls another entry committed than all others", () => {
    const found = watch((monitor) => {
      committedCluster(monitor, entries(1, 2), ["A", "B"]);
      monitor.written("C", content({ term: 2, log: entries(1, 1) }), 1);
      trace(monitor, "C", { type: "committed", index: 2, previous: 0 });
    });
    expect(found).toBe("committed-never-changes");
  });

  test("leader-completeness: a leader lacks what an earlier one committed", () => {
    const found = watch((monitor) => {
      committedCluster(monitor, entries(1, 1), ["A", "B"]);
      trace(monitor, "C", { type: "leader", term: 2 });
    });
    expect(found).toBe("leader-completeness");
  });

  test("a leader of an earlier term need not hold it", () => {
    const found = watch((monitor) => {
      started(monitor, {});
      const log = entries(2);
      for (const id of ["A", "B"]) {
        monitor.written(id, content({ term: 2, log }), 1);
        monitor.synced(id, content({ term: 2, log }));
      }
      trace(monitor, "A", { type: "leader", term: 2 });
      trace(monitor, "A", { type: "committed", index: 1, previous: 0 });
      trace(monitor, "C", { type: "leader", term: 1 });
    });
    expect(found).toBeUndefined();
  });

  test("leader-completeness: a node without a committed entry could be elected (Figure 8)", () => {
    const found = watch((monitor) => {
      const behind = content({ term: 3, log: [entry(1), entry(3)] });
      started(monitor, { C: behind });
      for (const id of ["A", "B"]) {
        const disk = content({ term: 4, log: [entry(1), entry(2)] });
        monitor.written(id, disk, 1);
        monitor.synced(id, disk);
      }
      trace(monitor, "A", { type: "leader", term: 4 });
      trace(monitor, "A", { type: "committed", index: 2, previous: 0 });
    });
    expect(found).toBe("leader-completeness");
  });

  const acknowledgement = (term: number, matchIndex: number) =>
    JSON.stringify({
      clusterId: null,
      messages: [{ type: "AppendEntriesResponse", term, success: true, matchIndex }],
    });

  test("acknowledgement-is-durable: an acknowledgement leaves before the sync is over", () => {
    const found = watch((monitor) => {
      started(monitor, { A: content({ term: 1 }) });
      monitor.written("A", content({ term: 1, log: entries(1) }), 1);
      monitor.leaves("A", "B", acknowledgement(1, 1));
    });
    expect(found).toBe("acknowledgement-is-durable");
  });

  test("acknowledgement-is-durable: it is for another entry than the leader's", () => {
    const found = watch((monitor) => {
      started(monitor, {
        A: content({ term: 2, log: [entry(1)] }),
        B: content({ term: 2, log: [entry(2)] }),
      });
      trace(monitor, "B", { type: "leader", term: 2 });
      monitor.leaves("A", "B", acknowledgement(2, 1));
    });
    expect(found).toBe("acknowledgement-is-durable");
  });
});

describe("identity and the node", () => {
  test("one-cluster: two nodes speak for different clusters", () => {
    const found = watch((monitor) => {
      started(monitor, {});
      monitor.leaves("A", "B", JSON.stringify({ clusterId: "one", messages: [] }));
      monitor.leaves("B", "A", JSON.stringify({ clusterId: "two", messages: [] }));
    });
    expect(found).toBe("one-cluster");
  });

  test("boot-is-fresh: commands carry the number of another start", () => {
    const found = watch((monitor) => {
      started(monitor, { A: content({ boot: 3 }) });
      const messages = [{ type: "Forward", boot: 2, call: 1, commands: [] }];
      monitor.leaves("A", "B", JSON.stringify({ clusterId: null, messages }));
    });
    expect(found).toBe("boot-is-fresh");
  });

  test("nobody-is-refused: a node takes another for a stranger", () => {
    const found = watch((monitor) => {
      started(monitor, {});
      const refusal = { code: "wrong-store", message: "wiped", peer: "B", address: null };
      trace(monitor, "A", { type: "refused", ...refusal });
    });
    expect(found).toBe("nobody-is-refused");
  });

  test("node-does-not-fail: a node gives up by itself", () => {
    expect(watch((monitor) => monitor.failed("A", new TypeError("undefined")))).toBe("node-does-not-fail");
  });

  test("status-is-true: a term is shown that a crash would take back", () => {
    const found = watch((monitor) => {
      started(monitor, { A: content({ term: 1 }) });
      monitor.shown(statusOf("A", { term: 2 }));
    });
    expect(found).toBe("status-is-true");
  });

  test("status-is-true: two nodes show different commands at one place", () => {
    const found = watch((monitor) => {
      started(monitor, { A: content({ term: 1 }), B: content({ term: 1 }) });
      monitor.shown(statusOf("A", { log: [{ term: 1, cmd: "SET x=1" }], commitIndex: 0 }));
      monitor.shown(statusOf("B", { log: [{ term: 1, cmd: "SET x=2" }], commitIndex: 0 }));
    });
    expect(found).toBe("status-is-true");
  });

  test.each(["turns without end", "deadlines gone by"])("no-busy-loop: %s", (what) => {
    let found: InvariantName | undefined;
    const pace = new PaceInvariant("A", (invariant) => {
      found = invariant;
    });
    for (let time = 0; time < 200 && found === undefined; time += 0.05) {
      if (what === "turns without end") pace.turn(time);
      else pace.timer(time - 1, time);
    }
    expect(found).toBe("no-busy-loop");
  });

  test("a busy node is well", () => {
    let found: InvariantName | undefined;
    const pace = new PaceInvariant("A", (invariant) => {
      found = invariant;
    });
    for (let time = 0; time < 1000; time += 0.25) {
      pace.turn(time);
      pace.timer(time + 10, time);
    }
    expect(found).toBeUndefined();
  });
});
