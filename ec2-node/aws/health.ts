import type { ClusterView } from "../cli/cluster-view.ts";
import { judgeCluster } from "../cli/cluster-view.ts";
import type { NodeReport, ReportedStatus } from "../cli/node-report.ts";
import type { Account } from "./account.ts";
import type { ClusterRecord, Found } from "./model.ts";
import type { NodeId } from "./names.ts";
import { CLIENT_PORT } from "./names.ts";
import { addressesOf, instanceOf, interfaceOf } from "./plan.ts";
import { reportThroughInstance } from "./remote-report.ts";
import type { Tools } from "./tools.ts";

/** Entries behind the leader that a node may be and count as caught up: a cluster at work is never still. */
const CAUGHT_UP_LAG = 1_000;
const ASK_EVERY_MS = 2_000;

/** What one node said, or why it said nothing. */
export interface NodeHealth {
  readonly id: NodeId;
  /** null: it has no address. */
  readonly url: string | null;
  readonly status: ReportedStatus | null;
  readonly reason: string;
  /** Raft entries behind the leader; null: not known. */
  readonly lag: number | null;
}

export interface ClusterHealth {
  readonly nodes: readonly NodeHealth[];
  readonly view: ClusterView;
}

/** By what address clients reach a node from here; null: it has none. */
export function urlOf(record: ClusterRecord, found: Found, id: NodeId): string | null {
  const address = record.isPrivate
    ? interfaceOf(found, id)?.privateAddress
    : addressesOf(found, id).address?.address;
  return address === undefined ? null : `http://${address}:${CLIENT_PORT}`;
}

/** Asks all nodes at once. */
export async function askCluster(
  account: Account,
  record: ClusterRecord,
  found: Found,
  tools: Tools,
): Promise<ClusterHealth> {
  const reports = await Promise.all(
    record.nodes.map(async ({ id }) => {
      const url = urlOf(record, found, id);
      const report = await askNode(account, record, found, tools, id, url);
      return { id, url, report };
    }),
  );
  const view = judgeCluster(reports.map(({ report }) => report));
  const nodes = reports.map(({ id, url, report }): NodeHealth => {
    const { status } = report;
    if (status === null) return { id, url, status: null, reason: report.reason, lag: null };
    if (status.node !== id) {
      return { id, url, status: null, reason: `answers as ${status.node}, another node`, lag: null };
    }
    return { id, url, status, reason: status.problem ?? "", lag: lagOf(status, view.leader) };
  });
  return { nodes, view };
}

async function askNode(
  account: Account,
  record: ClusterRecord,
  found: Found,
  tools: Tools,
  id: NodeId,
  url: string | null,
): Promise<NodeReport> {
  if (url === null) return { url: "", status: null, reason: "has no address" };
  const report = await tools.report(url);
  const instance = instanceOf(found, id);
  // Whoever is not in the same network can still ask by way of AWS.
  if (report.status !== null || !record.isPrivate || instance?.state !== "running") return report;
  return reportThroughInstance(account, instance.id, url);
}

function lagOf(status: ReportedStatus, leader: ReportedStatus | null): number | null {
  if (status.quiet) return 0;
  if (leader === null) return null;
  if (leader.node === status.node) return 0;
  return (
    leader.peers.find(({ id }) => id === status.node)?.lag ?? Math.max(0, leader.lastIndex - status.lastIndex)
  );
}

/** The node answers, takes part and has what the leader has. */
export function isCaughtUp({ status, lag }: NodeHealth): boolean {
  return status !== null && status.problem === null && lag !== null && lag <= CAUGHT_UP_LAG;
}

/** What is missing until a leader is known and the nodes of `ids` have caught up; "": nothing. */
function missing({ nodes, view }: ClusterHealth, ids: readonly NodeId[]): string {
  const silent = nodes.filter(({ id, status }) => ids.includes(id) && status === null);
  if (silent.length > 0) return silent.map(({ id, reason }) => `${id}: ${reason}`).join(", ");
  if (!view.quorum) return view.summary;
  const behind = nodes.filter((node) => ids.includes(node.id) && !isCaughtUp(node));
  return behind
    .map(
      ({ id, lag, reason }) =>
        `${id}: ${reason || (lag === null ? "not yet in touch" : `${lag} entries behind`)}`,
    )
    .join(", ");
}

/**
 * Asks until a leader is known and the nodes of `ids` have caught up, or `withinMs` are over; the last answer in either
 * case. `note` is told what is missing.
 */
export async function waitForHealth(
  account: Account,
  record: ClusterRecord,
  found: Found,
  tools: Tools,
  wait: { ids: readonly NodeId[]; withinMs: number; note: (detail: string) => void },
): Promise<{ health: ClusterHealth; missing: string }> {
  const deadline = tools.pace.now() + wait.withinMs;
  for (;;) {
    const health = await askCluster(account, record, found, tools);
    const lacking = missing(health, wait.ids);
    const leftMs = deadline - tools.pace.now();
    if (lacking === "" || leftMs <= 0) return { health, missing: lacking };
    wait.note(lacking);
    await tools.pace.sleep(Math.min(ASK_EVERY_MS, leftMs));
  }
}
