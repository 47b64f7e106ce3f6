import { RaftLiteError } from "../../shared/errors.ts";
import type { PlacedNode } from "./model.ts";
import { NODE_IDS } from "./names.ts";

export interface SubnetChoice {
  readonly subnetId: string;
  readonly zone: string;
}

export interface PlacementWish {
  readonly nodes: number;
  /** Where nodes may be put, in any order. */
  readonly subnets: readonly SubnetChoice[];
  /** Zones in which the instance type can be had. */
  readonly offered: ReadonlySet<string>;
  readonly instanceType: string;
  /** Zones of data volumes that are there already: their nodes go where they are. */
  readonly kept: ReadonlyMap<PlacedNode["id"], string>;
}

const FEWEST_ZONES = 3;

/**
 * Puts nodes into at least three zones, so that the loss of one takes no majority with it. One subnet a zone, the first
 * by its id, and the zones in turn by their names. Throws one line where three cannot be had.
 */
export function placeNodes(wish: PlacementWish): PlacedNode[] {
  const { nodes, offered, instanceType, kept } = wish;
  const subnets = new Map<string, string>();
  for (const { subnetId, zone } of [...wish.subnets].sort((a, b) => compare(a.subnetId, b.subnetId))) {
    if (!subnets.has(zone)) subnets.set(zone, subnetId);
  }
  const all = [...subnets.keys()].sort(compare);
  const usable = all.filter((zone) => offered.has(zone));
  if (all.length < FEWEST_ZONES) {
    throw new RaftLiteError(
      "too-few-zones",
      `three zones are needed, so that the loss of one leaves a majority, and the subnets are in ${list(all)}: ` +
        "give subnets of more zones with --subnets, or take another --region",
    );
  }
  if (usable.length < FEWEST_ZONES) {
    throw new RaftLiteError(
      "instance-type-not-offered",
      `${instanceType} is offered in ${usable.length === 0 ? "none" : `only ${list(usable)}`} of ${list(all)}, and three zones are needed: ` +
        "take another --instance-type, such as t3.small, or another --region",
    );
  }
  const load = new Map(usable.map((zone) => [zone, 0]));
  const placed = new Map<PlacedNode["id"], string>();
  for (const id of NODE_IDS.slice(0, nodes)) {
    const zone = kept.get(id);
    if (zone === undefined) continue;
    if (!load.has(zone)) {
      throw new RaftLiteError(
        "zone-unusable",
        `the data volume of ${id} is in ${zone}, where there is no subnet or ${instanceType} is not offered: ` +
          "give a subnet there with --subnets, or take another --instance-type",
      );
    }
    take(id, zone);
  }
  for (const id of NODE_IDS.slice(0, nodes)) {
    if (placed.has(id)) continue;
    const [emptiest] = usable.toSorted((a, b) => (load.get(a) ?? 0) - (load.get(b) ?? 0));
    take(id, emptiest ?? "");
  }
  const [crowded] = [...load].find(([, count]) => count * 2 > nodes) ?? [];
  if (crowded !== undefined) {
    throw new RaftLiteError(
      "zone-crowded",
      `the data volumes that are kept would put a majority of the nodes into ${crowded}: delete them with ` +
        "`raft-lite ec2 destroy --delete-data`, or choose another --name",
    );
  }
  return NODE_IDS.slice(0, nodes).map((id) => {
    const zone = placed.get(id) ?? "";
    return { id, zone, subnetId: subnets.get(zone) ?? "", privateAddress: null };
  });

  function take(id: PlacedNode["id"], zone: string): void {
    placed.set(id, zone);
    load.set(zone, (load.get(zone) ?? 0) + 1);
  }
}

function list(zones: readonly string[]): string {
  return zones.length === 0 ? "none" : zones.join(", ");
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
