import { discover } from "../discover.ts";
import type { Found } from "../model.ts";
import { CLUSTER_TAG } from "../names.ts";
import { poll } from "../pace.ts";
import { planDestroy } from "../plan.ts";
import type { CommonOptions } from "../session.ts";
import { Session } from "../session.ts";
import { stepText } from "../step-text.ts";
import type { Tools } from "../tools.ts";

const GONE_WITHIN_MS = 30_000;

export interface DestroyOptions extends CommonOptions {
  readonly deleteData: boolean;
  readonly yes: boolean;
}

/** `raft-lite ec2 destroy`: takes away all that carries the cluster's tag, but data volumes only where that is asked for. */
export function destroy(options: DestroyOptions, tools: Tools): Promise<number> {
  return Session.run(options, tools, async (session) => {
    const { account } = session;
    const found = await session.look();
    const steps = planDestroy(found, options.deleteData);
    if (steps.length > 0) {
      session.say(`Of the cluster ${account.cluster} in ${account.region}, account ${account.id}:`);
      session.show(steps);
      if (!options.deleteData && found.volumes.length > 0) {
        session.say(`    ${found.volumes.length} data volumes are kept (--delete-data takes them too)`);
      }
      if (!(await session.mayGoOn("Take all of this away?", options.yes))) return 1;
      await session.apply(
        session.workOn(found),
        steps,
        `\`${session.commandLine(options.deleteData ? "destroy --delete-data" : "destroy")}\` goes on from there.`,
      );
    }
    const left = await session.progress.task("look at what is left", () => lookAtRest(session, options));
    const volumes = left.volumes.map(({ id, node, zone, sizeGb }) => ({ id, node, zone, sizeGb }));
    const remaining = planDestroy(left, options.deleteData);
    for (const { id, node, zone, sizeGb } of options.deleteData ? [] : volumes) {
      session.say(
        `kept: data volume ${id} (${node ?? "of no node"}, ${sizeGb} GB, ${zone}); \`${session.commandLine("up")}\` takes it up again`,
      );
    }
    if (remaining.length > 0) session.show(remaining);
    session.say(
      conclusion(
        steps.length === 0,
        remaining.length,
        options.deleteData ? 0 : volumes.length,
        account.cluster,
      ),
    );
    session.document({
      cluster: account.cluster,
      region: account.region,
      steps: steps.map((step) => ({ kind: step.kind, ...stepText(step, account.names) })),
      kept: volumes,
      left: remaining.map((step) => ({ kind: step.kind, ...stepText(step, account.names) })),
    });
    return remaining.length === 0 ? 0 : 1;
  });
}

/** AWS may list for a while what it has deleted: looks again until nothing is left, or that takes too long. */
async function lookAtRest({ account }: Session, { deleteData }: DestroyOptions): Promise<Found> {
  let last = await discover(account);
  await poll(
    account.pace,
    async () => {
      if (planDestroy(last, deleteData).length === 0) return true;
      last = await discover(account);
      return undefined;
    },
    { withinMs: GONE_WITHIN_MS },
  );
  return last;
}

function conclusion(nothingWasThere: boolean, remaining: number, kept: number, cluster: string): string {
  const tag = `${CLUSTER_TAG}=${cluster}`;
  if (remaining > 0) return "The above is still there: run the same line again.";
  const left =
    kept > 0 ? `nothing tagged ${tag} is left but the data volumes` : `nothing tagged ${tag} is left`;
  return nothingWasThere ? `nothing to do: ${left}` : left;
}
