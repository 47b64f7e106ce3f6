import { RaftLiteError } from "../../shared/errors.ts";
import type { ClusterRecord, PlacedNode } from "./model.ts";
import { NODE_IDS } from "./names.ts";

/** Reads a cluster's record. `where` names the parameter in errors. Throws `record-unreadable`. */
export function readRecord(text: string, where: string): ClusterRecord {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = null;
  }
  if (isRecord(value)) return value;
  const format = (value as { format?: unknown } | null)?.format;
  throw new RaftLiteError(
    "record-unreadable",
    typeof format === "number" && format !== 1
      ? `the SSM parameter ${where} is of another version of raft-lite (format ${format}): use that one`
      : `the SSM parameter ${where} is not a cluster's record: was it changed by hand? Put it back from its history in SSM; or delete it, and \`raft-lite ec2 up\` and \`destroy\` go by the tags of what is there`,
  );
}

function isRecord(value: unknown): value is ClusterRecord {
  const record = value as ClusterRecord | null;
  return (
    typeof record === "object" &&
    record !== null &&
    record.format === 1 &&
    typeof record.uid === "string" &&
    typeof record.vpcId === "string" &&
    typeof record.instanceType === "string" &&
    typeof record.dataGb === "number" &&
    typeof record.isPrivate === "boolean" &&
    typeof record.isRolledBack === "boolean" &&
    isBundle(record.bundle) &&
    (record.previousBundle === null || isBundle(record.previousBundle)) &&
    Array.isArray(record.nodes) &&
    record.nodes.every(isPlacedNode)
  );
}

function isBundle(value: unknown): boolean {
  const bundle = value as ClusterRecord["bundle"] | null;
  return typeof bundle?.version === "string" && /^[0-9a-f]{64}$/.test(bundle.sha256);
}

function isPlacedNode(value: unknown): boolean {
  const node = value as PlacedNode | null;
  return (
    NODE_IDS.includes(node?.id as PlacedNode["id"]) &&
    typeof node?.subnetId === "string" &&
    typeof node.zone === "string" &&
    (node.privateAddress === null || typeof node.privateAddress === "string")
  );
}
