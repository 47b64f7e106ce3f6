import type { NodeId } from "../raft/types.ts";
import type { Introduction } from "./wire.ts";
import { protocolVersion } from "./wire.ts";

/** Who cannot be dealt with, and why, in a line that is complete without the rest. */

export interface Refusal {
  readonly code: string;
  /** One line, complete without the rest. */
  readonly message: string;
}

/** What is known of a listed address. */
export interface Listed {
  readonly address: string;
  readonly expectedId: NodeId | null;
  /** Whether somebody has been asked there, since the newest of the others was found. */
  tried: boolean;
  isSelf: boolean;
  found: { readonly id: NodeId; readonly storeId: string } | null;
  /** How many nodes the one found there counts; undefined: it has not looked at its own list yet, or is in a cluster. */
  size: number | undefined;
  /** The cluster that the one found there belongs to; null while it has none. */
  clusterId: string | null;
  problem: Refusal | null;
  /** Another entry of the list is the same node. */
  isTwin: boolean;
}

/** What the list itself says against the one found at an address. */
export function listRefusal(
  list: readonly Listed[],
  address: string,
  listed: Listed | undefined,
  other: Introduction,
): Refusal | null {
  if (!listed) return null;
  if (listed.expectedId !== null && listed.expectedId !== other.id) {
    return refuse(
      "wrong-id",
      `${address} is listed as node ${listed.expectedId} but answers as node ${other.id}`,
    );
  }
  if (listed.found !== null && listed.found.id !== other.id) {
    return refuse(
      "two-ids-at-one-address",
      `${address} answered as node ${listed.found.id} and now answers as node ${other.id}`,
    );
  }
  const twin = list.find((one) => one !== listed && one.found?.id === other.id);
  if (!twin) return null;
  return twin.found?.storeId === other.storeId
    ? refuse(
        "one-node-at-two-addresses",
        `${twin.address} and ${address} are the same node ${other.id}: list it once`,
      )
    : refuse(
        "duplicate-id",
        `two nodes answer as ${other.id}, at ${twin.address} and at ${address}: give each an id of its own`,
      );
}

/** Of a node whose own list is wrong, against whoever calls. */
export function wrongListRefusal(id: NodeId): Refusal {
  return refuse(
    "peer-list-wrong",
    `node ${id} lists one node at two addresses and takes no part until that is mended`,
  );
}

/** Who a node is that looks at others. */
interface Self {
  readonly id: NodeId;
  readonly storeId: string;
  readonly clusterId: string | null;
}

/** What speaks against the one introduced. `knownStoreId`: of the one known under its id, if any. */
export function introductionRefusal(
  { id, storeId, clusterId }: Self,
  other: Introduction,
  address: string | null,
  knownStoreId: string | null,
): Refusal | null {
  const who = named(other, address);
  if (other.version !== protocolVersion) {
    return refuse(
      "protocol-version",
      `${who} speaks protocol ${other.version}, this node ${protocolVersion}`,
    );
  }
  if (other.id === id && other.storeId !== storeId) {
    return refuse(
      "duplicate-id",
      `another node answers as ${id}${at(address)}: give each node an id of its own`,
    );
  }
  if (clusterId !== null && other.clusterId !== null && other.clusterId !== clusterId) {
    return refuse(
      "foreign-cluster",
      `${who} belongs to cluster ${other.clusterId}, this node to ${clusterId}: check both peer lists`,
    );
  }
  if (knownStoreId !== null && knownStoreId !== other.storeId) {
    return refuse(
      "wrong-store",
      `${who} has another data directory than the node that joined as ${other.id}: it was wiped or replaced; ` +
        "bring it back with its own data, or under a new id",
    );
  }
  return null;
}

/** `size`: how many nodes this one counts; undefined while it does not know. */
export function sizeRefusal(
  size: number | undefined,
  other: Introduction,
  address: string | null,
): Refusal | null {
  if (other.size === undefined || size === undefined || other.size === size) return null;
  return refuse(
    "peer-lists-differ",
    `${named(other, address)} counts ${nodes(other.size)} by its peer list, this node ${nodes(size)}: every node must list all others`,
  );
}

function named({ id }: Introduction, address: string | null): string {
  return address === null ? `node ${id}` : `node ${id} at ${address}`;
}

function refuse(code: string, message: string): Refusal {
  return { code, message };
}

function at(address: string | null): string {
  return address === null ? "" : ` at ${address}`;
}

function nodes(count: number): string {
  return count === 1 ? "1 node" : `${count} nodes`;
}
