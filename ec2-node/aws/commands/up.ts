import { RaftLiteError } from "../../../shared/errors.ts";
import { CHANGED_MEANWHILE } from "../apply/identity.ts";
import { isOpenToAll, readCidrs } from "../client-cidr.ts";
import { discover } from "../discover.ts";
import { ROOT_GB } from "../image.ts";
import type { ClusterRecord, Found } from "../model.ts";
import { planUp, refuseLostData } from "../plan.ts";
import { preflight } from "../preflight.ts";
import { costLines, estimateCost } from "../prices.ts";
import type { CommonOptions } from "../session.ts";
import { Session } from "../session.ts";
import { shortHash, stepText } from "../step-text.ts";
import type { Plan } from "../steps.ts";
import type { Tools } from "../tools.ts";
import type { Wishes } from "../wanted.ts";
import { recordOfExisting, recordOfNew } from "../wanted.ts";
import { awaitHealth, describeNodes, nodeLines } from "./ready.ts";

export interface UpOptions extends CommonOptions {
  readonly wishes: Wishes;
  /** `auto`, blocks of addresses, or undefined: whoever is let in now, and for a new cluster `auto`. */
  readonly clientCidr: string | undefined;
  readonly dryRun: boolean;
  readonly yes: boolean;
  readonly waitSeconds: number;
}

/** How often a plan is made anew because somebody else changed the cluster meanwhile. */
const PLANS = 3;

/** `raft-lite ec2 up`: brings about what is missing of a cluster, and waits until it is of use. */
export function up(options: UpOptions, tools: Tools): Promise<number> {
  // What is typed wrongly is said before AWS is asked anything.
  if (options.clientCidr !== undefined && options.clientCidr !== "auto") readCidrs(options.clientCidr);
  return Session.run(options, tools, async (session) => {
    for (let attempt = 1; ; attempt++) {
      try {
        return await bringUp(session, options);
      } catch (error) {
        const changed = error instanceof RaftLiteError && error.code === CHANGED_MEANWHILE;
        if (!changed || attempt === PLANS) throw error;
      }
    }
  });
}

async function bringUp(session: Session, options: UpOptions): Promise<number> {
  const { account, tools } = session;
  const found = await session.look();
  const local = await session.progress.task("make the bundle", () => tools.loadBundle());
  const record = await decideRecord(session, options, found, local);
  const work = session.workOn(found);
  const clientCidrs = await decideClients(session, options, found);
  const plan = planUp({ record, clientCidrs, rolePolicy: work.rolePolicy }, found);
  for (const note of plan.notes) session.say(`note: ${note}`);
  if (record.bundle.sha256 !== local.sha256) {
    session.say(
      `note: the nodes run ${record.bundle.version} (${shortHash(record.bundle.sha256)}), and this is ${local.version} (${shortHash(local.sha256)}): ` +
        `\`${session.commandLine("update")}\` brings it to them`,
    );
  }
  if (plan.steps.length === 0) return nothingToDo(session, record, found);
  await preflight(account, record, found);
  showPlan(session, record, plan);
  if (clientCidrs !== null && isOpenToAll(clientCidrs)) {
    session.say(
      "note: the clients' port will be open to everybody, and whoever reaches it can read and write",
    );
  }
  if (options.dryRun) {
    session.document({ ...summary(session, plan), dryRun: true, estimate: estimateOf(record) });
    return 0;
  }
  if (!(await session.mayGoOn(`Carry out these ${plan.steps.length} steps?`, options.yes))) return 1;
  await session.apply(
    work,
    plan.steps,
    `\`${session.commandLine("up")}\` goes on from there, \`${session.commandLine("destroy")}\` takes it away.`,
  );
  return finish(session, options, plan, await discover(account));
}

async function decideRecord(
  session: Session,
  { wishes }: UpOptions,
  found: Found,
  local: ClusterRecord["bundle"],
): Promise<ClusterRecord> {
  const { account, tools } = session;
  const bundle = { sha256: local.sha256, version: local.version };
  if (found.record === null) return recordOfNew(account, wishes, found, bundle, tools.wallTime());
  const record = recordOfExisting(found.record, wishes, account.cluster);
  // An earlier run died before its bundle was in the bucket: nobody runs it yet, so it may as well be this one.
  const isLost = !found.bucket?.bundles.includes(record.bundle.sha256) && found.instances.length === 0;
  return isLost ? { ...record, bundle } : record;
}

async function decideClients(
  session: Session,
  { clientCidr }: UpOptions,
  { group }: Found,
): Promise<readonly string[] | null> {
  if (clientCidr !== undefined && clientCidr !== "auto") return readCidrs(clientCidr);
  const isSet = group?.rules.some(({ kind }) => kind === "clients") ?? false;
  if (clientCidr === undefined && isSet) return null;
  return [await session.progress.task("find your own address", () => session.tools.operatorCidr())];
}

function showPlan(session: Session, record: ClusterRecord, plan: Plan): void {
  const { account } = session;
  session.say(`Cluster ${account.cluster} in ${account.region}, account ${account.id}:`);
  for (const { id, zone } of record.nodes) session.say(`    ${id} in ${zone}, ${record.instanceType}`);
  session.say("Steps:");
  session.show(plan.steps);
  for (const line of costLines(estimateOf(record), account.region)) session.say(line);
}

function estimateOf(record: ClusterRecord): ReturnType<typeof estimateCost> {
  const nodes = record.nodes.length;
  return estimateCost({
    nodes,
    instanceType: record.instanceType,
    rootGb: ROOT_GB,
    dataGb: record.dataGb,
    publicAddresses: record.isPrivate ? 0 : nodes,
  });
}

function summary({ account }: Session, plan: Plan): object {
  return {
    cluster: account.cluster,
    region: account.region,
    account: account.id,
    steps: plan.steps.map((step) => ({ kind: step.kind, ...stepText(step, account.names) })),
    notes: plan.notes,
  };
}

function nothingToDo(session: Session, record: ClusterRecord, found: Found): number {
  for (const line of nodeLines(record, found)) session.say(line);
  session.document({
    ...summary(session, { steps: [], notes: [], lost: [] }),
    nodes: describeNodes(record, found),
  });
  session.say("nothing to do");
  return 0;
}

async function finish(session: Session, options: UpOptions, plan: Plan, found: Found): Promise<number> {
  const { record } = found;
  if (record === null)
    throw new RaftLiteError(
      "record-missing",
      "the cluster's record has gone meanwhile: somebody destroys it",
    );
  const ids = record.nodes.map(({ id }) => id).filter((id) => !plan.lost.includes(id));
  for (const line of nodeLines(record, found)) session.say(line);
  const ready = await awaitHealth(session, record, found, ids, options.waitSeconds);
  const [first] = describeNodes(record, found);
  session.say("");
  session.say(`curl -X POST ${first?.url}/command -d '{"cmd":"SET x=5"}'`);
  session.say(
    ready === null
      ? `Not waited for: \`${session.commandLine("status")}\` says when the nodes have found a leader.`
      : `\`${session.commandLine("status")}\` shows how it goes on, \`${session.commandLine("destroy")}\` takes it away.`,
  );
  session.document({ ...summary(session, plan), ready, nodes: describeNodes(record, found) });
  for (const node of plan.lost) refuseLostData(node, found);
  return 0;
}
