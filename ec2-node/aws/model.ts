import type { NodeId } from "./names.ts";

/** One release of this project as instances get it: a file in S3 named after its hash. */
export interface BundleName {
  /** Of the file, 64 hexadecimal digits. */
  readonly sha256: string;
  /** The package's version, for people. */
  readonly version: string;
}

/** Where a node lives, decided once: an interface and a volume cannot move to another zone. */
export interface PlacedNode {
  readonly id: NodeId;
  readonly subnetId: string;
  readonly zone: string;
  /** Of its network interface, once there is one: the others are told it, so a new interface must get the same. */
  readonly privateAddress: string | null;
}

/**
 * What a cluster is meant to be. It is decided by the first `up` and kept in the cluster's record, an SSM parameter, so
 * that a later `up`, from another machine and without a flag, goes on with the same.
 */
export interface ClusterRecord {
  readonly format: 1;
  /** Random; part of every idempotency token. */
  readonly uid: string;
  readonly vpcId: string;
  readonly nodes: readonly PlacedNode[];
  readonly instanceType: string;
  readonly dataGb: number;
  /** No public addresses: clients come from within the network, or through a tunnel. */
  readonly isPrivate: boolean;
  /** What all nodes are to run. */
  readonly bundle: BundleName;
  /** What they ran before the last update. */
  readonly previousBundle: BundleName | null;
  /** The last update went back: doing so again must not go forwards. */
  readonly isRolledBack: boolean;
  /** ISO 8601. */
  readonly createdAt: string;
}

/** A rule of the security group that lets somebody in. */
export type IngressRule =
  | { readonly kind: "peers" }
  | { readonly kind: "clients"; readonly cidr: string }
  /** Anything else that somebody has put there: left alone, and told. */
  | { readonly kind: "other"; readonly text: string };

export interface FoundGroup {
  readonly id: string;
  readonly vpcId: string;
  readonly rules: readonly IngressRule[];
}

export interface FoundInterface {
  readonly id: string;
  readonly node: NodeId | null;
  readonly subnetId: string;
  readonly zone: string;
  readonly privateAddress: string;
  /** The instance it is attached to. */
  readonly instanceId: string | null;
  /** How many instances the node has been given; 0 before the first. */
  readonly generation: number;
  /** The instance that a replacement under way takes out of service. */
  readonly replaced: string | null;
}

export interface FoundVolume {
  readonly id: string;
  readonly node: NodeId | null;
  readonly zone: string;
  readonly sizeGb: number;
  readonly state: string;
  readonly instanceId: string | null;
}

export interface FoundAddress {
  readonly allocationId: string;
  readonly node: NodeId | null;
  readonly address: string;
  readonly interfaceId: string | null;
  readonly associationId: string | null;
}

export type InstanceState = "pending" | "running" | "stopping" | "stopped" | "shutting-down" | "terminated";

export interface FoundInstance {
  readonly id: string;
  readonly node: NodeId | null;
  readonly state: InstanceState;
  readonly instanceType: string;
  readonly zone: string;
  readonly generation: number;
  /** SHA-256 of the bundle it runs. */
  readonly bundle: string | null;
  /** ISO 8601. */
  readonly launchedAt: string | null;
}

/** What is there of a cluster, as AWS tells it. Terminated instances, which it shows for an hour, are not part of it. */
export interface Found {
  readonly record: ClusterRecord | null;
  readonly hasSecret: boolean;
  readonly bucket: { readonly bundles: readonly string[]; readonly isTagged: boolean } | null;
  readonly role: { readonly policy: string | null } | null;
  readonly profile: { readonly hasRole: boolean } | null;
  readonly group: FoundGroup | null;
  readonly interfaces: readonly FoundInterface[];
  readonly volumes: readonly FoundVolume[];
  readonly addresses: readonly FoundAddress[];
  readonly instances: readonly FoundInstance[];
  /** What has a name that the cluster needs and is not the cluster's, in words. */
  readonly foreign: readonly string[];
}
