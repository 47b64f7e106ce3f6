import { usageError } from "../../shared/config/usage-error.ts";

/** Every resource of a cluster carries it; its value is the cluster's name. The tag is the state: nothing is kept here. */
export const CLUSTER_TAG = "raft-cluster";
/** On what belongs to one node: the node's id. */
export const NODE_TAG = "raft-id";
/**
 * On a node's network interface: how many instances the node has been given. It goes into the token of `RunInstances`,
 * which answers a token it has seen with the instance of then, a terminated one included.
 */
export const GENERATION_TAG = "raft-generation";
/** On a node's network interface, while the node is being replaced: the instance that is to go. */
export const REPLACED_TAG = "raft-replaced";
/** On an instance: SHA-256 of the bundle that it runs. */
export const BUNDLE_TAG = "raft-bundle";

export const NODE_IDS = ["A", "B", "C", "D", "E"] as const;
export type NodeId = (typeof NODE_IDS)[number];

export const DEFAULT_CLUSTER_NAME = "raft-lite";

/** Clients' routes, open to the operator's address. */
export const CLIENT_PORT = 8000;
/** The nodes' own routes, open within the security group. */
export const PEER_PORT = 7000;

/** S3 allows 63 characters to a bucket's name: `raft-lite-`, the name, an account of 12, a region of up to 14, hyphens. */
const LONGEST_NAME = 24;

/** What the resources of a cluster are called where AWS wants a name. */
export interface ResourceNames {
  readonly group: string;
  readonly role: string;
  readonly profile: string;
  readonly policy: string;
  readonly bucket: string;
  /** SSM parameters. */
  readonly record: string;
  readonly secret: string;
}

/** Checks a cluster's name. Throws a usage error. */
export function readClusterName(text: string): string {
  if (/^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/.test(text) && text.length <= LONGEST_NAME) return text;
  throw usageError(
    `--name: "${text}" is not a cluster's name: a-z, 0-9 and hyphens between them, at most ${LONGEST_NAME}`,
  );
}

/** IAM is one for all regions, and S3 one for all accounts: their names say which cluster of the same name is meant. */
export function resourceNames(cluster: string, account: string, region: string): ResourceNames {
  const own = `raft-lite-${cluster}`;
  return {
    group: own,
    role: `${own}-${region}`,
    profile: `${own}-${region}`,
    policy: "node",
    bucket: `${own}-${account}-${region}`,
    record: `/raft-lite/${cluster}/cluster`,
    secret: `/raft-lite/${cluster}/secret`,
  };
}

/** The key of a bundle in the cluster's bucket. */
export function bundleKey(sha256: string): string {
  return `bundles/${sha256}.tar.gz`;
}
