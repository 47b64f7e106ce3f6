import type { Filter, IpPermission, SecurityGroup, Tag } from "@aws-sdk/client-ec2";
import {
  DescribeAddressesCommand,
  paginateDescribeInstances,
  paginateDescribeNetworkInterfaces,
  paginateDescribeSecurityGroups,
  paginateDescribeVolumes,
} from "@aws-sdk/client-ec2";
import { GetInstanceProfileCommand, GetRoleCommand, GetRolePolicyCommand } from "@aws-sdk/client-iam";
import { GetBucketTaggingCommand, HeadBucketCommand, paginateListObjectsV2 } from "@aws-sdk/client-s3";
import { GetParameterCommand } from "@aws-sdk/client-ssm";
import type { Account } from "./account.ts";
import { awsCode, httpStatus } from "./explain.ts";
import type {
  ClusterRecord,
  Found,
  FoundAddress,
  FoundGroup,
  FoundInstance,
  FoundInterface,
  FoundVolume,
  IngressRule,
  InstanceState,
} from "./model.ts";
import type { NodeId } from "./names.ts";
import {
  BUNDLE_TAG,
  CLIENT_PORT,
  CLUSTER_TAG,
  GENERATION_TAG,
  NODE_IDS,
  NODE_TAG,
  PEER_PORT,
  REPLACED_TAG,
} from "./names.ts";
import { poll } from "./pace.ts";
import { readRecord } from "./record.ts";

const TAGS_WITHIN_MS = 30_000;

/** Looks up by tag and by name what there is of the cluster. Reads only. Throws RaftLiteErrors of one line each. */
export async function discover(account: Account): Promise<Found> {
  const [record, hasSecret, bucket, role, profile, group, interfaces, volumes, addresses, instances] =
    await Promise.all([
      findRecord(account),
      findSecret(account),
      findBucket(account),
      findRole(account),
      findProfile(account),
      findGroup(account),
      findInterfaces(account),
      findVolumes(account),
      findAddresses(account),
      findInstances(account),
    ]);
  // Where there is a record, a group without tags is most likely one of a moment ago, whose tags are not shown yet.
  const shown = record === null || group.untagged.length === 0 ? group : await awaitTags(account, group);
  return {
    record,
    hasSecret,
    bucket,
    role: role.own,
    profile: profile.own,
    group: shown.own,
    interfaces,
    volumes,
    addresses,
    instances,
    foreign: [...role.foreign, ...profile.foreign, ...shown.foreign],
  };
}

/** What carries a name that the cluster would use: its own, by the tag, or somebody else's. */
interface Named<T> {
  readonly own: T | null;
  readonly foreign: readonly string[];
}

/** Null where there is none. Throws `record-unreadable`. */
export async function findRecord(account: Account): Promise<ClusterRecord | null> {
  const found = await account.ask("ssm:GetParameter", /^ParameterNotFound$/, () =>
    account.clients.ssm.send(new GetParameterCommand({ Name: account.names.record })),
  );
  const text = found?.Parameter?.Value;
  return text === undefined ? null : readRecord(text, account.names.record);
}

async function findSecret(account: Account): Promise<boolean> {
  // Without decryption: nobody but the nodes needs to see it.
  const found = await account.ask("ssm:GetParameter", /^ParameterNotFound$/, () =>
    account.clients.ssm.send(new GetParameterCommand({ Name: account.names.secret })),
  );
  return found !== undefined;
}

async function findBucket(account: Account): Promise<Found["bucket"]> {
  const { s3 } = account.clients;
  const bucket = { Bucket: account.names.bucket, ExpectedBucketOwner: account.id };
  const mayBeForeign = { subject: `the bucket ${bucket.Bucket}, which may be another account's` };
  const exists = await account.call(
    "s3:ListBucket",
    async () => {
      try {
        await s3.send(new HeadBucketCommand(bucket));
        return true;
      } catch (error) {
        // HEAD has no body, so there is no code but the status.
        if (httpStatus(error) === 404 || awsCode(error) === "NoSuchBucket") return false;
        throw error;
      }
    },
    mayBeForeign,
  );
  if (!exists) return null;
  const tagging = await account.ask("s3:GetBucketTagging", /^NoSuchTagSet|^NoSuchBucket$/, () =>
    s3.send(new GetBucketTaggingCommand(bucket)),
  );
  const bundles = await account.call("s3:ListBucket", async () => {
    const keys: string[] = [];
    for await (const page of paginateListObjectsV2({ client: s3 }, { ...bucket, Prefix: "bundles/" })) {
      for (const { Key } of page.Contents ?? []) keys.push(Key ?? "");
    }
    return keys;
  });
  return {
    isTagged: tagOf(tagging?.TagSet, CLUSTER_TAG) === account.cluster,
    bundles: bundles.flatMap((key) => /^bundles\/([0-9a-f]{64})\./.exec(key)?.[1] ?? []),
  };
}

