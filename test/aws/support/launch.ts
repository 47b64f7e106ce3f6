import type { NodeId } from "../../../ec2-node/aws/names.ts";
import { bundleKey, NODE_IDS, resourceNames } from "../../../ec2-node/aws/names.ts";
import type { NodeLaunch } from "../../../ec2-node/aws/user-data.ts";

/** Cloud-init's document, as far as it is used. */
export interface CloudConfig {
  readonly write_files: readonly {
    readonly path: string;
    readonly permissions: string;
    readonly content: string;
  }[];
  readonly runcmd: readonly (readonly string[])[];
}

export const SHA256 = "0123456789abcdef".repeat(4);

/** The launch of a node of a cluster with so many, its names as long as they may be. */
export function launchOf(id: NodeId = "A", count = 3, cluster = "abcdefghijklmnopqrstuvwx"): NodeLaunch {
  const region = "ap-southeast-2";
  const { bucket, secret } = resourceNames(cluster, "123456789012", region);
  const nodes = NODE_IDS.slice(0, count).map((id, at) => ({ id, address: `172.31.100.${10 + at}` }));
  return {
    cluster,
    region,
    id,
    privateAddress: nodes.find((node) => node.id === id)?.address ?? "",
    publicAddress: "203.0.113.10",
    peers: nodes.filter((node) => node.id !== id),
    volumeId: "vol-0123456789abcdef0",
    bundle: { bucket, key: bundleKey(SHA256), sha256: SHA256 },
    secretParameter: secret,
  };
}
