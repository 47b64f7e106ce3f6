import { RaftLiteError } from "../../../shared/errors.ts";
import { printable } from "../../../shared/printable.ts";
import { setTag } from "../apply/instances.ts";
import type { Work } from "../apply/work.ts";
import type { ClusterHealth, NodeHealth } from "../health.ts";
import { askCluster, isCaughtUp } from "../health.ts";
import type { BundleName, ClusterRecord, Found, FoundInstance } from "../model.ts";
import type { NodeId } from "../names.ts";
import { BUNDLE_TAG, bundleKey } from "../names.ts";
import { poll } from "../pace.ts";
import { instanceOf } from "../plan.ts";
import { runRemotely } from "../remote.ts";
import type { CommonOptions } from "../session.ts";
import { Session } from "../session.ts";
import { shortHash } from "../step-text.ts";
import type { Step } from "../steps.ts";
import type { Tools } from "../tools.ts";
import { installLine } from "../user-data.ts";
import { awaitHealth } from "./ready.ts";

export interface UpdateOptions extends CommonOptions {
  readonly rollback: boolean;
  readonly yes: boolean;
  /** For each node. */
  readonly waitSeconds: number;
}

/** Node from the distribution may have to be installed. */
const INSTALL_WITHIN_SECONDS = 300;
/** The node before may be only just back, where nobody waited for it. */
const OTHERS_WITHIN_MS = 30_000;

/** `raft-lite ec2 update`: the nodes get this version one after the other, the leader last. Stops at the first failure. */
export function update(options: UpdateOptions, tools: Tools): Promise<number> {
  return Session.run(options, tools, async (session) => {
    const { found, record } = await session.existing();
    const wanted = options.rollback ? rolledBack(record) : await updated(session, record, found);
    const outdated = record.nodes
      .map(({ id }) => id)
      .filter((id) => instanceOf(found, id)?.bundle !== wanted.bundle.sha256);
    const steps = preparation(record, wanted, found);
    if (outdated.length === 0 && steps.length === 0) {
      session.say("nothing to do");
      session.document({ cluster: session.account.cluster, bundle: wanted.bundle, updated: [] });
      return 0;
    }
    const health = await session.progress.task("ask the nodes", () =>
      askCluster(session.account, record, found, tools),
    );
    const order = leaderLast(outdated, health);
    requireInstances(order, found);
    session.say(
      `${wanted.bundle.version} (${shortHash(wanted.bundle.sha256)}) for ${order.join(", then ")}` +
        `${order.length > 1 ? "; whoever leads hands over before it stops" : ""}:`,
    );
    session.show(steps);
    if (!(await session.mayGoOn(`Update ${order.length} of ${record.nodes.length} nodes?`, options.yes)))
      return 1;
    const work = session.workOn(found);
    await session.apply(work, steps, `\`${session.commandLine("update")}\` goes on from there.`);
    const done: NodeId[] = [];
    for (const id of order) {
      try {
        await updateNode(session, work, wanted, id, options.waitSeconds);
      } catch (error) {
        throw stopped(session, id, done, error);
      }
      done.push(id);
    }
    session.say(
      `${done.length === 1 ? "It runs" : "They run"} ${wanted.bundle.version} (${shortHash(wanted.bundle.sha256)}).`,
    );
    session.document({ cluster: session.account.cluster, bundle: wanted.bundle, updated: done });
    return 0;
  });
}

async function updated(session: Session, record: ClusterRecord, found: Found): Promise<ClusterRecord> {
  const { sha256, version } = await session.progress.task("make the bundle", () =>
    session.tools.loadBundle(),
  );
  if (sha256 === record.bundle.sha256) return record;
  const previousBundle = bundleBefore(record, found, sha256);
  return { ...record, bundle: { sha256, version }, previousBundle, isRolledBack: false };
}

/** What to go back to: what most nodes run, and not a version that stopped at the first of them. */
function bundleBefore(
  { nodes, bundle, previousBundle }: ClusterRecord,
  found: Found,
  next: string,
): BundleName {
  if (previousBundle === null || previousBundle.sha256 === next) return bundle;
  const running = ({ sha256 }: BundleName): number =>
    nodes.filter(({ id }) => instanceOf(found, id)?.bundle === sha256).length;
  return running(previousBundle) > running(bundle) ? previousBundle : bundle;
}

