import type { Filter, Subnet } from "@aws-sdk/client-ec2";
import {
  DescribeInstanceTypesCommand,
  DescribeVpcsCommand,
  paginateDescribeInstanceTypeOfferings,
  paginateDescribeSubnets,
} from "@aws-sdk/client-ec2";
import { RaftLiteError } from "../../shared/errors.ts";
import type { Account } from "./account.ts";
import { awsCode } from "./explain.ts";
import type { SubnetChoice } from "./placement.ts";

export interface Network {
  readonly vpcId: string;
  readonly subnets: readonly SubnetChoice[];
}

/**
 * The subnets that nodes may be put in: those given, or those of the region's default network. Throws one line where
 * there are none, or they are not of one network.
 */
export async function findNetwork(account: Account, given: readonly string[]): Promise<Network> {
  if (given.length > 0) return givenNetwork(account, given);
  const { Vpcs = [] } = await account.call("ec2:DescribeVpcs", () =>
    account.clients.ec2.send(
      new DescribeVpcsCommand({ Filters: [{ Name: "is-default", Values: ["true"] }] }),
    ),
  );
  const vpcId = Vpcs[0]?.VpcId;
  if (vpcId === undefined) {
    throw new RaftLiteError(
      "no-default-network",
      `the account has no default VPC in ${account.region}: give subnets of three zones with --subnets, or make one with "aws ec2 create-default-vpc"`,
    );
  }
  const subnets = await describeSubnets(account, [
    { Name: "vpc-id", Values: [vpcId] },
    { Name: "default-for-az", Values: ["true"] },
  ]);
  return { vpcId, subnets: subnets.map(choice) };
}

async function givenNetwork(account: Account, given: readonly string[]): Promise<Network> {
  const subnets = await describeSubnets(account, [{ Name: "subnet-id", Values: [...given] }]);
  const missing = given.filter((id) => !subnets.some(({ SubnetId }) => SubnetId === id));
  if (missing.length > 0) {
    throw new RaftLiteError(
      "subnet-unknown",
      `there is no subnet ${missing.join(", ")} in ${account.region}: "aws ec2 describe-subnets" lists what there is`,
    );
  }
  const vpcs = new Set(subnets.map(({ VpcId = "" }) => VpcId));
  const [vpcId = ""] = vpcs;
  if (vpcs.size > 1) {
    throw new RaftLiteError(
      "subnets-apart",
      `--subnets: they are of ${vpcs.size} networks (${[...vpcs].join(", ")}), and a cluster is in one`,
    );
  }
  return { vpcId, subnets: subnets.map(choice) };
}

async function describeSubnets(account: Account, filters: Filter[]): Promise<Subnet[]> {
  return account.call("ec2:DescribeSubnets", async () => {
    const all: Subnet[] = [];
    for await (const page of paginateDescribeSubnets({ client: account.clients.ec2 }, { Filters: filters })) {
      all.push(...(page.Subnets ?? []));
    }
    return all;
  });
}

function choice({ SubnetId = "", AvailabilityZone = "" }: Subnet): SubnetChoice {
  return { subnetId: SubnetId, zone: AvailabilityZone };
}

/** The zones of the region that offer the instance type. */
export async function zonesOffering(account: Account, instanceType: string): Promise<Set<string>> {
  const zones = new Set<string>();
  await account.call("ec2:DescribeInstanceTypeOfferings", async () => {
    const pages = paginateDescribeInstanceTypeOfferings(
      { client: account.clients.ec2 },
      { LocationType: "availability-zone", Filters: [{ Name: "instance-type", Values: [instanceType] }] },
    );
    for await (const { InstanceTypeOfferings = [] } of pages) {
      for (const { Location } of InstanceTypeOfferings) zones.add(Location ?? "");
    }
  });
  return zones;
}

/** The processor's architecture of an instance type, in the names of Amazon Linux's images. */
export async function architectureOf(account: Account, instanceType: string): Promise<"x86_64" | "arm64"> {
  const unknown = (): RaftLiteError =>
    new RaftLiteError(
      "instance-type-not-offered",
      `there is no instance type ${instanceType} in ${account.region}: take another --instance-type, such as t3.small`,
    );
  const { InstanceTypes = [] } = await account.call("ec2:DescribeInstanceTypes", async () => {
    try {
      return await account.clients.ec2.send(
        new DescribeInstanceTypesCommand({ InstanceTypes: [instanceType as never] }),
      );
    } catch (error) {
      if (/^InvalidInstanceType|^InvalidParameterValue$/.test(awsCode(error))) throw unknown();
      throw error;
    }
  });
  const architectures = InstanceTypes[0]?.ProcessorInfo?.SupportedArchitectures ?? [];
  if (InstanceTypes.length === 0) throw unknown();
  if (architectures.includes("arm64")) return "arm64";
  if (architectures.includes("x86_64")) return "x86_64";
  throw new RaftLiteError(
    "instance-type-not-fitting",
    `${instanceType} runs neither x86_64 nor arm64: take another --instance-type, such as t3.small`,
  );
}
