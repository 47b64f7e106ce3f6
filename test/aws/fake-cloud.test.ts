import type { Instance, Volume } from "@aws-sdk/client-ec2";
import { EC2Client, paginateDescribeVolumes } from "@aws-sdk/client-ec2";
import { describe, expect, onTestFinished, test } from "vitest";
import type { ServiceName } from "./support/cloud-errors.ts";
import { FakeCloud } from "./support/fake-cloud.ts";
import { ingress, inventory, leaks, untagged } from "./support/inventory.ts";
import { mockClients } from "./support/mock-clients.ts";

/** What the documentation of AWS promises of errors; a program is only as well tested as this refuses. */

const IMAGE = "ami-0aaaaaaaaaaaaaaa1";
const TRUST = JSON.stringify({ Version: "2012-10-17", Statement: [{ Effect: "Allow" }] });

/** One call, in short. The caller knows what comes back. */
async function call<Output = unknown>(cloud: FakeCloud, name: string, input: object = {}): Promise<Output> {
  const [service, operation] = name.split(":") as [ServiceName, string];
  return (await cloud.handle(service, operation, input)) as Output;
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => "ok",
    (error: Error) => error.name,
  );
}

interface Parts {
  readonly subnetId: string;
  readonly groupId: string;
  readonly interfaceId: string;
  readonly volumeId: string;
  readonly instanceId: string;
  readonly allocationId: string;
}

/** One instance on an interface with an address, and a volume in the same zone. */
async function furnished(cloud: FakeCloud): Promise<Parts> {
  const [subnetId = ""] = cloud.ec2.network.subnets.keys();
  const create = { GroupName: "g", Description: "d" };
  const { GroupId: groupId } = await call<{ GroupId: string }>(cloud, "ec2:CreateSecurityGroup", create);
  const own = { SubnetId: subnetId, Groups: [groupId] };
  const made = await call<{ NetworkInterface: { NetworkInterfaceId: string } }>(
    cloud,
    "ec2:CreateNetworkInterface",
    own,
  );
  const interfaceId = made.NetworkInterface.NetworkInterfaceId;
  const { VolumeId: volumeId } = await volumeIn(cloud, "us-east-1a");
  const { AllocationId: allocationId } = await call<{ AllocationId: string }>(cloud, "ec2:AllocateAddress");
  await call(cloud, "ec2:AssociateAddress", { AllocationId: allocationId, NetworkInterfaceId: interfaceId });
  const { InstanceId: instanceId } = await run(cloud, interfaceId);
  return { subnetId, groupId, interfaceId, volumeId, instanceId, allocationId };
}

function volumeIn(cloud: FakeCloud, AvailabilityZone: string): Promise<{ VolumeId: string }> {
  return call(cloud, "ec2:CreateVolume", { AvailabilityZone, Size: 1 });
}

async function run(
  cloud: FakeCloud,
  interfaceId: string,
  more: object = {},
): Promise<Instance & { InstanceId: string }> {
  const { Instances } = await call<{ Instances: [Instance & { InstanceId: string }] }>(
    cloud,
    "ec2:RunInstances",
    launch(interfaceId, more),
  );
  return Instances[0];
}

function launch(interfaceId: string, more: object = {}): object {
  return {
    MinCount: 1,
    MaxCount: 1,
    ImageId: IMAGE,
    InstanceType: "t3.small",
    NetworkInterfaces: [{ DeviceIndex: 0, NetworkInterfaceId: interfaceId }],
    ...more,
  };
}

type Case = readonly [code: string, name: string, input: (parts: Parts) => object];

