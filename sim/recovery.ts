import type { NodeStatus } from "../shared/node/api.ts";
import type { RaftNode } from "../shared/node/node.ts";
import type { StateMachine } from "../shared/node/state-machine.ts";
import { TEXT_SCHEMA } from "../shared/storage/entry.ts";
import { Violation } from "./invariants/violation.ts";
import type { SimulatedMachine, World } from "./machine.ts";

/** When faults have ended a cluster must come to itself, and serve (liveness). */

export interface Steps<Machine extends StateMachine> {
  readonly machines: readonly SimulatedMachine<Machine>[];
  readonly world: World;
  /** Lets time go on until something is so; resolves with false when it is not in time. */
  readonly runUntil: (isDone: () => boolean, withinMs: number) => Promise<boolean>;
}

/** Virtual milliseconds from the end of the faults until all nodes follow one leader. */
const recoveryMs = 10_000;
/** From the last request until all logs are equal and applied. */
const agreementMs = 5000;
const stopMs = 4000;

/** All nodes find one leader. */
export async function checkRecovery<Machine extends StateMachine>(steps: Steps<Machine>): Promise<void> {
  const isWell = () => hasLeader(statuses(steps));
  if (await steps.runUntil(isWell, recoveryMs)) return;
  throw fail(steps, "liveness", `no leader of all after ${recoveryMs} ms: ${describe(statuses(steps))}`);
}

/** The clients have stopped: the nodes agree, serve once more each, agree again, hold the same, and stop. */
export async function finish<Machine extends StateMachine>(steps: Steps<Machine>): Promise<void> {
  await agree(steps);
  for (const { node } of steps.machines) if (node !== null) await serve(steps, node);
  await agree(steps);
  compare(steps);
  await stop(steps);
}

async function agree<Machine extends StateMachine>(steps: Steps<Machine>): Promise<void> {
  if (await steps.runUntil(() => isSettled(statuses(steps)), agreementMs)) return;
  throw fail(steps, "liveness", `the nodes differ after ${agreementMs} ms: ${describe(statuses(steps))}`);
}

async function serve<Machine extends StateMachine>(steps: Steps<Machine>, node: RaftNode): Promise<void> {
  let ended = "no answer";
  const options = { timeoutMs: 5000, forward: true };
  node
    .execute(TEXT_SCHEMA, new TextEncoder().encode(`SET probe=${node.id}`), options)
    .then(() => node.read(options))
    .then(
      () => {
        ended = "";
      },
      (error: unknown) => {
        ended = String(error);
      },
    );
  if (await steps.runUntil(() => ended === "", 2 * options.timeoutMs)) return;
  throw fail(steps, "liveness", `${node.id} does not serve: ${ended}`);
}

function compare<Machine extends StateMachine>(steps: Steps<Machine>): void {
  const [first, ...others] = steps.machines.flatMap(({ process, options }) =>
    process === null
      ? []
      : [
          {
            id: options.id,
            log: JSON.stringify(process.disk.written.log),
            state: options.dump(process.stateMachine),
          },
        ],
  );
  for (const other of others) {
    if (other.log !== first?.log)
      throw fail(steps, "replicas-agree", `the logs of ${first?.id} and ${other.id} differ`);
    if (other.state !== first.state) {
      throw fail(steps, "replicas-agree", `${first.id} holds ${first.state}, ${other.id} ${other.state}`);
    }
  }
}

async function stop<Machine extends StateMachine>(steps: Steps<Machine>): Promise<void> {
  const exited = new Set<string>();
  const running = steps.machines.filter(({ process }) => process !== null);
  for (const machine of running) {
    machine.onExit = (why) => {
      if (why === "stopped") exited.add(machine.id);
    };
    machine.stop();
  }
  if (await steps.runUntil(() => exited.size === running.length, stopMs)) return;
  throw fail(steps, "liveness", `only ${[...exited].join(" ")} stopped when told to`);
}

function statuses<Machine extends StateMachine>({ machines }: Steps<Machine>): (NodeStatus | null)[] {
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
  { world }: Steps<Machine>,
  invariant: "liveness" | "replicas-agree",
  detail: string,
): Violation {
  return new Violation(invariant, detail, world.scheduler.now);
}
