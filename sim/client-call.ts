import { RaftLiteError } from "../shared/errors.ts";
import type { RequestOptions } from "../shared/node/api.ts";
import type { RaftNode } from "../shared/node/node.ts";
import type { StateMachine } from "../shared/node/state-machine.ts";
import type { Operation, Outcome } from "./history.ts";
import type { OriginName } from "./invariants/effects.ts";
import type { SimulatedMachine } from "./machine.ts";
import type { Monitor } from "./monitor.ts";
import type { World } from "./world.ts";

/**
 * Carries one operation to a machine and runs it there as the HTTP routes do. `answer` hears how it ended: not at all
 * when the machine is silent, more than once when a process ends that has answered already. What the node says of its
 * commands is held against what became of them.
 */
export function callMachine<Machine extends StateMachine>(
  { monitor }: World,
  machine: SimulatedMachine<Machine>,
  operation: Operation<Machine>,
  options: RequestOptions,
  answer: (outcome: Outcome) => void,
): void {
  const { process } = machine;
  if (machine.port === "closed") answer({ type: "none" });
  if (process === null) return;
  process.onEnd.add(() => answer({ type: "unknown" }));
  process.deliver(() => {
    const { node } = process;
    if (node === null) {
      answer({ type: "none" });
      return;
    }
    let origin: OriginName | null = null;
    const ended =
      operation.type === "read"
        ? node.read(options).then(() => operation.read(process.stateMachine))
        : execute();
    ended.then(
      (result) => answer({ type: "ok", result }),
      (error: unknown) => answer(outcomeOf(error, monitor, machine.id, origin)),
    );

    async function execute(): Promise<unknown> {
      if (operation.type === "read" || node === null) return;
      const before = commandsTaken(node).sequence;
      const outcome = node.execute(operation.schema, operation.bytes, options);
      const taken = commandsTaken(node);
      // A node counts its commands: the count is the sequence of the newest.
      if (taken.sequence > before) origin = { node: machine.id, ...taken };
      const { index, result } = await outcome;
      if (origin !== null) monitor.effects.answered(origin, index, result);
      return result;
    }
  });
}

/** As the HTTP routes tell it: 4xx is certain, and so is a 5xx that says so. */
function outcomeOf(error: unknown, monitor: Monitor, id: string, origin: OriginName | null): Outcome {
  if (!(error instanceof RaftLiteError)) {
    monitor.failed(id, error);
    return { type: "unknown" };
  }
  const isNone = error.status < 500 || error.details.outcome === "none";
  if (isNone && origin !== null) monitor.effects.refused(origin);
  return { type: isNone ? "none" : "unknown" };
}

function commandsTaken(node: RaftNode): { boot: number; sequence: number } {
  let boot = 0;
  let sequence = 0;
  for (const { name, value } of node.metrics()) {
    if (name === "boot") boot = value;
    if (name === "commands_total") sequence = value;
  }
  return { boot, sequence };
}