/** Answered while the instance is running. */
const REFUSED: readonly Case[] = [
  ["MissingParameter", "ec2:RunInstances", () => ({ ImageId: IMAGE })],
  ["InvalidNetworkInterface.InUse", "ec2:RunInstances", ({ interfaceId }) => launch(interfaceId)],
  [
    "InvalidAMIID.NotFound",
    "ec2:RunInstances",
    ({ interfaceId }) => launch(interfaceId, { ImageId: "ami-0bbbbbbbbbbbbbbbb" }),
  ],
  [
    "InvalidParameterValue",
    "ec2:RunInstances",
    ({ interfaceId }) => launch(interfaceId, { InstanceType: "t4g.small" }),
  ],
  [
    "InvalidParameterValue",
    "ec2:RunInstances",
    ({ interfaceId }) => launch(interfaceId, { UserData: Buffer.alloc(16_385).toString("base64") }),
  ],
  [
    "InvalidParameterValue",
    "ec2:RunInstances",
    ({ interfaceId }) => launch(interfaceId, { UserData: "#!/bin/sh" }),
  ],
  [
    "InvalidParameterCombination",
    "ec2:RunInstances",
    ({ interfaceId, groupId }) => launch(interfaceId, { SecurityGroupIds: [groupId] }),
  ],
  [
    "InvalidParameterCombination",
    "ec2:RunInstances",
    ({ interfaceId }) =>
      launch("", {
        NetworkInterfaces: [
          { DeviceIndex: 0, NetworkInterfaceId: interfaceId, AssociatePublicIpAddress: true },
        ],
      }),
  ],
  ["NotModelled", "ec2:RunInstances", ({ interfaceId }) => launch(interfaceId, { KeyName: "k" })],
  ["NotModelled", "ec2:CreateVpc", () => ({})],
  ["InvalidInstanceID.NotFound", "ec2:TerminateInstances", () => ({ InstanceIds: ["i-0123456789abcdef0"] })],
  ["InvalidInstanceID.Malformed", "ec2:TerminateInstances", () => ({ InstanceIds: ["i-x"] })],
  [
    "InvalidParameterCombination",
    "ec2:DescribeInstances",
    ({ instanceId }) => ({ InstanceIds: [instanceId], MaxResults: 5 }),
  ],
  [
    "InvalidParameterValue",
    "ec2:DescribeInstances",
    () => ({ Filters: [{ Name: "no-such", Values: ["x"] }] }),
  ],
  ["InvalidGroup.Duplicate", "ec2:CreateSecurityGroup", () => ({ GroupName: "g", Description: "d" })],
  ["DependencyViolation", "ec2:DeleteSecurityGroup", ({ groupId }) => ({ GroupId: groupId })],
  ["MissingParameter", "ec2:AuthorizeSecurityGroupIngress", ({ groupId }) => ({ GroupId: groupId })],
  [
    "InvalidParameterValue",
    "ec2:AuthorizeSecurityGroupIngress",
    ({ groupId }) => ingressOf(groupId, "10.1.2.3/16"),
  ],
  [
    "InvalidPermission.NotFound",
    "ec2:RevokeSecurityGroupIngress",
    ({ groupId }) => ingressOf(groupId, "10.1.0.0/16"),
  ],
  ["InvalidIPAddress.InUse", "ec2:ReleaseAddress", ({ allocationId }) => ({ AllocationId: allocationId })],
  [
    "InvalidAssociationID.NotFound",
    "ec2:DisassociateAddress",
    () => ({ AssociationId: "eipassoc-0123456789abcdef0" }),
  ],
  ["InvalidZone.NotFound", "ec2:CreateVolume", () => ({ AvailabilityZone: "us-east-1z", Size: 1 })],
  ["InvalidParameterValue", "ec2:CreateVolume", () => ({ AvailabilityZone: "us-east-1a", Size: 0 })],
  ["IncorrectState", "ec2:DetachVolume", ({ volumeId }) => ({ VolumeId: volumeId })],
  ["NoSuchEntityException", "iam:GetRole", () => ({ RoleName: "r" })],
  [
    "MalformedPolicyDocumentException",
    "iam:CreateRole",
    () => ({ RoleName: "r", AssumeRolePolicyDocument: "{" }),
  ],
  ["ParameterNotFound", "ssm:GetParameter", () => ({ Name: "/p" })],
  [
    "ValidationException",
    "ssm:PutParameter",
    () => ({ Name: "/p", Value: "v", Type: "String", Overwrite: true, Tags: [{ Key: "k", Value: "v" }] }),
  ],
  ["ValidationException", "ssm:PutParameter", () => ({ Name: "/p", Value: "v" })],
  [
    "ValidationException",
    "ssm:PutParameter",
    () => ({ Name: "/p", Value: "v".repeat(4097), Type: "String" }),
  ],
  [
    "InvalidInstanceId",
    "ssm:SendCommand",
    ({ instanceId }) => ({
      DocumentName: "AWS-RunShellScript",
      InstanceIds: [instanceId],
      Parameters: { commands: ["id"] },
    }),
  ],
  [
    "InvalidLocationConstraint",
    "s3:CreateBucket",
    () => ({ Bucket: "bbb", CreateBucketConfiguration: { LocationConstraint: "us-east-1" } }),
  ],
  ["InvalidBucketName", "s3:CreateBucket", () => ({ Bucket: "B" })],
  ["NotFound", "s3:HeadBucket", () => ({ Bucket: "bbb" })],
  [
    "NoSuchResourceException",
    "service-quotas:GetServiceQuota",
    () => ({ ServiceCode: "ec2", QuotaCode: "L-0" }),
  ],
];

