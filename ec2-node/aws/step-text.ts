import type { Found } from "./model.ts";
import type { ResourceNames } from "./names.ts";
import { CLIENT_PORT, PEER_PORT } from "./names.ts";
import { addressesOf, instanceOf, interfaceOf, volumeOf } from "./plan.ts";
import type { OwnRule, Step } from "./steps.ts";

/** `+` makes something, `-` takes something away, `~` changes something. */
export type StepSign = "+" | "-" | "~";

export interface StepText {
  readonly sign: StepSign;
  /** "network interface of A": what the step is about. */
  readonly what: string;
}

/** A step in words, for a plan and for the progress of its being carried out. */
export function stepText(step: Step, names: ResourceNames): StepText {
  const make = (what: string): StepText => ({ sign: "+", what });
  const change = (what: string): StepText => ({ sign: "~", what });
  const remove = (what: string): StepText => ({ sign: "-", what });
  switch (step.kind) {
    case "write-record":
      return (step.isNew ? make : change)(`record of the cluster (SSM parameter ${names.record})`);
    case "create-secret":
      return make(`secret of the cluster (SSM parameter ${names.secret}, encrypted)`);
    case "create-bucket":
      return make(`bucket ${names.bucket}, private`);
    case "tag-bucket":
      return change(`tags of the bucket ${names.bucket}`);
    case "upload-bundle":
      return make(`bundle ${step.bundle.version} (${shortHash(step.bundle.sha256)}) in the bucket`);
    case "create-role":
      return make(`role ${names.role} of the instances`);
    case "write-role-policy":
      return change(`what ${names.role} may do: own secret, own bundles, Systems Manager`);
    case "create-profile":
      return make(`instance profile ${names.profile}`);
    case "add-role-to-profile":
      return change(`role in the instance profile ${names.profile}`);
    case "create-group":
      return make(`security group ${names.group}`);
    case "open-port":
      return make(ruleText(step.rule));
    case "close-port":
      return remove(ruleText(step.rule));
    case "create-interface":
      return make(`network interface of ${step.node}`);
    case "record-address":
      return change(`private address of ${step.node} in the record`);
    case "allocate-address":
      return make(`public address of ${step.node} (Elastic IP)`);
    case "associate-address":
      return change(`public address of ${step.node} at its network interface`);
    case "release-address":
      return remove(`public address ${step.address}`);
    case "create-volume":
      return make(`data volume of ${step.node}, encrypted`);
    case "run-instance":
      return make(`instance of ${step.node}`);
    case "start-instance":
      return change(`instance of ${step.node} started again (${step.instanceId})`);
    case "attach-volume":
      return change(`data volume of ${step.node} at its instance`);
    case "begin-replacement":
      return change(`mark of ${step.instanceId} (${step.node}) as to be replaced`);
    case "end-replacement":
      return change(`mark of the replacement of ${step.node} taken off`);
    case "terminate-instances":
      return remove(
        `${step.instances.length === 1 ? "instance" : "instances"} ${step.instances
          .map(({ id, node }) => (node === null ? id : `${id} (${node})`))
          .join(", ")}`,
      );
    case "delete-interface":
      return remove(`network interface${ofNode(step.node)} (${step.interfaceId})`);
    case "delete-volume":
      return remove(
        `data volume${ofNode(step.node)} with all it holds (${step.volumeId}, ${step.sizeGb} GB)`,
      );
    case "delete-group":
      return remove(`security group ${names.group} (${step.groupId})`);
    case "delete-profile":
      return remove(`instance profile ${names.profile}`);
    case "delete-role":
      return remove(`role ${names.role}`);
    case "delete-bucket":
      return remove(`bucket ${names.bucket} with its bundles`);
    case "delete-secret":
      return remove(`secret of the cluster (SSM parameter ${names.secret})`);
    case "delete-record":
      return remove(`record of the cluster (SSM parameter ${names.record})`);
  }
}

/** What a step has brought: ids and addresses; "" where there is nothing to tell. */
export function stepResult(step: Step, found: Found): string {
  switch (step.kind) {
    case "create-group":
      return found.group?.id ?? "";
    case "create-interface": {
      const made = interfaceOf(found, step.node);
      return made === null ? "" : `${made.id}, ${made.privateAddress}`;
    }
    case "allocate-address":
      return addressesOf(found, step.node).address?.address ?? "";
    case "create-volume":
      return volumeOf(found, step.node)?.id ?? "";
    case "run-instance":
      return instanceOf(found, step.node)?.id ?? "";
    default:
      return "";
  }
}

function ruleText(rule: OwnRule): string {
  return rule.kind === "peers"
    ? `port ${PEER_PORT} open to the nodes themselves`
    : `port ${CLIENT_PORT} open to ${rule.cidr}`;
}

/** Enough of a hash to tell bundles apart by eye. */
export function shortHash(sha256: string): string {
  return sha256.slice(0, 12);
}

function ofNode(node: string | null): string {
  return node === null ? "" : ` of ${node}`;
}
