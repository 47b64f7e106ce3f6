import type { SecurityGroup } from "@aws-sdk/client-ec2";
import {
  AllocateAddressCommand,
  AssociateAddressCommand,
  AuthorizeSecurityGroupIngressCommand,
  CreateNetworkInterfaceCommand,
  CreateSecurityGroupCommand,
  DescribeNetworkInterfacesCommand,
  DescribeSecurityGroupsCommand,
  DisassociateAddressCommand,
  ReleaseAddressCommand,
  RevokeSecurityGroupIngressCommand,
} from "@aws-sdk/client-ec2";
import { RaftLiteError } from "../../../shared/errors.ts";
import { findInterfaces, findRecord, isOwn, readGroup } from "../discover.ts";
import { awsCode } from "../explain.ts";
import type { Found, FoundInterface, PlacedNode } from "../model.ts";
import type { NodeId } from "../names.ts";
import { CLIENT_PORT, PEER_PORT } from "../names.ts";
import { poll } from "../pace.ts";
import { addressesOf, interfaceOf } from "../plan.ts";
import type { OwnRule, StepOf } from "../steps.ts";
import { createOnce } from "./create-once.ts";
import { writeRecord } from "./identity.ts";
import type { Work } from "./work.ts";
import { tags } from "./work.ts";

const SEEN_WITHIN_MS = 60_000;

export async function createGroup(work: Work, { vpcId }: StepOf<"create-group">): Promise<void> {
  const { account } = work;
  const { ec2 } = account.clients;
  const { group } = account.names;
  const made = await account.ask("ec2:CreateSecurityGroup", /^InvalidGroup\.Duplicate$/, () =>
    ec2.send(
      new CreateSecurityGroupCommand({
        GroupName: group,
        Description: `Nodes of the raft-lite cluster ${account.cluster}`,
        VpcId: vpcId,
        TagSpecifications: [{ ResourceType: "security-group", Tags: tags(account, null) }],
      }),
    ),
  );
  if (made?.GroupId !== undefined) {
    work.found = { ...work.found, group: { id: made.GroupId, vpcId, rules: [] } };
    return;
  }
  const found = await poll(account.pace, () => findTagged(work, vpcId), { withinMs: SEEN_WITHIN_MS });
  if (found === undefined || !isOwn(account, found.Tags)) {
    throw new RaftLiteError(
      "name-taken",
      `a security group ${group} exists in ${vpcId} and does not belong to this cluster: choose another --name, or remove it`,
    );
  }
  work.found = { ...work.found, group: readGroup(found) };
}

/** The group that has the cluster's name, once it is shown with its tags: it may have been made a moment ago. */
async function findTagged({ account }: Work, vpcId: string): Promise<SecurityGroup | undefined> {
  const { SecurityGroups = [] } = await account.call("ec2:DescribeSecurityGroups", () =>
    account.clients.ec2.send(
      new DescribeSecurityGroupsCommand({
        Filters: [
          { Name: "group-name", Values: [account.names.group] },
          { Name: "vpc-id", Values: [vpcId] },
        ],
      }),
    ),
  );
  return SecurityGroups.find(({ Tags = [] }) => Tags.length > 0);
}

export async function openPort(work: Work, { rule }: StepOf<"open-port">): Promise<void> {
  const { account } = work;
  const group = requireGroup(work.found);
  await account.call(
    "ec2:AuthorizeSecurityGroupIngress",
    async () => {
      try {
        await account.clients.ec2.send(
          new AuthorizeSecurityGroupIngressCommand({
            GroupId: group.id,
            IpPermissions: [permission(rule, group.id)],
            TagSpecifications: [{ ResourceType: "security-group-rule", Tags: tags(account, null) }],
          }),
        );
      } catch (error) {
        if (awsCode(error) !== "InvalidPermission.Duplicate") throw error;
      }
    },
    { notYet: /^InvalidGroup(Id)?\.NotFound$/ },
  );
  work.found = { ...work.found, group: { ...group, rules: [...group.rules, rule] } };
}

