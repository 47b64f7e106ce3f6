import { RaftLiteError } from "../shared/errors.ts";
import type { RequestOptions } from "../shared/node/api.ts";
import type { RaftNode } from "../shared/node/node.ts";
import type { StateMachine } from "../shared/node/state-machine.ts";
import type { HistoryRecord, Operation, Outcome, ReadingNode } from "./history.ts";
import type { OriginName } from "./invariants/effects.ts";
import type { SimulatedMachine } from "./machine.ts";
import type { Monitor } from "./monitor.ts";
import type { World } from "./world.ts";

type ReadOperation<Machine extends StateMachine> = Operation<Machine> & { readonly type: "read" };
type CommandOperation = Operation<never> & { readonly type: "command" };

/**
 * Carries one operation to a machine and runs it there as the HTTP routes do. `answer` hears how it ended: not at all
 * when the machine is silent, more than once when a process ends that has answered already. What the node says of its
 * commands is held against what became of them.
 */
export function callMachine<Machine extends StateMachine>(
  { monitor, scheduler }: World,
  machine: SimulatedMachine<Machine>,
  record: HistoryRecord<Operation<Machine>>,
  options: RequestOptions,
  answer: (outcome: Outcome) => void,
): void {
  const { process } = machine;
  const { operation } = record;
  if (machine.port === "closed") answer({ type: "none" });
  if (process === null) return;
  record.run = monitor.log.runOf(machine.id);
  process.onEnd.add(() => answer({ type: "unknown" }));
  process.deliver(() => {
    const { node, stateMachine } = process;
    if (node === null) {
      answer({ type: "none" });
      return;
    }
    let origin: OriginName | null = null;
    carryOut(node, operation).then(
      (outcome) => answer(outcome),
      (error: unknown) => answer(outcomeOf(error, monitor, machine.id, origin)),
    );

    async function carryOut(node: RaftNode, operation: Operation<Machine>): Promise<Outcome> {
      if (operation.type === "command") return await execute(node, operation);
      await settle(node, operation);
      return { type: "ok", result: operation.read(stateMachine), index: null };
    }

    async function settle(node: RaftNode, operation: ReadOperation<Machine>): Promise<void> {
      let fromMs = scheduler.now;
      const reading: ReadingNode = {
        async read(readOptions) {
          const point = await node.read(readOptions);
          fromMs = scheduler.now;
          return point;
        },
        wait: (subscribe, waitOptions) => node.wait(subscribe, waitOptions),
      };
      await (operation.settle?.(reading, stateMachine, options) ?? reading.read(options));
      record.held = { fromMs, toMs: scheduler.now };
    }

    async function execute(node: RaftNode, operation: CommandOperation): Promise<Outcome> {
      const before = commandsTaken(node).sequence;
      const outcome = node.execute(operation.schema, operation.bytes, options);
      const taken = commandsTaken(node);
      // A node counts its commands: the count is the sequence of the newest.
      if (taken.sequence > before) origin = { node: machine.id, ...taken };
      const { index, result } = await outcome;
      if (origin !== null) monitor.effects.answered(origin, index, result);
      return { type: "ok", result, index };
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
