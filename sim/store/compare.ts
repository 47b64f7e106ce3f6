import type { CommittedLog } from "../committed-log.ts";
import type { HistoryRecord } from "../history.ts";
import type { KeyValueOperation, Shown } from "./node-operation.ts";
import type { ReadOperation } from "./operation.ts";
import { ReferenceStore } from "./reference.ts";

type Record = HistoryRecord<KeyValueOperation>;

/** A wait that is due is answered in the same turn of the node's loop; nothing takes virtual time in between. */
const promptlyMs = 50;

/**
 * Holds every answer against the committed log, of which clients know nothing: a command gives what a store must give
 * at its index, a read shows exactly what there was at its own, no older than what was committed when it was asked for,
 * and no change goes by a watch. Returns what does not fit; null when all does.
 */
export function compareWithLog(history: readonly Record[], log: CommittedLog): string | null {
  const reference = new ReferenceStore();
  const results = new Map(log.commands.map((command) => [command.index, reference.apply(command)]));
  for (const record of history) {
    const { outcome, operation } = record;
    if (outcome.type !== "ok") continue;
    const { on } = operation;
    const wrong =
      on.type === "write"
        ? differs(outcome.result, results.get(outcome.index ?? 0))
        : (misread(record, on, outcome.result as Shown, reference) ?? skipped(record, on, log, reference));
    if (wrong !== null) return `${operation.name} of client ${record.client} at ${record.node} ${wrong}`;
  }
  return null;
}

function misread(record: Record, on: ReadOperation, shown: Shown, reference: ReferenceStore): string | null {
  const { committedBefore, committedAfter } = record;
  const oldest = on.mode.type === "local" ? 1 : indexAt(committedBefore);
  const newest = indexAt(committedAfter);
  if (shown.index < oldest) return `was answered as of ${shown.index}, when ${oldest} was committed before`;
  if (shown.index > newest)
    return `was answered as of ${shown.index}, when nothing beyond ${newest} was committed`;
  return differs(shown.items, reference.at(on.target, shown.index));

  function indexAt(committed: number): number {
    return Math.max(1, reference.lastChange(committed));
  }
}

/** A change that the node had applied, and was asked for, did not end the wait. */
function skipped(
  { held, node, run }: Record,
  { target, mode }: ReadOperation,
  log: CommittedLog,
  reference: ReferenceStore,
): string | null {
  if (held === null || mode.type !== "blocking") return null;
  const change = reference.nextChange(target, mode.after);
  const dueMs = Math.max(held.fromMs, log.appliedMs(node, run, change));
  if (held.toMs <= dueMs + promptlyMs) return null;
  return `was held back ${(held.toMs - dueMs).toFixed(1)} ms after change ${change} had been applied there`;
}

function differs(told: unknown, is: unknown): string | null {
  const [one, other] = [JSON.stringify(told), JSON.stringify(is)];
  return one === other ? null : `was answered with ${one}, where the committed log has ${other}`;
}
