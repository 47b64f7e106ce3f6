import { DescribeRegionsCommand, EC2Client } from "@aws-sdk/client-ec2";
import { RaftLiteError } from "../../shared/errors.ts";
import { nearest } from "./nearest.ts";

/**
 * Regions that need not be asked for. AWS opens new ones, so a region that is not here is looked up
 * (https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-regions.html).
 */
const KNOWN = [
  "af-south-1",
  "ap-east-1",
  "ap-east-2",
  "ap-northeast-1",
  "ap-northeast-2",
  "ap-northeast-3",
  "ap-south-1",
  "ap-south-2",
  "ap-southeast-1",
  "ap-southeast-2",
  "ap-southeast-3",
  "ap-southeast-4",
  "ap-southeast-5",
  "ap-southeast-7",
  "ca-central-1",
  "ca-west-1",
  "eu-central-1",
  "eu-central-2",
  "eu-north-1",
  "eu-south-1",
  "eu-south-2",
  "eu-west-1",
  "eu-west-2",
  "eu-west-3",
  "il-central-1",
  "me-central-1",
  "me-south-1",
  "mx-central-1",
  "sa-east-1",
  "us-east-1",
  "us-east-2",
  "us-west-1",
  "us-west-2",
];

/** Those know nothing of the others. */
const OTHER_PARTITION = /^(cn|us-gov|us-iso[a-z]?|eu-isoe|eusc)-/;

/**
 * Throws `region-unknown` for a region that AWS does not have. Endpoints of regions that are not do not exist, and what
 * that looks like depends on who is asked. A failure to look it up is none of the region's.
 */
export async function requireRegion(region: string): Promise<void> {
  if (KNOWN.includes(region) || OTHER_PARTITION.test(region)) return;
  const names = await askForRegions();
  if (names === null || names.includes(region)) return;
  const meant = nearest(region, names);
  throw new RaftLiteError(
    "region-unknown",
    `AWS has no region ${region}${meant === null ? ": aws ec2 describe-regions lists them" : `: did you mean ${meant}?`}`,
  );
}

async function askForRegions(): Promise<string[] | null> {
  const client = new EC2Client({ region: "us-east-1", maxAttempts: 2 });
  try {
    const { Regions = [] } = await client.send(new DescribeRegionsCommand({ AllRegions: true }));
    return Regions.map(({ RegionName = "" }) => RegionName);
  } catch {
    return null;
  } finally {
    client.destroy();
  }
}
