import { randomBytes } from "node:crypto";
import { RaftLiteError } from "../../shared/errors.ts";
import type { Account } from "./account.ts";
import type { BundleName, ClusterRecord, Found, PlacedNode } from "./model.ts";
import { findNetwork, zonesOffering } from "./network.ts";
import { placeNodes } from "./placement.ts";
import { volumeOf } from "./plan.ts";

/** What a cluster is asked to be; what is not said is undefined. */
export interface Wishes {
  readonly nodes?: 3 | 5 | undefined;
  readonly instanceType?: string | undefined;
  readonly dataGb?: number | undefined;
  readonly subnets?: readonly string[] | undefined;
  readonly isPrivate?: boolean | undefined;
}

export const DEFAULT_NODES = 3;
export const DEFAULT_INSTANCE_TYPE = "t3.small";
const DEFAULT_DATA_GB = 10;

/**
 * The record of a cluster that is there, where the wishes agree with it. Throws one line for the first that does not:
 * what has been decided at the first `up` is changed by other commands, or not at all.
 */
export function recordOfExisting(record: ClusterRecord, wishes: Wishes, cluster: string): ClusterRecord {
  const refuse = (message: string): never => {
    throw new RaftLiteError("cluster-differs", `the cluster ${cluster} ${message}`);
  };
  const { nodes, instanceType, dataGb, subnets, isPrivate } = wishes;
  if (nodes !== undefined && nodes !== record.nodes.length) {
    refuse(
      `has ${record.nodes.length} nodes, and their number stays: leave --nodes away, or choose another --name for a cluster of ${nodes}`,
    );
  }
  if (instanceType !== undefined && instanceType !== record.instanceType) {
    refuse(
      `runs on ${record.instanceType}: leave --instance-type away, or change one node after the other with \`raft-lite ec2 replace NODE --instance-type ${instanceType}\``,
    );
  }
  if (dataGb !== undefined && dataGb !== record.dataGb) {
    refuse(`has data volumes of ${record.dataGb} GB: leave --data-gb away, or choose another --name`);
  }
  const used = new Set(record.nodes.map(({ subnetId }) => subnetId));
  const others = subnets?.filter((id) => !used.has(id)) ?? [];
  if (others.length > 0) {
    refuse(
      `lives in ${[...used].join(", ")} and not in ${others.join(", ")}: leave --subnets away, or choose another --name`,
    );
  }
  if (isPrivate !== undefined && isPrivate !== record.isPrivate) {
    refuse(
      record.isPrivate
        ? "has no public addresses, and that stays: choose another --name for one that has"
        : "has public addresses: leave --private away, or choose another --name",
    );
  }
  return record;
}

/** Decides what a new cluster is to be. Data volumes that an earlier one left behind are taken over, where they are. */
export async function recordOfNew(
  account: Account,
  wishes: Wishes,
  found: Found,
  bundle: BundleName,
  now: number,
): Promise<ClusterRecord> {
  const kept = keptVolumes(found);
  const nodes = wishes.nodes ?? (kept.size === 5 ? 5 : DEFAULT_NODES);
  if (kept.size > 0 && kept.size !== nodes) refuseMixedData(found, nodes);
  const instanceType = wishes.instanceType ?? DEFAULT_INSTANCE_TYPE;
  const [network, offered] = await Promise.all([
    findNetwork(account, wishes.subnets ?? []),
    zonesOffering(account, instanceType),
  ]);
  const placed = placeNodes({ nodes, subnets: network.subnets, offered, instanceType, kept });
  const ofNodes = found.volumes.filter(({ node }) => node !== null);
  const keptGb = Math.max(...ofNodes.map(({ sizeGb }) => sizeGb));
  if (kept.size > 0 && wishes.dataGb !== undefined && wishes.dataGb !== keptGb) {
    throw new RaftLiteError(
      "data-volumes-kept",
      `an earlier cluster of this name has left data volumes of ${keptGb} GB, which this one takes over: ` +
        "leave --data-gb away, delete them with `raft-lite ec2 destroy --delete-data`, or choose another --name",
    );
  }
  return {
    format: 1,
    uid: randomBytes(6).toString("hex"),
    vpcId: network.vpcId,
    nodes: placed,
    instanceType,
    dataGb: kept.size > 0 ? keptGb : (wishes.dataGb ?? DEFAULT_DATA_GB),
    isPrivate: wishes.isPrivate ?? false,
    bundle,
    previousBundle: null,
    isRolledBack: false,
    createdAt: new Date(now).toISOString(),
  };
}

/** The zones of data volumes that are there already. */
function keptVolumes(found: Found): Map<PlacedNode["id"], string> {
  const ids = new Set(found.volumes.map(({ node }) => node));
  const kept = new Map<PlacedNode["id"], string>();
  for (const id of ids) {
    const volume = id === null ? null : volumeOf(found, id);
    if (id !== null && volume !== null) kept.set(id, volume.zone);
  }
  return kept;
}

function refuseMixedData({ volumes }: Found, nodes: number): never {
  const list = volumes.map(({ id, node }) => `${id} (${node ?? "of no node"})`).join(", ");
  throw new RaftLiteError(
    "data-volumes-kept",
    `an earlier cluster of this name has left the data volumes ${list}, and a cluster of ${nodes} nodes needs all of its own or none: ` +
      "say --nodes as it was, delete them with `raft-lite ec2 destroy --delete-data`, or choose another --name",
  );
}
