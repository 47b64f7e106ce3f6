import type { ClusterRecord } from "../model.ts";
import type { NodeId } from "../names.ts";
import { bundleKey } from "../names.ts";
import { addressesOf, interfaceOf, volumeOf } from "../plan.ts";
import { userData } from "../user-data.ts";
import type { Work } from "./work.ts";

/** The user data of a node's instance: by now every node has its address and the node its volume. */
export function launchText({ account, found }: Work, record: ClusterRecord, node: NodeId): string {
  const addressOf = (id: NodeId): string => interfaceOf(found, id)?.privateAddress ?? "";
  return userData({
    cluster: account.cluster,
    region: account.region,
    id: node,
    privateAddress: addressOf(node),
    publicAddress: record.isPrivate ? null : (addressesOf(found, node).address?.address ?? null),
    peers: record.nodes.filter(({ id }) => id !== node).map(({ id }) => ({ id, address: addressOf(id) })),
    volumeId: volumeOf(found, node)?.id ?? "",
    bundle: {
      bucket: account.names.bucket,
      key: bundleKey(record.bundle.sha256),
      sha256: record.bundle.sha256,
    },
    secretParameter: account.names.secret,
  });
}
