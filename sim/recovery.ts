import type { NodeStatus } from "../shared/node/api.ts";
import type { StateMachine } from "../shared/node/state-machine.ts";
import type { HistoryRecord } from "./history.ts";
import { Violation } from "./invariants/violation.ts";
import type { SimulatedMachine } from "./machine.ts";
import type { World } from "./world.ts";

/** When faults have ended a cluster must come to itself, and serve (liveness). */

export interface Recovery<Machine extends StateMachine> {
  readonly machines: readonly SimulatedMachine<Machine>[];
  readonly world: World;
  /** Lets time go on until something is so; resolves with false when it is not in time. */
  readonly runUntil: (isDone: () => boolean, withinMs: number) => Promise<boolean>;
  /** A patient client asks this machine for one thing more. */
  readonly ask: (
    machine: SimulatedMachine<Machine>,
    heard: (record: HistoryRecord<{ readonly name: string }>) => void,
  ) => void;
}

/** Virtual milliseconds from the end of the faults until all nodes follow one leader. */
const recoveryMs = 10_000;
/**
 * From the last request until all logs are equal and applied; and again as long as whoever is behind has come forward
 * meanwhile. A plan may have messages of one entry each over slow links: hundreds of them take a while.
 */
const agreementMs = 5000;
const mostAgreements = 10;
const answerMs = 6000;
const stopMs = 4000;
/** Of each node, one after the other: reads and commands. */
const requestsPerNode = 4;

/** All nodes find one leader. */
export async function awaitLeader<Machine extends StateMachine>(recovery: Recovery<Machine>): Promise<void> {
  if (await recovery.runUntil(() => hasLeader(statuses(recovery)), recoveryMs)) return;
  const what = `no leader of all after ${recoveryMs} ms`;
  throw fail(recovery, "liveness", `${what}: ${describe(statuses(recovery))}`);
}

/** The clients have stopped: the nodes agree, serve once more each, agree again, hold the same, and stop. */
export async function finish<Machine extends StateMachine>(recovery: Recovery<Machine>): Promise<void> {
  await agree(recovery);
  for (const machine of recovery.machines) {
    for (let request = 0; request < requestsPerNode; request++) {
      if (machine.process !== null) await serve(recovery, machine);
    }
  }
  await agree(recovery);
  compare(recovery);
  await stop(recovery);
  compareStored(recovery);
}

async function agree<Machine extends StateMachine>(recovery: Recovery<Machine>): Promise<void> {
  for (let round = 0, behind = -1; round < mostAgreements; round++) {
    if (await recovery.runUntil(() => isSettled(statuses(recovery)), agreementMs)) return;
    const last = leastApplied(statuses(recovery));
    if (last <= behind) break;
    behind = last;
  }
  const what = `the nodes differ, and whoever is behind stood still for ${agreementMs} ms`;
  throw fail(recovery, "liveness", `${what}: ${describe(statuses(recovery))}`);
}

async function serve<Machine extends StateMachine>(
  recovery: Recovery<Machine>,
  machine: SimulatedMachine<Machine>,
): Promise<void> {
  let heard = "no answer";
  recovery.ask(machine, ({ operation, outcome }) => {
    heard = outcome.type === "ok" ? "" : `outcome ${outcome.type} of ${operation.name}`;
  });
  await recovery.runUntil(() => heard !== "no answer", answerMs);
  if (heard !== "") throw fail(recovery, "liveness", `${machine.id} does not serve: ${heard}`);
}

function compare<Machine extends StateMachine>(recovery: Recovery<Machine>): void {
  const { logs } = recovery.world.monitor;
  let first: { id: string; log: string; state: string } | undefined;
  for (const { id, process, options } of recovery.machines) {
    if (process === null) continue;
    if (logs.heldBy(id) < logs.committedIndex) {
      throw fail(recovery, "replicas-agree", `${id} does not hold all that was committed`);
    }
    const log = JSON.stringify(process.disk.written.log);
    const state = options.dump(process.stateMachine);
    first ??= { id, log, state };
    if (log !== first.log) throw fail(recovery, "replicas-agree", `the logs of ${first.id} and ${id} differ`);
    if (state !== first.state) {
      throw fail(recovery, "replicas-agree", `${first.id} holds ${first.state}, ${id} ${state}`);
    }
  }
}

async function stop<Machine extends StateMachine>(recovery: Recovery<Machine>): Promise<void> {
  const running = recovery.machines.filter(({ process }) => process !== null);
  for (const machine of running) {
    machine.onExit = () => {};
    machine.stop();
  }
  if (await recovery.runUntil(() => running.every(({ process }) => process === null), stopMs)) return;
  throw fail(recovery, "liveness", `not all nodes stopped within ${stopMs} ms`);
}

/** What nodes have stored of the same log is the same, in every table that follows from it. */
function compareStored<Machine extends StateMachine>(recovery: Recovery<Machine>): void {
  const byApplied = new Map<number, { id: string; tables: string }>();
  for (const machine of recovery.machines) {
    const { applied, tables } = machine.stored();
    const other = byApplied.get(applied);
    if (other === undefined) byApplied.set(applied, { id: machine.id, tables });
    else if (other.tables !== tables) {
      const both = `${other.id} has stored ${other.tables}, ${machine.id} ${tables}`;
      throw fail(recovery, "replicas-agree", `after entry ${applied}: ${both}`);
    }
  }
}

function statuses<Machine extends StateMachine>({ machines }: Recovery<Machine>): (NodeStatus | null)[] {
  return machines.flatMap(({ process, node }) => (process === null ? [] : [node?.status(0) ?? null]));
}

function hasLeader(all: readonly (NodeStatus | null)[]): boolean {
  const leader = all.find((status) => status?.state === "Leader");
  return (
    leader != null &&
    all.every(
      (status) =>
        status?.leader === leader.node && status.term === leader.term && status.raft.problem === null,
    )
  );
}

function isSettled(all: readonly (NodeStatus | null)[]): boolean {
  const last = all[0]?.raft.lastIndex;
  return (
    hasLeader(all) &&
    all.every(
      (status) =>
        status?.raft.lastIndex === last &&
        status?.raft.commitIndex === last &&
        status?.raft.appliedIndex === last &&
        status?.raft.durableIndex === last,
    )
  );
}

/** How far the one that is furthest behind has come; -1 while one is starting. */
function leastApplied(all: readonly (NodeStatus | null)[]): number {
  return Math.min(...all.map((status) => status?.raft.appliedIndex ?? -1));
}

function describe(all: readonly (NodeStatus | null)[]): string {
  return all
    .map((status) => {
      if (status === null) return "one is starting";
      const { node, state, term, leader, raft } = status;
      const indexes = `${raft.lastIndex}/${raft.durableIndex}/${raft.commitIndex}/${raft.appliedIndex}`;
      return `${node} ${state} term ${term} leader ${leader} log ${indexes}${raft.problem ? ` (${raft.problem})` : ""}`;
    })
    .join("; ");
}

function fail<Machine extends StateMachine>(
  { world }: Recovery<Machine>,
  invariant: "liveness" | "replicas-agree",
  detail: string,
): Violation {
  return new Violation(invariant, detail, world.scheduler.now);
}