export async function closePort(work: Work, { rule }: StepOf<"close-port">): Promise<void> {
  const { account } = work;
  const group = requireGroup(work.found);
  await account.ask("ec2:RevokeSecurityGroupIngress", /^InvalidPermission\.NotFound$/, () =>
    account.clients.ec2.send(
      new RevokeSecurityGroupIngressCommand({
        GroupId: group.id,
        IpPermissions: [permission(rule, group.id)],
      }),
    ),
  );
  const rules = group.rules.filter((one) => one.kind !== "clients" || one.cidr !== rule.cidr);
  work.found = { ...work.found, group: { ...group, rules } };
}

function permission(rule: OwnRule, groupId: string): object {
  const port = rule.kind === "peers" ? PEER_PORT : CLIENT_PORT;
  return {
    IpProtocol: "tcp",
    FromPort: port,
    ToPort: port,
    ...(rule.kind === "peers"
      ? { UserIdGroupPairs: [{ GroupId: groupId, Description: "raft-lite nodes" }] }
      : { IpRanges: [{ CidrIp: rule.cidr, Description: "raft-lite clients" }] }),
  };
}

export async function createInterface(work: Work, { node }: StepOf<"create-interface">): Promise<void> {
  const made = await makeInterface(work, node).catch((error: unknown) => waitForInterface(work, node, error));
  work.found = { ...work.found, interfaces: [...work.found.interfaces, made] };
}

/**
 * Somebody has the recorded address: the node's own interface, made by a run that died a moment ago and not shown yet.
 * Throws `refused` where it is another's, or that was not the reason.
 */
async function waitForInterface(work: Work, node: NodeId, refused: unknown): Promise<FoundInterface> {
  const { account } = work;
  const { privateAddress } = placedNode(work.found, node);
  const isInUse = refused instanceof RaftLiteError && awsCode(refused.cause) === "InvalidIPAddress.InUse";
  if (!isInUse) throw refused;
  const seen = await poll(
    account.pace,
    async () =>
      (await findInterfaces(account)).find(
        (one) => one.node === node && one.privateAddress === privateAddress,
      ),
    { withinMs: SEEN_WITHIN_MS },
  );
  if (seen === undefined) throw refused;
  return seen;
}

async function makeInterface(work: Work, node: NodeId): Promise<FoundInterface> {
  const { account } = work;
  const { ec2 } = account.clients;
  const placed = placedNode(work.found, node);
  const group = requireGroup(work.found);
  return createOnce(work, {
    what: `the network interface of ${node}`,
    create: async (token) => {
      const reply = await account.call(
        "ec2:CreateNetworkInterface",
        () =>
          ec2.send(
            new CreateNetworkInterfaceCommand({
              SubnetId: placed.subnetId,
              Groups: [group.id],
              Description: `raft-lite ${account.cluster} ${node}`,
              ClientToken: token,
              ...(placed.privateAddress === null ? {} : { PrivateIpAddress: placed.privateAddress }),
              TagSpecifications: [{ ResourceType: "network-interface", Tags: tags(account, node) }],
            }),
          ),
        { notYet: /^InvalidGroup(Id)?\.NotFound$/, subject: `the private address ${placed.privateAddress}` },
      );
      return reply.NetworkInterface?.NetworkInterfaceId;
    },
    words: ["interface", node, placed.subnetId, placed.privateAddress ?? ""],
    find: async (interfaceId): Promise<FoundInterface | undefined> => {
      const { NetworkInterfaces = [] } = await ec2.send(
        new DescribeNetworkInterfacesCommand({ NetworkInterfaceIds: [interfaceId] }),
      );
      const [one] = NetworkInterfaces;
      return (
        one && {
          id: interfaceId,
          node,
          subnetId: placed.subnetId,
          zone: placed.zone,
          privateAddress: one.PrivateIpAddress ?? "",
          instanceId: null,
          generation: 0,
          replaced: null,
        }
      );
    },
    action: "ec2:DescribeNetworkInterfaces",
    notFound: /^InvalidNetworkInterfaceID\.NotFound$/,
  });
}