function rolledBack(record: ClusterRecord): ClusterRecord {
  if (record.isRolledBack) return record;
  if (record.previousBundle === null) {
    throw new RaftLiteError(
      "nothing-before",
      "there is nothing to go back to: the cluster has not been updated yet",
    );
  }
  return { ...record, bundle: record.previousBundle, previousBundle: record.bundle, isRolledBack: true };
}

/** The bundle goes into the bucket before the record says that it is to be run. */
function preparation(record: ClusterRecord, wanted: ClusterRecord, found: Found): Step[] {
  const steps: Step[] = [];
  if (!found.bucket?.bundles.includes(wanted.bundle.sha256)) {
    steps.push({ kind: "upload-bundle", bundle: wanted.bundle });
  }
  if (wanted !== record) steps.push({ kind: "write-record", record: wanted, isNew: false });
  return steps;
}

/** Those that are down come first: nobody loses them, and a version that crashes is mended by the next. */
function leaderLast(nodes: readonly NodeId[], { nodes: health, view }: ClusterHealth): NodeId[] {
  const rank = (id: NodeId): number => {
    if (id === view.leader?.node) return 2;
    return health.some((node) => node.id === id && node.status === null) ? 0 : 1;
  };
  return nodes.toSorted((a, b) => rank(a) - rank(b));
}

function requireInstances(nodes: readonly NodeId[], found: Found): void {
  for (const id of nodes) {
    if (instanceOf(found, id)?.state === "running") continue;
    throw new RaftLiteError(
      "node-incomplete",
      `${id} has no running instance: run \`raft-lite ec2 up\` first`,
    );
  }
}

async function updateNode(
  session: Session,
  work: Work,
  wanted: ClusterRecord,
  id: NodeId,
  waitSeconds: number,
): Promise<void> {
  const { progress } = session;
  const instance = instanceOf(work.found, id) as FoundInstance;
  await progress.task(`~ ${wanted.bundle.version} on ${id}`, async (note) => {
    note("ask the others");
    await requireOthers(session, wanted, work.found, id);
    note("install");
    await install(session, instance.id, wanted.bundle);
    await setTag(work, instance.id, BUNDLE_TAG, wanted.bundle.sha256);
  });
  await awaitHealth(session, wanted, work.found, [id], waitSeconds);
}

/** Never two down: whoever is to be stopped must be one that the others can do without. */
async function requireOthers(
  { account, tools }: Session,
  record: ClusterRecord,
  found: Found,
  id: NodeId,
): Promise<void> {
  let behind: readonly NodeHealth[] = [];
  const areReady = await poll(
    tools.pace,
    async () => {
      const { nodes } = await askCluster(account, record, found, tools);
      const isBlind = nodes.every(({ status }) => status === null);
      behind = isBlind ? [] : nodes.filter((other) => other.id !== id && !isCaughtUp(other));
      return behind.length === 0 || undefined;
    },
    { withinMs: OTHERS_WITHIN_MS },
  );
  if (areReady) return;
  throw new RaftLiteError(
    "others-not-ready",
    `${behind.map((other) => `${other.id} ${other.reason || "is behind"}`).join(", ")}, and never two nodes are to be down`,
  );
}

async function install(session: Session, instanceId: string, bundle: BundleName): Promise<void> {
  const { account } = session;
  const where = { bucket: account.names.bucket, key: bundleKey(bundle.sha256), sha256: bundle.sha256 };
  const result = await runRemotely(account, instanceId, {
    lines: [installLine(where, account.region)],
    comment: `raft-lite ${bundle.version}`,
    withinSeconds: INSTALL_WITHIN_SECONDS,
  });
  if (result.status === "Success") return;
  const said = [...lines(result.stdout), ...lines(result.stderr)].slice(-5);
  for (const line of said) session.say(`    ${printable(line)}`);
  throw new RaftLiteError(
    "install-failed",
    `${result.status}: ${printable(said.at(-1) ?? "it said nothing")}`,
  );
}

function lines(text: string): string[] {
  return text.split(/\r?\n/).filter((line) => line.trim() !== "");
}

function stopped(session: Session, id: NodeId, done: readonly NodeId[], error: unknown): RaftLiteError {
  const message = error instanceof Error ? error.message : String(error);
  const before = done.length === 0 ? "no node was changed before it" : `${done.join(", ")} had been updated`;
  return new RaftLiteError(
    "update-stopped",
    `stopped at ${id} (${before}): ${message}. \`${session.commandLine("update")}\` goes on with it, ` +
      `\`${session.commandLine("update --rollback")}\` goes back`,
    { cause: error },
  );
}
