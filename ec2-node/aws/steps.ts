import type { BundleName, ClusterRecord, IngressRule } from "./model.ts";
import type { NodeId } from "./names.ts";

export type ClientRule = Extract<IngressRule, { kind: "clients" }>;
export type OwnRule = Exclude<IngressRule, { kind: "other" }>;

/** One change at AWS. Each may be carried out again after a crash in its middle. */
export type Step =
  | { readonly kind: "write-record"; readonly record: ClusterRecord; readonly isNew: boolean }
  | { readonly kind: "create-secret" }
  | { readonly kind: "create-bucket" }
  | { readonly kind: "tag-bucket" }
  | { readonly kind: "upload-bundle"; readonly bundle: BundleName }
  | { readonly kind: "create-role" }
  | { readonly kind: "write-role-policy" }
  | { readonly kind: "create-profile" }
  | { readonly kind: "add-role-to-profile" }
  | { readonly kind: "create-group"; readonly vpcId: string }
  | { readonly kind: "open-port"; readonly rule: OwnRule }
  | { readonly kind: "close-port"; readonly rule: ClientRule }
  | { readonly kind: "create-interface"; readonly node: NodeId }
  | { readonly kind: "record-address"; readonly node: NodeId }
  | { readonly kind: "allocate-address"; readonly node: NodeId }
  | { readonly kind: "associate-address"; readonly node: NodeId }
  | { readonly kind: "release-address"; readonly allocationId: string; readonly address: string }
  | { readonly kind: "create-volume"; readonly node: NodeId }
  | { readonly kind: "run-instance"; readonly node: NodeId }
  | { readonly kind: "start-instance"; readonly node: NodeId; readonly instanceId: string }
  | { readonly kind: "attach-volume"; readonly node: NodeId }
  | { readonly kind: "begin-replacement"; readonly node: NodeId; readonly instanceId: string }
  | { readonly kind: "end-replacement"; readonly node: NodeId }
  | { readonly kind: "terminate-instances"; readonly instances: readonly OwnedInstance[] }
  | { readonly kind: "delete-interface"; readonly interfaceId: string; readonly node: NodeId | null }
  | {
      readonly kind: "delete-volume";
      readonly volumeId: string;
      readonly node: NodeId | null;
      readonly sizeGb: number;
    }
  | { readonly kind: "delete-group"; readonly groupId: string }
  | { readonly kind: "delete-profile" }
  | { readonly kind: "delete-role" }
  | { readonly kind: "delete-bucket" }
  | { readonly kind: "delete-secret" }
  | { readonly kind: "delete-record" };

export interface OwnedInstance {
  readonly id: string;
  readonly node: NodeId | null;
}

export type StepOf<Kind extends Step["kind"]> = Extract<Step, { kind: Kind }>;

/** What a plan comes to. */
export interface Plan {
  readonly steps: readonly Step[];
  /** What is not as it was asked for, and is left as it is; a line each. */
  readonly notes: readonly string[];
  /** Nodes that do not come back, because their data is gone: nothing is done for them. */
  readonly lost: readonly NodeId[];
}