/** Notes the interface's address in the record, where a new interface of the node would take it from. */
export async function recordAddress(work: Work, { node }: StepOf<"record-address">): Promise<void> {
  // As it is now: somebody else may be noting the addresses of other nodes.
  const record = (await findRecord(work.account)) ?? work.found.record;
  if (record === null) throw new RaftLiteError("record-missing", "the cluster has no record: run `up` again");
  const privateAddress = interfaceOf(work.found, node)?.privateAddress ?? null;
  const nodes = record.nodes.map((one) => (one.id === node ? { ...one, privateAddress } : one));
  work.found = { ...work.found, record };
  await writeRecord(work, { kind: "write-record", record: { ...record, nodes }, isNew: false });
}

export async function allocateAddress(work: Work, { node }: StepOf<"allocate-address">): Promise<void> {
  const { account } = work;
  const made = await account.call("ec2:AllocateAddress", () =>
    account.clients.ec2.send(
      new AllocateAddressCommand({
        Domain: "vpc",
        TagSpecifications: [{ ResourceType: "elastic-ip", Tags: tags(account, node) }],
      }),
    ),
  );
  const address = {
    allocationId: made.AllocationId ?? "",
    node,
    address: made.PublicIp ?? "",
    interfaceId: null,
    associationId: null,
  };
  work.found = { ...work.found, addresses: [...work.found.addresses, address] };
}

export async function associateAddress(work: Work, { node }: StepOf<"associate-address">): Promise<void> {
  const { account, found } = work;
  const interfaceId = interfaceOf(found, node)?.id ?? "";
  const { address } = addressesOf(found, node);
  const made = await account.call(
    "ec2:AssociateAddress",
    () =>
      account.clients.ec2.send(
        new AssociateAddressCommand({
          AllocationId: address?.allocationId,
          NetworkInterfaceId: interfaceId,
          AllowReassociation: true,
        }),
      ),
    { notYet: /^(InvalidAllocationID|InvalidNetworkInterfaceID)\.NotFound$/ },
  );
  work.found = {
    ...found,
    addresses: found.addresses.map((one) =>
      one === address ? { ...one, interfaceId, associationId: made.AssociationId ?? null } : one,
    ),
  };
}

/** EC2 releases none that is still associated, be it with an interface that nothing uses. */
export async function releaseAddress(work: Work, step: StepOf<"release-address">): Promise<void> {
  const { account } = work;
  const { ec2 } = account.clients;
  const associationId = work.found.addresses.find(
    ({ allocationId }) => allocationId === step.allocationId,
  )?.associationId;
  if (associationId != null) {
    await account.ask("ec2:DisassociateAddress", /^InvalidAssociationID\.NotFound$/, () =>
      ec2.send(new DisassociateAddressCommand({ AssociationId: associationId })),
    );
  }
  await account.ask(
    "ec2:ReleaseAddress",
    /^InvalidAllocationID\.NotFound$/,
    () => ec2.send(new ReleaseAddressCommand({ AllocationId: step.allocationId })),
    { notYet: /^InvalidIPAddress\.InUse$/ },
  );
  const addresses = work.found.addresses.filter((one) => one.allocationId !== step.allocationId);
  work.found = { ...work.found, addresses };
}

export function placedNode({ record }: Found, node: NodeId): PlacedNode {
  const placed = record?.nodes.find(({ id }) => id === node);
  if (placed === undefined) throw new RaftLiteError("node-unknown", `the cluster has no node ${node}`);
  return placed;
}

function requireGroup({ group }: Found): NonNullable<Found["group"]> {
  if (group === null)
    throw new RaftLiteError("group-missing", "the cluster's security group is gone: run `up`");
  return group;
}
