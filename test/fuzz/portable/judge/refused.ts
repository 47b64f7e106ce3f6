import type { Fault } from "../expect/expectation.ts";
import type { NodePicture } from "../picture.ts";
import type { Reply } from "../request.ts";
import { demand, demandEqual } from "./finding.ts";
import { problemOf } from "./form.ts";

/** A refusal must be for something that is wrong with the request, and say it as the contract has it. */
export function judgeRefused(
  faults: readonly Fault[],
  reply: Reply,
  isHead: boolean,
  leader: NodePicture,
): void {
  const statuses = faults.map(({ status }) => status);
  demand(statuses.includes(reply.status), () => `status ${reply.status}, wanted ${describe(faults)}`);
  judgeHeaders(reply);
  if (isHead) return;
  const problem = problemOf(reply);
  const fits = faults.filter(({ status, code }) => status === problem.status && code === problem.code);
  demand(fits.length > 0, () => `${problem.code} ${problem.status}, wanted ${describe(faults)}`);
  const positions = fits.map(({ operation }) => operation);
  demand(
    positions.includes(problem.operation as number),
    () => `operation ${problem.operation} of ${describe(faults)}`,
  );
  if (problem.code === "unknown-route") demand(Array.isArray(problem.routes), () => "no list of routes");
  if (problem.code === "not-leader") {
    demandEqual([problem.error, problem.leader], ["Not leader", leader.id], "who leads");
    demand(URL.canParse(String(problem.leaderUrl)), () => `leaderUrl ${problem.leaderUrl}`);
  }
}

function judgeHeaders({ status, headers }: Reply): void {
  const needed = { 401: "www-authenticate", 405: "allow", 429: "retry-after" }[status];
  demand(needed === undefined || headers.has(needed), () => `status ${status} without ${needed}`);
}

function describe(faults: readonly Fault[]): string {
  return faults.map((one) => JSON.stringify(one)).join(" or ");
}