function ingressOf(groupId: string, cidr: string): object {
  return {
    GroupId: groupId,
    IpPermissions: [{ IpProtocol: "tcp", FromPort: 80, ToPort: 80, IpRanges: [{ CidrIp: cidr }] }],
  };
}

describe("the model of AWS refuses what AWS documents as wrong", () => {
  test.each(REFUSED)("%s: %s", async (code, name, input) => {
    const cloud = new FakeCloud();
    const parts = await furnished(cloud);
    await cloud.clock.sleep(60_000);
    expect(await codeOf(call(cloud, name, input(parts)))).toBe(code);
  });

  test("what must be taken apart in order", async () => {
    const cloud = new FakeCloud();
    const { volumeId, instanceId, interfaceId, groupId } = await furnished(cloud);
    const attach = { Device: "/dev/sdf", InstanceId: instanceId, VolumeId: volumeId };
    const codes = async (...calls: [string, object][]): Promise<string[]> => {
      const all: string[] = [];
      for (const [name, input] of calls) all.push(await codeOf(call(cloud, name, input)));
      return all;
    };
    // Neither is the volume there yet, nor does the instance run.
    expect(await codes(["ec2:AttachVolume", attach])).toEqual(["IncorrectState"]);
    await cloud.clock.sleep(60_000);
    expect(await codes(["ec2:AttachVolume", attach], ["ec2:AttachVolume", attach])).toEqual([
      "ok",
      "VolumeInUse",
    ]);
    expect(await codes(["ec2:DeleteVolume", { VolumeId: volumeId }])).toEqual(["VolumeInUse"]);
    expect(await codes(["ec2:TerminateInstances", { InstanceIds: [instanceId] }])).toEqual(["ok"]);
    expect(["InvalidNetworkInterface.InUse", "InvalidParameterValue"]).toEqual(
      expect.arrayContaining(
        await codes(["ec2:DeleteNetworkInterface", { NetworkInterfaceId: interfaceId }]),
      ),
    );
    expect(await codes(["ec2:StartInstances", { InstanceIds: [instanceId] }])).toEqual([
      "IncorrectInstanceState",
    ]);
    await cloud.clock.sleep(60_000);
    expect(
      await codes(
        ["ec2:TerminateInstances", { InstanceIds: [instanceId] }],
        ["ec2:AttachVolume", attach],
        ["ec2:DeleteVolume", { VolumeId: volumeId }],
        ["ec2:DeleteSecurityGroup", { GroupId: groupId }],
        ["ec2:DeleteNetworkInterface", { NetworkInterfaceId: interfaceId }],
        ["ec2:DeleteSecurityGroup", { GroupId: groupId }],
      ),
    ).toEqual(["ok", "IncorrectState", "ok", "DependencyViolation", "ok", "ok"]);
  });

  test("a volume does not leave its zone", async () => {
    const cloud = new FakeCloud();
    const { instanceId } = await furnished(cloud);
    const { VolumeId } = await volumeIn(cloud, "us-east-1b");
    await cloud.clock.sleep(60_000);
    const attach = { Device: "/dev/sdf", InstanceId: instanceId, VolumeId };
    expect(await codeOf(call(cloud, "ec2:AttachVolume", attach))).toBe("InvalidVolume.ZoneMismatch");
  });

  test("a token brings what it brought, even when that is long gone, and nothing to other parameters", async () => {
    const cloud = new FakeCloud();
    const { interfaceId, instanceId: first } = await furnished(cloud);
    await call(cloud, "ec2:TerminateInstances", { InstanceIds: [first] });
    await cloud.clock.sleep(60_000);
    const one = await run(cloud, interfaceId, { ClientToken: "t" });
    await call(cloud, "ec2:TerminateInstances", { InstanceIds: [one.InstanceId] });
    await cloud.clock.sleep(60_000);
    const again = await run(cloud, interfaceId, { ClientToken: "t" });
    expect(again).toMatchObject({ InstanceId: one.InstanceId, State: { Name: "terminated" } });
    const other = run(cloud, interfaceId, { ClientToken: "t", EbsOptimized: true });
    expect(await codeOf(other)).toBe("IdempotentParameterMismatch");
  });

  test("roles and profiles go in their order", async () => {
    const cloud = new FakeCloud();
    const role = { RoleName: "r" };
    const both = { ...role, InstanceProfileName: "p" };
    await call(cloud, "iam:CreateRole", { ...role, AssumeRolePolicyDocument: TRUST });
    expect(await codeOf(call(cloud, "iam:CreateRole", { ...role, AssumeRolePolicyDocument: TRUST }))).toBe(
      "EntityAlreadyExistsException",
    );
    await call(cloud, "iam:PutRolePolicy", { ...role, PolicyName: "x", PolicyDocument: TRUST });
    await call(cloud, "iam:CreateInstanceProfile", { InstanceProfileName: "p" });
    await call(cloud, "iam:AddRoleToInstanceProfile", both);
    expect(await codeOf(call(cloud, "iam:AddRoleToInstanceProfile", both))).toBe("LimitExceededException");
    expect(await codeOf(call(cloud, "iam:DeleteInstanceProfile", { InstanceProfileName: "p" }))).toBe(
      "DeleteConflictException",
    );
    expect(await codeOf(call(cloud, "iam:DeleteRole", role))).toBe("DeleteConflictException");
    await call(cloud, "iam:RemoveRoleFromInstanceProfile", both);
    expect(await codeOf(call(cloud, "iam:DeleteRole", role))).toBe("DeleteConflictException");
    const read = (await call(cloud, "iam:GetRolePolicy", { ...role, PolicyName: "x" })) as {
      PolicyDocument: string;
    };
    expect(read.PolicyDocument).toBe(encodeURIComponent(TRUST));
    await call(cloud, "iam:DeleteRolePolicy", { ...role, PolicyName: "x" });
    expect(await codeOf(call(cloud, "iam:DeleteRole", role))).toBe("ok");
  });

  test("buckets: another account's, one's own again, not empty", async () => {
    const cloud = new FakeCloud({ region: "eu-west-1" });
    const own = { Bucket: "own", CreateBucketConfiguration: { LocationConstraint: "eu-west-1" } };
    cloud.s3.addBucket("theirs", "999999999999");
    expect(await codeOf(call(cloud, "s3:CreateBucket", { ...own, Bucket: "theirs" }))).toBe(
      "BucketAlreadyExists",
    );
    expect(await codeOf(call(cloud, "s3:CreateBucket", { Bucket: "own" }))).toBe(
      "IllegalLocationConstraintException",
    );
    expect(await codeOf(call(cloud, "s3:HeadBucket", { Bucket: "theirs" }))).toBe("403");
    await call(cloud, "s3:CreateBucket", own);
    expect(await codeOf(call(cloud, "s3:CreateBucket", own))).toBe("BucketAlreadyOwnedByYou");
    expect(await codeOf(call(cloud, "s3:GetBucketTagging", { Bucket: "own" }))).toBe("NoSuchTagSet");
    const wrong = { Bucket: "own", ExpectedBucketOwner: "999999999999" };
    expect(await codeOf(call(cloud, "s3:GetBucketTagging", wrong))).toBe("AccessDenied");
    await call(cloud, "s3:PutObject", { Bucket: "own", Key: "k", Body: Buffer.from("b") });
    expect(await codeOf(call(cloud, "s3:DeleteBucket", { Bucket: "own" }))).toBe("BucketNotEmpty");
  });
});

