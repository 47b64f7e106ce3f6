import { crc32 } from "node:zlib";
import type { NodeStatus } from "../../shared/node/api.ts";
import type { NodeEvent } from "../../shared/node/events.ts";
import type { Term } from "../../shared/raft/types.ts";
import type { LogEntry, Origin } from "../../shared/storage/entry.ts";
import type { Monitor } from "../../sim/monitor.ts";
import type { DiskContent, StoredEntry } from "../../sim/observed-disk.ts";

/** States of affairs, made by hand. */

export function content(what: Partial<DiskContent>): DiskContent {
  return {
    log: [],
    term: 0,
    votedFor: null,
    storeId: "store",
    boot: 1,
    applied: 0,
    clusterId: null,
    ...what,
  };
}

/** `body` tells entries of one term apart. */
export function entry(term: Term, body = ""): StoredEntry {
  return { term, time: 0, checksum: crc32(`${term} ${body}`) };
}

export function entries(...terms: Term[]): StoredEntry[] {
  return terms.map((term, at) => entry(term, String(at)));
}

export function trace(monitor: Monitor, id: string, event: NodeEvent["trace"]): void {
  monitor.traced(id, { now: 0, trace: event });
}

/** A leads the log's last term, `holders` have the log on their disks, and A has called it committed. */
export function committedCluster(
  monitor: Monitor,
  log: readonly StoredEntry[],
  holders = ["A", "B", "C"],
): void {
  const term = log.at(-1)?.term ?? 0;
  for (const id of ["A", "B", "C"]) {
    monitor.started(id, content(holders.includes(id) ? { term, log, storeId: id } : { storeId: id }));
  }
  trace(monitor, "A", { type: "leader", term });
  trace(monitor, "A", { type: "committed", index: log.length, previous: 0 });
}

export function command(
  index: number,
  text: string,
  origin: Pick<Origin, "node" | "boot" | "sequence"> | null = null,
): LogEntry {
  const data = {
    time: 0,
    origin: origin && { ...origin, floor: 0 },
    schema: 1,
    bytes: new TextEncoder().encode(text),
  };
  return { index, term: 1, kind: "command", size: text.length, data, ordinal: index - 1 };
}

export function statusOf(node: string, shown: Partial<NodeStatus>): NodeStatus {
  return {
    node,
    state: "Follower",
    term: 1,
    leader: null,
    log: [],
    logStart: 0,
    commitIndex: -1,
    raft: {
      clusterId: null,
      storeId: node,
      address: "",
      leaderAddress: null,
      clusterSize: 3,
      lastIndex: 0,
      durableIndex: 0,
      commitIndex: 0,
      appliedIndex: 0,
      quiet: false,
      peers: [],
      problem: null,
    },
    ...shown,
  };
}
