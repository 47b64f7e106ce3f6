import type { LogIndex, NodeId, RaftView } from "../raft/types.ts";
import type { LogEntry } from "../storage/entry.ts";
import type { Health, Metric, NodeStatus, PeerStatus } from "./api.ts";
import type { LogTail } from "./log-tail.ts";
import type { PeerDirectory } from "./peer-directory.ts";

/** The node as people and their tools see it: pictures drawn from one view of the core. */

interface StatusSource {
  readonly id: NodeId;
  readonly storeId: string;
  readonly view: RaftView;
  readonly durableIndex: LogIndex;
  readonly applied: LogIndex;
}

export function statusOf(
  { id, storeId, view, durableIndex, applied }: StatusSource,
  directory: PeerDirectory,
  tail: LogTail,
  describe: (entry: LogEntry) => string,
  logLimit: number,
): NodeStatus {
  // What a crash would take back is not shown, except where a majority holds it.
  const shownIndex = Math.max(durableIndex, view.commitIndex);
  const entries = tail.commandsUpTo(shownIndex, logLimit);
  const leaderAddress =
    view.leader === id ? directory.advertisedAddress : view.leader && directory.addressOf(view.leader);
  return {
    node: id,
    state: view.role,
    term: view.term,
    leader: view.leader,
    log: entries.map((entry) => ({ term: entry.term, cmd: describe(entry) })),
    logStart: entries[0]?.ordinal ?? tail.ordinalAfter(shownIndex),
    commitIndex: tail.ordinalAfter(view.commitIndex) - 1,
    raft: {
      clusterId: directory.clusterId,
      storeId,
      address: directory.advertisedAddress,
      leaderAddress,
      clusterSize: directory.clusterSize(),
      lastIndex: view.lastIndex,
      durableIndex,
      commitIndex: view.commitIndex,
      appliedIndex: applied,
      quiet: view.quiet,
      peers: directory.peers().map((peer) => peerStatus(peer, view)),
      problem: directory.problem(),
    },
  };
}

function peerStatus(
  peer: { readonly id: NodeId | null; readonly address: string },
  view: RaftView,
): PeerStatus {
  const known = view.peers.find(({ id }) => id === peer.id);
  return {
    id: peer.id,
    address: peer.address,
    matchIndex: known?.matchIndex ?? null,
    lag: known ? view.lastIndex - known.matchIndex : null,
    contactMs: known?.contactMs ?? null,
  };
}

interface HealthSource {
  readonly now: number;
  /** When the leader, or at a leader its majority, was last heard; null when never. */
  readonly contactAt: number | null;
  readonly patienceMs: number;
  readonly applied: LogIndex;
  readonly problem: string | null;
}

export function healthOf(
  view: RaftView,
  { now, contactAt, patienceMs, applied, problem }: HealthSource,
): Health {
  if (view.quiet) return { healthy: true, quiet: true };
  const because = problem === null ? "" : ` (${problem})`;
  if (contactAt === null) return { healthy: false, reason: `no leader is known${because}` };
  const silentMs = now - contactAt;
  if (silentMs > patienceMs) {
    const whom = view.role === "Leader" ? "no majority" : `nothing of leader ${view.leader}`;
    return { healthy: false, reason: `${whom} was heard for ${(silentMs / 1000).toFixed(1)} s${because}` };
  }
  if (applied < view.commitIndex) {
    return { healthy: false, reason: `${view.commitIndex - applied} committed entries are not applied yet` };
  }
  return { healthy: true };
}

interface MetricSource {
  readonly elections: number;
  readonly commands: number;
  readonly reads: number;
  readonly messages: number;
  readonly truncations: number;
  readonly applied: LogIndex;
  readonly writeGroups: number;
  readonly waitingCommands: number;
  readonly waitingReads: number;
  readonly waits: {
    readonly count: number;
    readonly counters: { readonly started: number; readonly woken: number };
  };
  readonly boot: number;
}

export function metricsOf(view: RaftView, source: MetricSource): Metric[] {
  const gauge = (name: string, help: string, value: number): Metric => ({ name, help, type: "gauge", value });
  const counter = (name: string, help: string, value: number): Metric => ({
    name,
    help,
    type: "counter",
    value,
  });
  return [
    gauge("term", "Current term.", view.term),
    gauge("is_leader", "1 at the leader, 0 elsewhere.", view.role === "Leader" ? 1 : 0),
    gauge("has_leader", "1 when a leader is known.", view.leader === null ? 0 : 1),
    gauge("quiet", "1 while the cluster has fallen silent until it is needed.", view.quiet ? 1 : 0),
    gauge("last_index", "Raft index of the newest entry.", view.lastIndex),
    gauge("durable_index", "Raft index up to which the log is durable here.", view.durableIndex),
    gauge("commit_index", "Raft index up to which entries are known to be committed.", view.commitIndex),
    gauge("applied_index", "Raft index up to which entries are applied.", source.applied),
    gauge("waiting_commands", "Commands that clients wait for here.", source.waitingCommands),
    gauge("waiting_reads", "Linearizable reads that clients wait for here.", source.waitingReads),
    gauge("waiting_for_change", "Clients that wait here for a change.", source.waits.count),
    gauge("boot", "How often this data directory has been started.", source.boot),
    counter("elections_total", "Elections this node has stood for.", source.elections),
    counter("commands_total", "Commands accepted from clients here.", source.commands),
    counter("reads_total", "Linearizable reads accepted from clients here.", source.reads),
    counter("waits_total", "Waits for a change begun here.", source.waits.counters.started),
    counter("waits_woken_total", "Waits for a change that a change ended.", source.waits.counters.woken),
    counter("messages_total", "Messages taken in from other nodes.", source.messages),
    counter("truncations_total", "Times a conflicting end of the log was replaced.", source.truncations),
    counter("write_groups_total", "Transactions written and synced.", source.writeGroups),
  ];
}