describe("its misbehaviour", () => {
  test("what was just made is not seen by others for a while, its tags for longer", async () => {
    const cloud = new FakeCloud({ pace: { seenMs: [10_000, 10_000] } });
    const specification = { ResourceType: "volume", Tags: [{ Key: "k", Value: "v" }] };
    const made = await call<Volume>(cloud, "ec2:CreateVolume", {
      AvailabilityZone: "us-east-1a",
      Size: 1,
      TagSpecifications: [specification],
    });
    const byId = (): Promise<string> =>
      codeOf(call(cloud, "ec2:DescribeVolumes", { VolumeIds: [made.VolumeId] }));
    const byTag = async (): Promise<number> => {
      const filter = { Name: "tag:k", Values: ["v"] };
      const { Volumes } = (await call(cloud, "ec2:DescribeVolumes", { Filters: [filter] })) as unknown as {
        Volumes: Volume[];
      };
      return Volumes.length;
    };
    expect([await byId(), await byTag()]).toEqual(["InvalidVolume.NotFound", 0]);
    await cloud.clock.sleep(11_000);
    expect([await byId(), await byTag()]).toEqual(["ok", 0]);
    await cloud.clock.sleep(10_000);
    expect([await byId(), await byTag()]).toEqual(["ok", 1]);
  });

  test("a program that died does nothing more, and what sleeps in it wakes no more", async () => {
    const cloud = new FakeCloud();
    cloud.misbehaviour.crash = { call: 2, moment: "after" };
    const sleeper = codeOf(cloud.clock.sleep(1_000_000));
    expect(await codeOf(call(cloud, "ec2:AllocateAddress"))).toBe("ok");
    expect(await codeOf(call(cloud, "ec2:AllocateAddress"))).toBe("ProgramDied");
    expect(await codeOf(call(cloud, "ec2:AllocateAddress"))).toBe("ProgramDied");
    expect(await sleeper).toBe("ProgramDied");
    // The second took effect, the third did not.
    expect(cloud.ec2.addresses.all.size).toBe(2);
    cloud.restart();
    expect(await codeOf(call(cloud, "ec2:AllocateAddress"))).toBe("ok");
  });

  test("errors come as the SDK throws them, and long lists in pages", async () => {
    const cloud = new FakeCloud();
    const mocked = mockClients(cloud);
    onTestFinished(() => mocked.restore());
    for (let index = 0; index < 5; index++) {
      await volumeIn(cloud, "us-east-1a");
    }
    const client = new EC2Client({ region: "us-east-1" });
    const pages: number[] = [];
    for await (const { Volumes } of paginateDescribeVolumes({ client }, {})) pages.push(Volumes?.length ?? 0);
    expect(pages).toEqual([2, 2, 1]);
    cloud.misbehaviour.denied.add("ec2:DescribeVolumes");
    const asked = paginateDescribeVolumes({ client }, {}).next();
    await expect(asked).rejects.toMatchObject({
      name: "UnauthorizedOperation",
      $metadata: { httpStatusCode: 403 },
    });
  });
});

