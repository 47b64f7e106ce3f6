import type { Expectation } from "../expect/expectation.ts";
import type { Reply } from "../request.ts";
import { problemOf } from "./form.ts";

/** A request that gives up sooner may find that a majority cannot be asked in that time. */
const SHORT_TIMEOUT_MS = 1000;

/** Whether this is the reply to a request that was in a hurry, and rightly so. */
export function isTimeout(expectation: Expectation, reply: Reply, isHead: boolean): boolean {
  const isHurried = "timeoutMs" in expectation && expectation.timeoutMs < SHORT_TIMEOUT_MS;
  if (reply.status !== 503 || !isHurried) return false;
  return isHead || ["timeout", "no-leader"].includes(problemOf(reply).code);
}
