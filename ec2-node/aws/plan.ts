import { RaftLiteError } from "../../shared/errors.ts";
import type {
  ClusterRecord,
  Found,
  FoundAddress,
  FoundInstance,
  FoundInterface,
  FoundVolume,
  PlacedNode,
} from "./model.ts";
import type { NodeId } from "./names.ts";
import type { OwnRule, Plan, Step } from "./steps.ts";

/** What `up` is to bring about. */
export interface Wanted {
  readonly record: ClusterRecord;
  /** Whom to let in as clients; null: whoever is let in now. */
  readonly clientCidrs: readonly string[] | null;
  /** The inline policy of the instances' role. */
  readonly rolePolicy: string;
}

/**
 * What is missing to the wanted cluster, in the order in which it is to be made. Pure. Nothing found that fits is made
 * again, nothing that somebody else has put there is touched. Throws one line where the cluster cannot come about.
 */
export function planUp(wanted: Wanted, found: Found): Plan {
  refuseForeign(found);
  const { record } = wanted;
  const lost = record.nodes.map(({ id }) => id).filter((id) => hasLostData(id, found));
  const nodes = record.nodes.filter(({ id }) => !lost.includes(id));
  const steps: Step[] = [
    ...planIdentity(wanted, found),
    ...planGroup(wanted, found),
    ...nodes.flatMap((node) => planPlace(record, node, found)),
    ...nodes.flatMap((node) => planInstance(node, found)),
  ];
  // The others may be what a majority needs: they are not to wait for one that does not come back.
  if (steps.length === 0) for (const node of lost) refuseLostData(node, found);
  const notes = [...lost.map(lostDataText), ...notesOnCredentials(found)];
  for (const rule of found.group?.rules ?? []) {
    if (rule.kind === "other")
      notes.push(`the security group has a rule that is not this program's: ${rule.text}`);
  }
  for (const { id, node, state } of found.instances) {
    if (state === "shutting-down" || (node !== null && instanceOf(found, node)?.id === id)) continue;
    notes.push(
      `the instance ${id} carries the cluster's tag and is no node's: take the tags off it, or \`raft-lite ec2 destroy\` ends it too`,
    );
  }
  for (const { id, instanceType, node } of found.instances) {
    if (node !== null && instanceType !== record.instanceType) {
      notes.push(
        `${node} (${id}) is a ${instanceType} and not a ${record.instanceType}: \`raft-lite ec2 replace ${node}\` changes it`,
      );
    }
  }
  return { steps, notes, lost };
}

/** What AWS lets be made again under the same name, and is another thing all the same to instances that run. */
function notesOnCredentials({ hasSecret, profile, instances }: Found): string[] {
  const notes: string[] = [];
  if (instances.length === 0) return notes;
  if (!hasSecret) {
    notes.push(
      "the cluster's secret is gone, and a new one is made: a node takes it when it restarts, and those that have not do not hear it; " +
        `restart all at once: aws ec2 reboot-instances --instance-ids ${instances.map(({ id }) => id).join(" ")}`,
    );
  }
  if (profile === null) {
    const nodes = instances.flatMap(({ node }) => node ?? []);
    notes.push(
      `the instance profile is gone, and a new one is made: ${nodes.join(", ")} still have the old one and may do nothing with it, ` +
        "so give them new instances, one after the other: `raft-lite ec2 replace NODE`",
    );
  }
  return notes;
}

function refuseForeign({ foreign }: Found): void {
  const [first] = foreign;
  if (first === undefined) return;
  throw new RaftLiteError(
    "name-taken",
    `${first} exists and does not belong to this cluster: choose another --name, or remove it`,
  );
}

function planIdentity({ record, rolePolicy }: Wanted, found: Found): Step[] {
  const steps: Step[] = [];
  if (JSON.stringify(found.record) !== JSON.stringify(record)) {
    steps.push({ kind: "write-record", record, isNew: found.record === null });
  }
  if (!found.hasSecret) steps.push({ kind: "create-secret" });
  if (found.bucket === null) steps.push({ kind: "create-bucket" });
  if (!found.bucket?.isTagged) steps.push({ kind: "tag-bucket" });
  if (!found.bucket?.bundles.includes(record.bundle.sha256)) {
    steps.push({ kind: "upload-bundle", bundle: record.bundle });
  }
  if (found.role === null) steps.push({ kind: "create-role" });
  if (found.role?.policy !== rolePolicy) steps.push({ kind: "write-role-policy" });
  if (found.profile === null) steps.push({ kind: "create-profile" });
  if (!found.profile?.hasRole) steps.push({ kind: "add-role-to-profile" });
  return steps;
}

