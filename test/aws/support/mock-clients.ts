import * as ec2 from "@aws-sdk/client-ec2";
import * as iam from "@aws-sdk/client-iam";
import * as s3 from "@aws-sdk/client-s3";
import * as quotas from "@aws-sdk/client-service-quotas";
import * as ssm from "@aws-sdk/client-ssm";
import * as sts from "@aws-sdk/client-sts";
import { mockClient } from "aws-sdk-client-mock";
import type { ServiceName } from "./cloud-errors.ts";
import { NotModelled } from "./cloud-errors.ts";
import type { FakeCloud } from "./fake-cloud.ts";

const SERVICES: Readonly<Record<ServiceName, { client: unknown; commands: object }>> = {
  ec2: { client: ec2.EC2Client, commands: ec2 },
  iam: { client: iam.IAMClient, commands: iam },
  s3: { client: s3.S3Client, commands: s3 },
  ssm: { client: ssm.SSMClient, commands: ssm },
  sts: { client: sts.STSClient, commands: sts },
  "service-quotas": { client: quotas.ServiceQuotasClient, commands: quotas },
};

type Stub = ReturnType<typeof mockClient>;

/**
 * Puts a fake cloud behind every client of the SDK in this process, whoever makes it. Returns what takes it away again.
 * Nothing goes out: an operation that the cloud does not model is refused.
 */
export function mockClients(cloud: FakeCloud): { restore(): void } {
  const stubs = Object.entries(SERVICES).map(([name, { client, commands }]) => {
    const service = name as ServiceName;
    const stub = mockClient(client as Parameters<typeof mockClient>[0]) as unknown as Stub;
    stub
      .onAnyCommand()
      .callsFake((_input: unknown) => Promise.reject(new NotModelled(`an operation of ${service}`)));
    for (const operation of cloud.operationsOf(service)) {
      const command = (commands as Record<string, unknown>)[`${operation}Command`];
      if (command === undefined) throw new Error(`the SDK has no ${operation}Command`);
      stub.on(command as never).callsFake((input: object) => sendAsSdk(cloud, service, operation, input));
    }
    return stub;
  });
  return {
    restore: () => {
      for (const stub of stubs) stub.restore();
    },
  };
}

/** What the SDK does by itself where the network or AWS's patience fails it: the same once more, four times in all. */
async function sendAsSdk(
  cloud: FakeCloud,
  service: ServiceName,
  operation: string,
  input: object,
): Promise<object> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await cloud.handle(service, operation, input);
    } catch (error) {
      if (attempt === SDK_ATTEMPTS || !isRetriedBySdk(error)) throw error;
      await cloud.clock.sleep(100 * 2 ** attempt);
    }
  }
}

const SDK_ATTEMPTS = 4;

function isRetriedBySdk(error: unknown): boolean {
  const { name, code, $metadata } = error as {
    name: string;
    code?: string;
    $metadata?: { httpStatusCode?: number };
  };
  if (code === "ECONNRESET" || /Throttling|RequestLimitExceeded|SlowDown|TooManyRequests/.test(name))
    return true;
  return [500, 502, 503, 504].includes($metadata?.httpStatusCode ?? 0);
}