async function findRole(account: Account): Promise<Named<{ policy: string | null }>> {
  const { iam } = account.clients;
  const { role, policy } = account.names;
  const found = await account.ask("iam:GetRole", /^NoSuchEntity/, () =>
    iam.send(new GetRoleCommand({ RoleName: role })),
  );
  if (found === undefined) return NOTHING;
  if (!isOwn(account, found.Role?.Tags)) return { own: null, foreign: [`the IAM role ${role}`] };
  const document = await account.ask("iam:GetRolePolicy", /^NoSuchEntity/, () =>
    iam.send(new GetRolePolicyCommand({ RoleName: role, PolicyName: policy })),
  );
  const text = document?.PolicyDocument;
  return { own: { policy: text === undefined ? null : decodeURIComponent(text) }, foreign: [] };
}

async function findProfile(account: Account): Promise<Named<{ hasRole: boolean }>> {
  const { profile, role } = account.names;
  const found = await account.ask("iam:GetInstanceProfile", /^NoSuchEntity/, () =>
    account.clients.iam.send(new GetInstanceProfileCommand({ InstanceProfileName: profile })),
  );
  if (found === undefined) return NOTHING;
  const { Tags, Roles = [] } = found.InstanceProfile ?? {};
  if (!isOwn(account, Tags)) return { own: null, foreign: [`the instance profile ${profile}`] };
  return { own: { hasRole: Roles.some(({ RoleName }) => RoleName === role) }, foreign: [] };
}

interface NamedGroup extends Named<FoundGroup> {
  /** Those of the foreign ones that nobody has put a tag on. */
  readonly untagged: readonly string[];
}

/** Looks again until every group of the name has tags; the last look, when that takes too long. */
async function awaitTags(account: Account, first: NamedGroup): Promise<NamedGroup> {
  let last = first;
  await poll(
    account.pace,
    async () => {
      last = await findGroup(account);
      return last.untagged.length === 0 ? true : undefined;
    },
    { withinMs: TAGS_WITHIN_MS },
  );
  return last;
}

async function findGroup(account: Account): Promise<NamedGroup> {
  const find = (filters: Filter[]): Promise<SecurityGroup[]> =>
    account.call("ec2:DescribeSecurityGroups", () =>
      collect(
        paginateDescribeSecurityGroups({ client: account.clients.ec2 }, { Filters: filters }),
        (page) => page.SecurityGroups,
      ),
    );
  const [tagged, named] = await Promise.all([
    find(ownFilter(account)),
    find([{ Name: "group-name", Values: [account.names.group] }]),
  ]);
  const group = tagged[0];
  const foreign = named.filter(({ Tags }) => !isOwn(account, Tags));
  return {
    own: group === undefined ? null : readGroup(group),
    foreign: foreign.map(({ GroupId }) => `the security group ${account.names.group} (${GroupId})`),
    untagged: foreign.filter(({ Tags = [] }) => Tags.length === 0).map(({ GroupId = "" }) => GroupId),
  };
}

/** A security group in this program's terms. */
export function readGroup({ GroupId = "", VpcId = "", IpPermissions = [] }: SecurityGroup): FoundGroup {
  return {
    id: GroupId,
    vpcId: VpcId,
    rules: IpPermissions.flatMap((permission) => readRules(permission, GroupId)),
  };
}

export async function findInterfaces(account: Account): Promise<FoundInterface[]> {
  const found = await account.call("ec2:DescribeNetworkInterfaces", () =>
    collect(
      paginateDescribeNetworkInterfaces({ client: account.clients.ec2 }, { Filters: ownFilter(account) }),
      (page) => page.NetworkInterfaces,
    ),
  );
  return found.map((one) => ({
    id: one.NetworkInterfaceId ?? "",
    node: nodeOf(one.TagSet),
    subnetId: one.SubnetId ?? "",
    zone: one.AvailabilityZone ?? "",
    privateAddress: one.PrivateIpAddress ?? "",
    instanceId: one.Attachment?.InstanceId ?? null,
    generation: Number(tagOf(one.TagSet, GENERATION_TAG) ?? 0) || 0,
    replaced: tagOf(one.TagSet, REPLACED_TAG) || null,
  }));
}