describe("what it tells", () => {
  test("all that exists, what lacks a tag, what is open", async () => {
    const cloud = new FakeCloud();
    expect(inventory(cloud)).toEqual([]);
    const { groupId } = await furnished(cloud);
    await call(cloud, "ec2:AuthorizeSecurityGroupIngress", ingressOf(groupId, "0.0.0.0/0"));
    const kinds = inventory(cloud).map(({ kind }) => kind);
    expect(kinds).toEqual(["address", "group", "instance", "interface", "volume", "volume"]);
    expect(untagged(cloud, "k", "v")).toHaveLength(6);
    expect(ingress(cloud)).toEqual(["g tcp 80-80 0.0.0.0/0"]);
  });

  test.each([
    ["ssm:PutParameter", { Name: "/p", Value: "deadbeefdeadbeef", Type: "String" }],
    ["ec2:CreateTags", { Resources: ["x"], Tags: [{ Key: "k", Value: "deadbeefdeadbeef" }] }],
    ["ec2:RunInstances", { UserData: Buffer.from("x deadbeefdeadbeef").toString("base64") }],
    ["ssm:SendCommand", { DocumentName: "d", Parameters: { commands: ["echo deadbeefdeadbeef"] } }],
  ])("a secret that was sent in %s, whatever came of it", async (name, input) => {
    const cloud = new FakeCloud();
    await codeOf(
      call(cloud, "ssm:PutParameter", { Name: "/s", Value: "deadbeefdeadbeef", Type: "SecureString" }),
    );
    expect(leaks(cloud, "deadbeefdeadbeef")).toEqual([]);
    await codeOf(call(cloud, name, input));
    expect(leaks(cloud, "deadbeefdeadbeef")).not.toEqual([]);
  });
});