function planGroup({ record, clientCidrs }: Wanted, { group }: Found): Step[] {
  const steps: Step[] = [];
  if (group === null) steps.push({ kind: "create-group", vpcId: record.vpcId });
  const wanted: OwnRule[] = [
    { kind: "peers" },
    ...(clientCidrs ?? []).map((cidr) => ({ kind: "clients" as const, cidr })),
  ];
  const has = (rule: OwnRule): boolean =>
    group?.rules.some(
      (one) =>
        one.kind === rule.kind &&
        (one.kind !== "clients" || rule.kind !== "clients" || one.cidr === rule.cidr),
    ) ?? false;
  for (const rule of wanted) {
    if (!has(rule)) steps.push({ kind: "open-port", rule });
  }
  return steps;
}

/** What stays when an instance is replaced: addresses and data. */
function planPlace(record: ClusterRecord, placed: PlacedNode, found: Found): Step[] {
  const node = placed.id;
  const steps: Step[] = [];
  const own = interfaceOf(found, node);
  if (own === null) steps.push({ kind: "create-interface", node });
  if (own === null ? placed.privateAddress === null : own.privateAddress !== placed.privateAddress) {
    steps.push({ kind: "record-address", node });
  }
  const { address, others } = addressesOf(found, node);
  if (!record.isPrivate) {
    if (address === null) steps.push({ kind: "allocate-address", node });
    if (address === null || address.interfaceId === null || address.interfaceId !== own?.id) {
      steps.push({ kind: "associate-address", node });
    }
  }
  for (const extra of others) {
    steps.push({ kind: "release-address", allocationId: extra.allocationId, address: extra.address });
  }
  const volume = volumeOf(found, node);
  if (volume === null) steps.push({ kind: "create-volume", node });
  return steps;
}

/** A node that has run and comes back with an empty disk has forgotten what it promised: the cluster refuses it. */
function hasLostData(node: NodeId, found: Found): boolean {
  return volumeOf(found, node) === null && (interfaceOf(found, node)?.generation ?? 0) > 0;
}

function lostDataText(node: NodeId): string {
  return (
    `the data volume of ${node} is gone, and the cluster refuses a node that comes back without its data: ` +
    `if you have a snapshot, make a volume of it in the node's zone with the tags of the others; otherwise the cluster goes on without ${node} as long as a majority lives`
  );
}

/** Throws `data-volume-lost` for a node that has run, and whose volume is gone. */
export function refuseLostData(node: NodeId, found: Found): void {
  if (hasLostData(node, found)) throw new RaftLiteError("data-volume-lost", lostDataText(node));
}

function planInstance({ id: node }: PlacedNode, found: Found): Step[] {
  const own = interfaceOf(found, node);
  const instance = instanceOf(found, node);
  const volume = volumeOf(found, node);
  const steps: Step[] = [];
  if (instance === null || instance.state === "shutting-down") {
    steps.push({ kind: "run-instance", node });
  } else if (instance.state === "stopped" || instance.state === "stopping") {
    steps.push({ kind: "start-instance", node, instanceId: instance.id });
  }
  if (steps[0]?.kind === "run-instance" || volume === null || volume.instanceId !== instance?.id) {
    steps.push({ kind: "attach-volume", node });
  }
  if (own !== null && own.replaced !== null) steps.push({ kind: "end-replacement", node });
  return steps;
}

/**
 * What to do to `replace` a node, before `planUp` gives it a new instance. None where an earlier replacement of it was
 * interrupted after its instance was ended: then `planUp` goes on with it.
 */
