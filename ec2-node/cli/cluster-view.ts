import { printable } from "../../shared/printable.ts";
import type { NodeReport, ReportedStatus } from "./node-report.ts";
import { textTable } from "./text-table.ts";

export interface ClusterView {
  /** The leader of the newest term among those that answered. */
  readonly leader: ReportedStatus | null;
  /** Whether a majority follows one leader. */
  readonly quorum: boolean;
  /** Why there is none, or who makes it: one line. */
  readonly summary: string;
}

/**
 * Judges what the nodes said. A majority that names the same living leader of the same term is a quorum. Where only
 * some nodes of a cluster were asked, a leader or follower of the newest term that calls itself healthy is one too:
 * it heard a majority, or its leader, within an election timeout.
 */
export function judgeCluster(reports: readonly NodeReport[]): ClusterView {
  const answers = reports.filter((report) => report.status !== null);
  if (answers.length === 0) return { leader: null, quorum: false, summary: "no quorum: no node answers" };
  const newest = Math.max(...answers.map(({ status }) => status.term));
  const size = Math.max(...answers.map(({ status }) => status.clusterSize));
  const needed = Math.floor(size / 2) + 1;
  const leader =
    answers.find(({ status }) => status.state === "Leader" && status.term === newest)?.status ?? null;
  const followers = new Set(
    answers
      .filter(({ status }) => leader !== null && status.leader === leader.node && status.term === leader.term)
      .map(({ status }) => status.node),
  );
  if (followers.size >= needed) {
    return { leader, quorum: true, summary: `${followers.size} of ${size} nodes follow ${leader?.node}` };
  }
  // Quiet nodes that have lost their memory know of no leader, and find one as soon as somebody comes.
  const asleep = answers.filter(({ status }) => status.quiet && status.term === newest);
  const quiet = new Set(asleep.map(({ status }) => status.node)).size;
  if (quiet >= needed) {
    return { leader, quorum: true, summary: `${quiet} of ${size} nodes are quiet until they are needed` };
  }
  const healthy = answers.find((report) => report.healthy && report.status.term === newest);
  if (reports.length < size && healthy !== undefined) {
    const name = healthy.status.leader ?? "its leader";
    return { leader, quorum: true, summary: `${healthy.status.node} is in touch with ${name}` };
  }
  const found = leader === null ? "no leader" : `${followers.size} of ${size} nodes follow ${leader.node}`;
  return { leader, quorum: false, summary: `no quorum: ${found}, ${needed} are needed` };
}

/** The table of `status` and `start`: a heading, a line for each node, and a line for each problem. */
export function clusterTable(reports: readonly NodeReport[]): string[] {
  const { leader } = judgeCluster(reports);
  const rows = reports.map((report) => row(report, reports, leader));
  const problems = reports
    .filter((report) => report.status?.problem != null)
    .map((report) => `${report.status?.node}: ${report.status?.problem}`);
  return [
    ...textTable([["node", "role", "term", "leader", "log", "commit", "lag", "address"], ...rows]),
    ...problems.map(printable),
  ];
}

function row(
  report: NodeReport,
  reports: readonly NodeReport[],
  leader: ReportedStatus | null,
): readonly string[] {
  const { url, status } = report;
  if (status === null) {
    const peer = reports
      .flatMap((other) => other.status?.peers ?? [])
      .find((known) => known.address === url && known.id !== null);
    const known = leader?.peers.find((candidate) => candidate.address === url);
    return [peer?.id ?? "?", "-", "-", "-", "-", "-", shown(known?.lag), `${url}  (${report.reason})`];
  }
  return [
    status.node,
    status.state,
    shown(status.term),
    status.leader ?? "-",
    shown(status.logLength),
    shown(status.commitIndex),
    shown(lagOf(status, leader)),
    url,
  ];
}

/** Raft entries behind the leader: as the leader counts them, else by the difference of the logs. */
function lagOf(status: ReportedStatus, leader: ReportedStatus | null): number | null {
  if (leader === null) return null;
  if (leader.node === status.node) return 0;
  const known = leader.peers.find((peer) => peer.id === status.node)?.lag;
  return known ?? Math.max(0, leader.lastIndex - status.lastIndex);
}

function shown(value: number | null | undefined): string {
  return value == null ? "-" : String(value);
}
