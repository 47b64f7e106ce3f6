import { isOpenToAll, readCidrs } from "../client-cidr.ts";
import { planAuthorize } from "../plan.ts";
import type { CommonOptions } from "../session.ts";
import { Session } from "../session.ts";
import { stepText } from "../step-text.ts";
import type { Tools } from "../tools.ts";

export interface AuthorizeOptions extends CommonOptions {
  /** `auto` or blocks of addresses. */
  readonly clientCidr: string;
  /** Beside those that are let in now. */
  readonly add: boolean;
}

/** `raft-lite ec2 authorize`: who may reach the clients' port from now on. */
export function authorize(options: AuthorizeOptions, tools: Tools): Promise<number> {
  if (options.clientCidr !== "auto") readCidrs(options.clientCidr);
  return Session.run(options, tools, async (session) => {
    const { found } = await session.existing();
    const cidrs =
      options.clientCidr === "auto"
        ? [await session.progress.task("find your own address", () => tools.operatorCidr())]
        : readCidrs(options.clientCidr);
    if (isOpenToAll(cidrs)) {
      session.say(
        "note: the clients' port will be open to everybody, and whoever reaches it can read and write",
      );
    }
    const steps = planAuthorize(cidrs, options.add, found);
    await session.apply(session.workOn(found), steps, "Run the same line again.");
    if (steps.length === 0) session.say("nothing to do");
    session.document({
      cluster: session.account.cluster,
      clientCidrs: cidrs,
      steps: steps.map((step) => ({ kind: step.kind, ...stepText(step, session.account.names) })),
    });
    return 0;
  });
}
