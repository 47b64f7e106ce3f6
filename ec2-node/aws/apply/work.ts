import type { Account } from "../account.ts";
import type { Bundle } from "../bundle/load-bundle.ts";
import type { Found } from "../model.ts";
import type { NodeId } from "../names.ts";
import { CLUSTER_TAG, NODE_TAG } from "../names.ts";

/** What carrying out a plan goes by, and what it has come to so far. */
export interface Work {
  readonly account: Account;
  /** Kept up with every step, so that the next one knows the ids that this one brought. */
  found: Found;
  /** What is uploaded; asked for only then. */
  readonly loadBundle: () => Promise<Bundle>;
  readonly rolePolicy: string;
  readonly trustPolicy: string;
}

export interface AwsTag {
  readonly Key: string;
  readonly Value: string;
}

/** The tags of a resource: the cluster's, the node's where it belongs to one, and a name for AWS's console. */
export function tags(
  account: Account,
  node: NodeId | null,
  more: Readonly<Record<string, string>> = {},
): AwsTag[] {
  const name = node === null ? `raft-lite ${account.cluster}` : `raft-lite ${account.cluster} ${node}`;
  return Object.entries({
    [CLUSTER_TAG]: account.cluster,
    ...(node === null ? {} : { [NODE_TAG]: node }),
    Name: name,
    ...more,
  }).map(([Key, Value]) => ({ Key, Value }));
}
