import type { NodeId, Term } from "../raft/types.ts";
import type { Findings } from "./findings.ts";
import type { Electorate, RecordedVotes } from "./recorded-elections.ts";
import { RecordedElections } from "./recorded-elections.ts";
import { RecordedLog } from "./recorded-log.ts";
import type { RecordedConfiguration } from "./records.ts";

export interface RecordedCluster {
  readonly clusterId: string;
  readonly log: RecordedLog;
  readonly elections: RecordedElections;
  /** Members that a configuration of it ever named: the stores under each id. */
  readonly members: ReadonlyMap<NodeId, ReadonlySet<string>>;
}

interface Cluster extends RecordedCluster {
  readonly members: Map<NodeId, Set<string>>;
}

/**
 * The clusters that recordings tell of: one, as a rule. Others come from other machines that were handed in too, and
 * from first leaders that died before anybody had their first entry.
 */
export class RecordedClusters {
  readonly #findings: Findings;
  readonly #clusters = new Map<string, Cluster>();

  constructor(findings: Findings) {
    this.#findings = findings;
  }

  get all(): readonly RecordedCluster[] {
    return [...this.#clusters.values()];
  }

  of(clusterId: string): RecordedCluster {
    return this.#of(clusterId);
  }

  #of(clusterId: string): Cluster {
    let cluster = this.#clusters.get(clusterId);
    if (cluster === undefined) {
      const log = new RecordedLog(this.#findings);
      cluster = { clusterId, log, elections: new RecordedElections(this.#findings), members: new Map() };
      this.#clusters.set(clusterId, cluster);
    }
    return cluster;
  }

  configured({ clusterId, voters }: RecordedConfiguration): void {
    const { members } = this.#of(clusterId);
    for (const voter of voters) {
      if (voter === null) continue;
      const [id, store] = voter;
      const stores = members.get(id);
      if (stores === undefined) members.set(id, new Set([store]));
      else stores.add(store);
    }
  }

  /** All recordings have been read. */
  conclude(votes: RecordedVotes, electorates: readonly Electorate[]): void {
    const clusters = [...this.#clusters.values()];
    for (const { log, elections } of clusters) {
      elections.conclude(votes, electorates);
      log.conclude(elections.all);
    }
    for (const [one, other] of neighbours(clusters)) this.#judgeRivals(one, other);
  }

  /** One data directory in two clusters: only one of them may have come to anything. */
  #judgeRivals(one: Cluster, other: Cluster): void {
    const mine = one.log.lastClaim;
    const theirs = other.log.lastClaim;
    if (mine !== null && theirs !== null) {
      this.#findings.add(
        "one-cluster",
        `clusters ${one.clusterId} and ${other.clusterId} have a member in common, and both have committed`,
        mine,
        theirs,
      );
    }
    // A voter that lost its disk before anything was committed, and came back as another, can vote twice.
    if (shareIdOnly(one, other)) return;
    for (const [term, leader] of one.elections.leaders) {
      const rival = other.elections.leaders.get(term);
      if (rival !== undefined && rival.store !== leader.store) this.#reportRivals(term, leader, rival);
    }
  }

  #reportRivals(term: Term, leader: Leader, rival: Leader): void {
    const message = `${leader.node} and ${rival.node} both lead term ${term}`;
    this.#findings.add("election-safety", message, leader.where, rival.where);
  }
}

type Leader = { readonly node: NodeId; readonly where: number };

/** A data directory that was in more clusters is a forger's: he shall not make anybody wait. */
const mostOfOneStore = 32;

/** Clusters that have a data directory in common, two by two. */
function neighbours(clusters: readonly Cluster[]): (readonly [Cluster, Cluster])[] {
  const ofStore = new Map<string, Cluster[]>();
  const pairs: (readonly [Cluster, Cluster])[] = [];
  for (const cluster of clusters) {
    const others = new Set<Cluster>();
    for (const [id, stores] of cluster.members) {
      for (const store of stores) {
        const key = `${id} ${store}`;
        const known = ofStore.get(key);
        if (known === undefined) ofStore.set(key, [cluster]);
        else {
          for (const other of known) others.add(other);
          if (known.length < mostOfOneStore) known.push(cluster);
        }
      }
    }
    for (const other of others) pairs.push([other, cluster]);
  }
  return pairs;
}

/** Some id stands for one data directory here and for another there. */
function shareIdOnly(one: Cluster, other: Cluster): boolean {
  return [...one.members].some(([id, stores]) => {
    const others = other.members.get(id);
    return others !== undefined && ![...stores].some((store) => others.has(store));
  });
}
