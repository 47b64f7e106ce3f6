import { EC2Client } from "@aws-sdk/client-ec2";
import { IAMClient } from "@aws-sdk/client-iam";
import { S3Client } from "@aws-sdk/client-s3";
import { ServiceQuotasClient } from "@aws-sdk/client-service-quotas";
import { SSMClient } from "@aws-sdk/client-ssm";
import { STSClient } from "@aws-sdk/client-sts";
import { usageError } from "../../shared/config/usage-error.ts";
import { requireRegion } from "./regions.ts";

/** The services of AWS that a cluster is made of. */
export interface AwsClients {
  readonly region: string;
  readonly ec2: EC2Client;
  readonly iam: IAMClient;
  readonly s3: S3Client;
  readonly ssm: SSMClient;
  readonly sts: STSClient;
  readonly quotas: ServiceQuotasClient;
}

/**
 * Clients with the credentials, the region and the endpoint that the SDK finds by itself: environment, `~/.aws`, single
 * sign-on, an instance's role. `region` wins over what it finds. Throws a usage error where there is none, and
 * `region-unknown` for one that AWS does not have.
 */
export async function openClients(region: string | undefined): Promise<AwsClients> {
  const settings = {
    // Other SDKs of AWS read this variable; the one for JavaScript does not.
    ...regionSetting(region ?? process.env.AWS_REGION ?? process.env.AWS_DEFAULT_REGION),
    maxAttempts: 4,
    requestHandler: { connectionTimeout: 10_000, requestTimeout: 60_000 },
  };
  const ec2 = new EC2Client(settings);
  const found = await readRegion(ec2);
  await requireRegion(found);
  return {
    region: found,
    ec2,
    iam: new IAMClient(settings),
    // An endpoint of one's own rarely has a name for each bucket.
    s3: new S3Client({ ...settings, forcePathStyle: hasOwnEndpoint(process.env) }),
    ssm: new SSMClient(settings),
    sts: new STSClient(settings),
    quotas: new ServiceQuotasClient(settings),
  };
}

function regionSetting(region: string | undefined): { region?: string } {
  if (region === undefined || region === "") return {};
  if (!/^[a-z]{2,}(?:-[a-z]+)+-\d+$/.test(region)) {
    throw usageError(`--region: "${region}" is not a region of AWS, such as us-east-1`);
  }
  return { region };
}

async function readRegion(client: EC2Client): Promise<string> {
  try {
    return await client.config.region();
  } catch {
    throw usageError("no region is set: give --region, such as --region us-east-1, or set AWS_REGION");
  }
}

function hasOwnEndpoint(env: NodeJS.ProcessEnv): boolean {
  return Boolean(env.AWS_ENDPOINT_URL || env.AWS_ENDPOINT_URL_S3);
}
