import { expect, test } from "vitest";
import type { NodeStatus } from "../../shared/node/api.ts";
import type { HistoryRecord } from "../../sim/history.ts";
import type { InvariantName } from "../../sim/invariants/violation.ts";
import type { SimulatedMachine } from "../../sim/machine.ts";
import type { Recovery } from "../../sim/recovery.ts";
import { awaitLeader, finish } from "../../sim/recovery.ts";
import { statusOf } from "./support.ts";

/** Machines that stand still: what the end of a run asks of them is shown to be asked. */

interface Still {
  readonly id: string;
  readonly leader: string | null;
  readonly lastIndex?: number;
  readonly log?: string;
  readonly state?: string;
  readonly stored?: string;
  readonly stops?: boolean;
}

const well: readonly Still[] = ["A", "B", "C"].map((id) => ({ id, leader: "A" }));

function recoveryOf(stills: readonly Still[], outcome: "ok" | "unknown" = "ok"): Recovery<never> {
  const machines = stills.map((still) => {
    const machine = {
      id: still.id,
      process: { disk: { written: { log: [still.log ?? ""] } }, stateMachine: {} } as object | null,
      node: { status: () => shown(still) },
      options: { dump: () => still.state ?? "" },
      stop() {
        if (still.stops !== false) machine.process = null;
      },
      stored: () => ({ applied: 1, tables: still.stored ?? "" }),
    };
    return machine as unknown as SimulatedMachine<never>;
  });
  const record = { operation: { name: "SET x=1" }, outcome: { type: outcome } };
  return {
    machines,
    world: {
      scheduler: { now: 0 },
      monitor: { logs: { committedIndex: 1, heldBy: () => 1 } },
    } as unknown as Recovery<never>["world"],
    runUntil: (isDone) => Promise.resolve(isDone()),
    ask: (_machine, heard) => heard(record as HistoryRecord<{ name: string }>),
  };
}

function shown({ id, leader, lastIndex = 1 }: Still): NodeStatus {
  const at = { lastIndex, durableIndex: lastIndex, commitIndex: lastIndex, appliedIndex: lastIndex };
  const { raft, ...rest } = statusOf(id, { leader, state: id === leader ? "Leader" : "Follower" });
  return { ...rest, raft: { ...raft, ...at } };
}

const instead = (id: string, what: Partial<Still>) =>
  well.map((still) => (still.id === id ? { ...still, ...what } : still));

test("a cluster that agrees and serves is well", async () => {
  await awaitLeader(recoveryOf(well));
  await finish(recoveryOf(well));
});

test.each([
  ["comes forward is waited for", [0, 0.3, 0.6, 1], true],
  ["comes forward without an end is not", Array.from({ length: 30 }, (_, at) => at / 40), false],
])("a node that is behind and %s", async (_what, indexes, isWell) => {
  const behind = { id: "C", leader: "A", lastIndex: 0 };
  const steps = [...indexes];
  const recovery = recoveryOf([...well.slice(0, 2), behind]);
  const runUntil: typeof recovery.runUntil = async (isDone) => {
    behind.lastIndex = steps.shift() ?? behind.lastIndex;
    return isDone();
  };
  const end = finish({ ...recovery, runUntil });
  if (isWell) await end;
  else await expect(end).rejects.toMatchObject(named("liveness", "the nodes differ"));
});

test("liveness: a node without a leader", async () => {
  await expect(awaitLeader(recoveryOf(instead("B", { leader: null })))).rejects.toMatchObject(
    named("liveness", "no leader of all"),
  );
});

test.each<[InvariantName, string, string, Partial<Still>]>([
  ["liveness", "a node that is behind", "the nodes differ", { lastIndex: 0 }],
  ["liveness", "a node that does not stop", "not all nodes stopped", { stops: false }],
  ["replicas-agree", "another log", "the logs of A and C differ", { log: "other" }],
  ["replicas-agree", "another state", "A holds", { state: "x=1" }],
  ["replicas-agree", "other tables", "A has stored", { stored: "x=1" }],
])("%s: %s", async (invariant, _, says, what) => {
  await expect(finish(recoveryOf(instead("C", what)))).rejects.toMatchObject(named(invariant, says));
});

test("liveness: a node that does not answer", async () => {
  await expect(finish(recoveryOf(well, "unknown"))).rejects.toMatchObject(
    named("liveness", "A does not serve: outcome unknown of SET x=1"),
  );
});

function named(invariant: InvariantName, says: string): object {
  return { invariant, message: expect.stringContaining(says) };
}
