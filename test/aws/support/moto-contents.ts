import type { Tag } from "@aws-sdk/client-ec2";
import {
  DescribeAddressesCommand,
  EC2Client,
  paginateDescribeInstances,
  paginateDescribeNetworkInterfaces,
  paginateDescribeSecurityGroups,
  paginateDescribeVolumes,
} from "@aws-sdk/client-ec2";
import { IAMClient, ListInstanceProfilesCommand, ListRolesCommand } from "@aws-sdk/client-iam";
import { ListBucketsCommand, S3Client } from "@aws-sdk/client-s3";
import { paginateDescribeParameters, SSMClient } from "@aws-sdk/client-ssm";
import { NODE_TAG } from "../../../ec2-node/aws/names.ts";

/** All that an account holds, by kind and node, whoever made it. Default networks and their groups are left out. */
export async function contents(endpoint: string): Promise<string[]> {
  const settings = { endpoint, region: "us-east-1", credentials: { accessKeyId: "x", secretAccessKey: "x" } };
  const ec2 = { client: new EC2Client(settings) };
  const iam = new IAMClient(settings);
  const all: string[] = [];
  const add = (kind: string, tags: readonly Tag[] | undefined, state = ""): void => {
    const node = tags?.find(({ Key }) => Key === NODE_TAG)?.Value;
    all.push(`${kind}${node === undefined ? "" : ` of ${node}`}${state === "" ? "" : `: ${state}`}`);
  };
  for await (const { Reservations } of paginateDescribeInstances(ec2, {})) {
    for (const one of (Reservations ?? []).flatMap(({ Instances }) => Instances ?? [])) {
      if (one.State?.Name !== "terminated") add("instance", one.Tags, one.State?.Name);
    }
  }
  for await (const { NetworkInterfaces } of paginateDescribeNetworkInterfaces(ec2, {})) {
    for (const one of NetworkInterfaces ?? []) add("interface", one.TagSet);
  }
  for await (const { Volumes } of paginateDescribeVolumes(ec2, {})) {
    for (const one of Volumes ?? []) add("volume", one.Tags, one.State);
  }
  for (const one of (await ec2.client.send(new DescribeAddressesCommand({}))).Addresses ?? []) {
    add("address", one.Tags, one.NetworkInterfaceId === undefined ? "free" : "associated");
  }
  for await (const { SecurityGroups } of paginateDescribeSecurityGroups(ec2, {})) {
    for (const one of SecurityGroups ?? [])
      if (one.GroupName !== "default") add(`group ${one.GroupName}`, one.Tags);
  }
  for (const { RoleName } of (await iam.send(new ListRolesCommand({}))).Roles ?? [])
    add(`role ${RoleName}`, []);
  const profiles = await iam.send(new ListInstanceProfilesCommand({}));
  for (const { InstanceProfileName, Roles } of profiles.InstanceProfiles ?? []) {
    add(`profile ${InstanceProfileName}`, [], Roles?.map(({ RoleName }) => RoleName).join());
  }
  const s3 = new S3Client({ ...settings, forcePathStyle: true });
  for (const { Name } of (await s3.send(new ListBucketsCommand({}))).Buckets ?? []) add(`bucket ${Name}`, []);
  // AWS's own public parameters are not the account's.
  const own = [{ Key: "Name", Option: "BeginsWith", Values: ["/raft-lite/"] }];
  for await (const page of paginateDescribeParameters(
    { client: new SSMClient(settings) },
    { ParameterFilters: own },
  )) {
    for (const { Name, Type } of page.Parameters ?? []) add(`parameter ${Name}`, [], Type);
  }
  return all.toSorted();
}
