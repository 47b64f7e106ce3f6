import type { StoreCall } from "./call.ts";
import { describeCall, isAnsweredRead, isWrite } from "./call.ts";
import type { Revisions } from "./revisions.ts";

/** A call, and where it stands among all changes. */
interface Placed {
  readonly call: StoreCall;
  readonly index: number;
}

/**
 * What indexes promise over all keys together: what begins after something was answered stands no lower than that. One
 * run of a node does not go back either, in what it shows of itself. Returns why the history breaks it; null when it
 * does not.
 */
export function refuteOrder(calls: readonly StoreCall[], revisions: Revisions): string | null {
  const placed: Placed[] = [];
  const byRun = new Map<string, Placed[]>();
  for (const call of calls) {
    const index = isWrite(call) ? revisions.of(call) : isAnsweredRead(call) ? call.answer.index : null;
    if (index === null) continue;
    if (!isLocal(call)) placed.push({ call, index });
    if (isWrite(call)) continue;
    const run = `${call.node} ${call.run}`;
    const reads = byRun.get(run) ?? [];
    byRun.set(run, reads);
    reads.push({ call, index });
  }
  for (const group of [placed, ...byRun.values()]) {
    const refutation = refuteRealTime(group);
    if (refutation !== null) return refutation;
  }
  return null;
}

function refuteRealTime(placed: readonly Placed[]): string | null {
  const moments = placed.flatMap((each) => [
    { each, position: each.call.invokedAt, isEnd: false },
    ...(each.call.answer === null ? [] : [{ each, position: each.call.endedAt, isEnd: true }]),
  ]);
  moments.sort((a, b) => a.position - b.position || Number(a.isEnd) - Number(b.isEnd));
  let newest: Placed | null = null;
  for (const { each, isEnd } of moments) {
    const { call, index } = each;
    if (isEnd) {
      if (newest === null || index > newest.index) newest = each;
    } else if (newest !== null && (index < newest.index || (isWrite(call) && index === newest.index))) {
      return `${describeCall(call)}: it stands at ${index} and began after ${describeCall(newest.call)}`;
    }
  }
  return null;
}

function isLocal({ operation }: StoreCall): boolean {
  return operation.type === "read" && operation.mode.type === "local";
}
