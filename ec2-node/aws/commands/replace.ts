import { usageError } from "../../../shared/config/usage-error.ts";
import { RaftLiteError } from "../../../shared/errors.ts";
import { discover } from "../discover.ts";
import type { ClusterHealth } from "../health.ts";
import { askCluster, isCaughtUp } from "../health.ts";
import type { ClusterRecord, Found } from "../model.ts";
import type { NodeId } from "../names.ts";
import { architectureOf, zonesOffering } from "../network.ts";
import { instanceOf, planReplace, planUp, refuseLostData } from "../plan.ts";
import { preflight } from "../preflight.ts";
import type { CommonOptions } from "../session.ts";
import { Session } from "../session.ts";
import { stepText } from "../step-text.ts";
import type { Step } from "../steps.ts";
import type { Tools } from "../tools.ts";
import { awaitHealth, nodeLines } from "./ready.ts";

export interface ReplaceOptions extends CommonOptions {
  readonly node: string;
  readonly instanceType: string | undefined;
  readonly yes: boolean;
  /** Also where the others have no majority without it. */
  readonly force: boolean;
  /** null: as long as is usual, and not at all where no node answered before either. */
  readonly waitSeconds: number | null;
}

const USUAL_WAIT_SECONDS = 300;

/** `raft-lite ec2 replace NODE`: a new instance with the node's addresses and data volume. */
export function replace(options: ReplaceOptions, tools: Tools): Promise<number> {
  return Session.run(options, tools, async (session) => {
    const { found, record: before } = await session.existing();
    const node = requireNode(options.node, before);
    const record = await withInstanceType(session, before, node, options.instanceType);
    const health = await session.progress.task("ask the nodes", () =>
      askCluster(session.account, before, found, tools),
    );
    judgeOthers(session, health, node, options.force);
    if (!options.force) refuseSecondReplacement(node, found);
    refuseLostData(node, found);
    const { rolePolicy } = session.workOn(found);
    const wanted = { record, clientCidrs: null, rolePolicy };
    // What the others lack is for `up`.
    const plan = (state: Found): Step[] =>
      planUp(wanted, state).steps.filter((step) => !("node" in step) || step.node === node);
    const ending = planReplace(node, found);
    // What `up` will have to do once the old instance is gone: refused now, if it must be, and not half way.
    const steps = [...ending, ...plan(without(found, node))];
    await preflight(session.account, record, without(found, node));
    session.say(
      `${node} gets a new instance (${record.instanceType}) with the same addresses and the same data volume:`,
    );
    session.show(steps);
    if (!(await session.mayGoOn(`Replace the instance of ${node}?`, options.yes))) return 1;
    const goOn = `\`${session.commandLine(`replace ${node}`)}\` goes on from there.`;
    const work = session.workOn(found);
    await session.apply(work, ending, goOn);
    await session.apply(work, plan(work.found), goOn);
    const after = await discover(session.account);
    for (const line of nodeLines(record, after)) session.say(line);
    const isBlind = health.nodes.every(({ status }) => status === null);
    const waitSeconds = options.waitSeconds ?? (isBlind ? 0 : USUAL_WAIT_SECONDS);
    const ready = await awaitHealth(session, record, after, [node], waitSeconds);
    if (ready === null)
      session.say(`Not waited for: \`${session.commandLine("status")}\` says when ${node} is back.`);
    session.document({
      cluster: session.account.cluster,
      node,
      instance: instanceOf(after, node)?.id ?? null,
      ready,
      steps: steps.map((step) => ({ kind: step.kind, ...stepText(step, session.account.names) })),
    });
    return 0;
  });
}

/** A node by its id, in either case. Throws a usage error with those there are. */
export function requireNode(text: string, { nodes }: ClusterRecord): NodeId {
  const found = nodes.find(({ id }) => id === text.toUpperCase());
  if (found !== undefined) return found.id;
  throw usageError(`"${text}" is no node of the cluster: it has ${nodes.map(({ id }) => id).join(", ")}`);
}

async function withInstanceType(
  session: Session,
  record: ClusterRecord,
  node: NodeId,
  instanceType: string | undefined,
): Promise<ClusterRecord> {
  if (instanceType === undefined || instanceType === record.instanceType) return record;
  const { account } = session;
  await architectureOf(account, instanceType);
  const zones = await zonesOffering(account, instanceType);
  const refused = record.nodes.filter(({ zone }) => !zones.has(zone));
  if (refused.length > 0) {
    throw new RaftLiteError(
      "instance-type-not-offered",
      `${instanceType} is not offered in ${refused.map(({ zone, id }) => `${zone} (${id})`).join(", ")}, where the cluster lives: take another --instance-type`,
    );
  }
  session.say(
    `note: the cluster's instance type becomes ${instanceType}; the others get it when they are replaced after ${node}`,
  );
  return { ...record, instanceType };
}

/** A node is given up only where the others can do without it. Where none answers, nobody can tell. */
function judgeOthers(session: Session, health: ClusterHealth, node: NodeId, force: boolean): void {
  const size = health.nodes.length;
  const answering = health.nodes.filter(({ status }) => status !== null);
  if (answering.length === 0) {
    session.say(
      "note: no node answers here, so it cannot be told whether the others have a majority meanwhile",
    );
    return;
  }
  const well = health.nodes.filter((other) => other.id !== node && isCaughtUp(other));
  if (well.length * 2 > size || force) return;
  const others = health.nodes.filter((other) => other.id !== node && !isCaughtUp(other));
  throw new RaftLiteError(
    "majority-in-danger",
    `without ${node} there is no majority: ${others.map(({ id, reason }) => `${id} ${reason || "is behind"}`).join(", ")}. ` +
      "Mend those first, or say --force",
  );
}

/** Two at once, by two people perhaps, would take a majority away. */
function refuseSecondReplacement(node: NodeId, { interfaces }: Found): void {
  const other = interfaces.find(
    (one) => one.node !== node && one.node !== null && one.replaced !== null,
  )?.node;
  if (other === undefined) return;
  throw new RaftLiteError(
    "replacement-under-way",
    `${other} is being replaced: wait for it, go on with \`raft-lite ec2 replace ${other}\` if that was interrupted, or say --force`,
  );
}

/** What is found once the node's instance is gone. */
function without(found: Found, node: NodeId): Found {
  const id = instanceOf(found, node)?.id;
  const freed = <T extends { readonly instanceId: string | null }>(one: T): T =>
    one.instanceId === id ? { ...one, instanceId: null } : one;
  return {
    ...found,
    instances: found.instances.filter((one) => one.id !== id),
    interfaces: found.interfaces.map(freed),
    volumes: found.volumes.map(freed),
  };
}