export function planReplace(node: NodeId, found: Found): Step[] {
  const own = interfaceOf(found, node);
  const instance = instanceOf(found, node);
  if (instance === null) return [];
  if (own?.replaced != null && own.replaced !== instance.id) return [];
  return [
    ...(own === null || own.replaced === instance.id
      ? []
      : [{ kind: "begin-replacement" as const, node, instanceId: instance.id }]),
    { kind: "terminate-instances", instances: [{ id: instance.id, node }] },
  ];
}

/** Who is let in from now on. `keepOthers`: beside those who are now. */
export function planAuthorize(cidrs: readonly string[], keepOthers: boolean, { group }: Found): Step[] {
  const rules = (group?.rules ?? []).filter((rule) => rule.kind === "clients");
  return [
    ...cidrs
      .filter((cidr) => !rules.some((rule) => rule.cidr === cidr))
      .map((cidr): Step => ({ kind: "open-port", rule: { kind: "clients", cidr } })),
    ...rules
      .filter(({ cidr }) => !keepOthers && !cidrs.includes(cidr))
      .map((rule): Step => ({ kind: "close-port", rule })),
  ];
}

/**
 * All that is there, in the order in which it can be taken away: what uses something goes before it, and the record
 * last, so that whatever interrupts this can be gone on with.
 */
export function planDestroy(found: Found, deleteData: boolean): Step[] {
  const steps: Step[] = [];
  if (found.instances.length > 0) {
    steps.push({
      kind: "terminate-instances",
      instances: found.instances.map(({ id, node }) => ({ id, node })),
    });
  }
  for (const { allocationId, address } of found.addresses) {
    steps.push({ kind: "release-address", allocationId, address });
  }
  for (const { id, node } of found.interfaces)
    steps.push({ kind: "delete-interface", interfaceId: id, node });
  if (deleteData) {
    for (const { id, node, sizeGb } of found.volumes) {
      steps.push({ kind: "delete-volume", volumeId: id, node, sizeGb });
    }
  }
  if (found.group !== null) steps.push({ kind: "delete-group", groupId: found.group.id });
  if (found.profile !== null) steps.push({ kind: "delete-profile" });
  if (found.role !== null) steps.push({ kind: "delete-role" });
  if (found.bucket !== null) steps.push({ kind: "delete-bucket" });
  if (found.hasSecret) steps.push({ kind: "delete-secret" });
  if (found.record !== null) steps.push({ kind: "delete-record" });
  return steps;
}

export function interfaceOf(found: Found, node: NodeId): FoundInterface | null {
  const own = found.interfaces.filter((one) => one.node === node);
  return own.find(({ instanceId }) => instanceId !== null) ?? own[0] ?? null;
}

/** The address in use, or the first; and those that are too many: an allocation cannot be made idempotent by a token. */
export function addressesOf(
  found: Found,
  node: NodeId,
): { address: FoundAddress | null; others: readonly FoundAddress[] } {
  const own = found.addresses.filter((one) => one.node === node);
  const address = own.find(({ interfaceId }) => interfaceId !== null) ?? own[0] ?? null;
  return { address, others: own.filter((one) => one !== address) };
}

/** Throws where two volumes carry the node's id: only a person can tell which one holds its data. */
export function volumeOf(found: Found, node: NodeId): FoundVolume | null {
  const own = found.volumes.filter((one) => one.node === node);
  if (own.length <= 1) return own[0] ?? null;
  const used = own.filter(({ instanceId }) => instanceId !== null);
  if (used.length === 1) return used[0] ?? null;
  throw new RaftLiteError(
    "volumes-ambiguous",
    `${own.length} data volumes carry the id ${node} (${own.map(({ id }) => id).join(", ")}): ` +
      "take the tag raft-id off those that are not the node's",
  );
}

/**
 * The node's instance that lives, or is on its way out. AWS's console copies tags to "more like this" one: of several it
 * is the one on the node's interface, which no other can be on.
 */
export function instanceOf(found: Found, node: NodeId): FoundInstance | null {
  const own = found.instances.filter((one) => one.node === node);
  const living = own.filter(({ state }) => state !== "shutting-down");
  const attached = interfaceOf(found, node)?.instanceId;
  return living.find(({ id }) => id === attached) ?? living[0] ?? own[0] ?? null;
}
