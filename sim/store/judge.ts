import type { Refutation } from "../linearizability.ts";
import { refute } from "../linearizability.ts";
import { refuteAnswers } from "./answers.ts";
import type { StoreCall } from "./call.ts";
import { describeCall, isAnsweredRead } from "./call.ts";
import { Directory } from "./directory.ts";
import { objectsOf } from "./objects.ts";
import type { StoreAnswer } from "./operation.ts";
import { refuteOrder } from "./order.ts";
import type { PreparedInput } from "./prepared.ts";
import { Revisions } from "./revisions.ts";

/**
 * Why what clients saw of the key-value store could not have happened one operation at a time; null when it could.
 * Keys that no operation ties together are judged apart, all others as one object: what is listed under a prefix was
 * there at one moment. Indexes must fit: one for each change, in the order in which changes and reads follow each other.
 */
export function judgeStore(calls: readonly StoreCall[]): string | null {
  const bare = refuteAnswers(calls);
  if (bare !== null) return bare;
  const revisions = new Revisions(calls);
  if (revisions.refutation !== null) return revisions.refutation;
  return refuteOrder(calls, revisions) ?? refuteObjects(calls, revisions);
}

function refuteObjects(calls: readonly StoreCall[], revisions: Revisions): string | null {
  for (const object of objectsOf(calls)) {
    const judged = object.calls.filter(
      ({ operation, answer }) => answer !== null || operation.type === "write",
    );
    const directory = new Directory({ ...object, calls: judged }, revisions);
    const refutation = refute(directory, directory.calls);
    if (refutation === null) continue;
    const { states, isExhaustive } = refutation;
    const call = judged[directory.calls.indexOf(refutation.call)] as StoreCall;
    const held = states.map((state) => directory.describe(state)).join(" or ");
    const witness = isAnsweredRead(call) ? undefined : witnessAgainst(call, refutation, judged, directory);
    const but = witness === undefined ? "" : `; but ${describeCall(witness)}`;
    const doubt = isExhaustive ? "" : " (of too many possible orders not all were tried)";
    return `${describeCall(call)} when there was ${held}${but}${doubt}`;
  }
  return null;
}

/** What was answered later as if this call had not been, or could only be answered before it. */
function witnessAgainst(
  call: StoreCall,
  { call: { after = [] }, states }: Refutation<PreparedInput, StoreAnswer>,
  calls: readonly StoreCall[],
  directory: Directory,
): StoreCall | undefined {
  const isAgainst = (other: StoreCall, at: number) => {
    if (other.invokedAt > call.endedAt && directory.findsAgain(states, other)) return true;
    return after.includes(at) && other.endedAt > call.endedAt;
  };
  return calls.find(isAgainst);
}
