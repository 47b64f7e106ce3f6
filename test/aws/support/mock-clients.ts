import { EC2Client } from "@aws-sdk/client-ec2";
import { IAMClient } from "@aws-sdk/client-iam";
import { S3Client } from "@aws-sdk/client-s3";
import { ServiceQuotasClient } from "@aws-sdk/client-service-quotas";
import { SSMClient } from "@aws-sdk/client-ssm";
import { STSClient } from "@aws-sdk/client-sts";
import { mockClient } from "aws-sdk-client-mock";
import type { ServiceName } from "./cloud-errors.ts";
import type { Answered, FakeCloud } from "./fake-cloud.ts";

const CLIENTS: Readonly<Record<ServiceName, Parameters<typeof mockClient>[0]>> = {
  ec2: EC2Client as never,
  iam: IAMClient as never,
  s3: S3Client as never,
  ssm: SSMClient as never,
  sts: STSClient as never,
  "service-quotas": ServiceQuotasClient as never,
};

/**
 * Puts a fake cloud behind every client of the SDK in this process, whoever makes it. Returns what takes it away again.
 * Nothing goes out: an operation that the cloud does not model is refused.
 */
export function mockClients(cloud: FakeCloud): { restore(): void } {
  const stubs = Object.entries(CLIENTS).map(([service, client]) => {
    const stub = mockClient(client);
    // One fake for all commands: a matcher for each makes a run of some thousand calls slow.
    stub.send.callsFake((command) => {
      const operation = command.constructor.name.replace(/Command$/, "");
      return sendAsSdk(cloud, service as ServiceName, operation, command.input);
    });
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
): Promise<Answered> {
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