async function findVolumes(account: Account): Promise<FoundVolume[]> {
  const found = await account.call("ec2:DescribeVolumes", () =>
    collect(
      paginateDescribeVolumes({ client: account.clients.ec2 }, { Filters: ownFilter(account) }),
      (page) => page.Volumes,
    ),
  );
  return (
    found
      // A root volume carries the cluster's tag too, and goes with its instance; one that did not is left over.
      .filter(
        ({ Tags, State }) =>
          (tagOf(Tags, NODE_TAG) !== undefined || State === "available") &&
          State !== "deleting" &&
          State !== "deleted",
      )
      .map((one) => ({
        id: one.VolumeId ?? "",
        node: nodeOf(one.Tags),
        zone: one.AvailabilityZone ?? "",
        sizeGb: one.Size ?? 0,
        state: one.State ?? "",
        instanceId: one.Attachments?.[0]?.InstanceId ?? null,
      }))
  );
}

async function findAddresses(account: Account): Promise<FoundAddress[]> {
  const found = await account.call("ec2:DescribeAddresses", () =>
    account.clients.ec2.send(new DescribeAddressesCommand({ Filters: ownFilter(account) })),
  );
  return (found.Addresses ?? []).map((one) => ({
    allocationId: one.AllocationId ?? "",
    node: nodeOf(one.Tags),
    address: one.PublicIp ?? "",
    interfaceId: one.NetworkInterfaceId || null,
    associationId: one.AssociationId || null,
  }));
}

export async function findInstances(account: Account): Promise<FoundInstance[]> {
  const reservations = await account.call("ec2:DescribeInstances", () =>
    collect(
      paginateDescribeInstances({ client: account.clients.ec2 }, { Filters: ownFilter(account) }),
      (page) => page.Reservations,
    ),
  );
  return reservations
    .flatMap(({ Instances }) => Instances ?? [])
    .map((one) => ({
      id: one.InstanceId ?? "",
      node: nodeOf(one.Tags),
      state: (one.State?.Name ?? "pending") as InstanceState,
      instanceType: one.InstanceType ?? "",
      zone: one.Placement?.AvailabilityZone ?? "",
      generation: Number(tagOf(one.Tags, GENERATION_TAG) ?? 0) || 0,
      bundle: tagOf(one.Tags, BUNDLE_TAG) ?? null,
      launchedAt: one.LaunchTime?.toISOString() ?? null,
    }))
    .filter(({ state }) => state !== "terminated");
}

/** What the rest of the network may send to the group, in this program's terms. */
function readRules(permission: IpPermission, groupId: string): IngressRule[] {
  const { IpProtocol, FromPort, ToPort } = permission;
  const only = (port: number): boolean => IpProtocol === "tcp" && FromPort === port && ToPort === port;
  const ports = FromPort === undefined || FromPort === -1 ? "all ports" : `${FromPort}-${ToPort}`;
  const other = (from: string): IngressRule => ({
    kind: "other",
    text: `${IpProtocol} ${ports} from ${from}`,
  });
  return [
    ...(permission.UserIdGroupPairs ?? []).map(({ GroupId }) =>
      only(PEER_PORT) && GroupId === groupId ? ({ kind: "peers" } as const) : other(GroupId ?? "a group"),
    ),
    ...(permission.IpRanges ?? []).map(({ CidrIp = "" }) =>
      only(CLIENT_PORT) ? ({ kind: "clients", cidr: CidrIp } as const) : other(CidrIp),
    ),
    ...(permission.Ipv6Ranges ?? []).map(({ CidrIpv6 = "" }) => other(CidrIpv6)),
    ...(permission.PrefixListIds ?? []).map(({ PrefixListId = "" }) => other(PrefixListId)),
  ];
}

const NOTHING = { own: null, foreign: [] } as const;

/** What is found by its name is somebody else's unless it carries the cluster's tag. */
export function isOwn(account: Account, tags: readonly Tag[] | undefined): boolean {
  return tagOf(tags, CLUSTER_TAG) === account.cluster;
}

function ownFilter(account: Account): Filter[] {
  return [{ Name: `tag:${CLUSTER_TAG}`, Values: [account.cluster] }];
}

async function collect<Page, Item>(
  pages: AsyncIterable<Page>,
  items: (page: Page) => readonly Item[] | undefined,
): Promise<Item[]> {
  const all: Item[] = [];
  for await (const page of pages) all.push(...(items(page) ?? []));
  return all;
}

function tagOf(tags: readonly Tag[] | undefined, key: string): string | undefined {
  return tags?.find(({ Key }) => Key === key)?.Value;
}

function nodeOf(tags: readonly Tag[] | undefined): NodeId | null {
  const id = tagOf(tags, NODE_TAG);
  return NODE_IDS.find((known) => known === id) ?? null;
}
