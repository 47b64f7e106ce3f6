import { EC2ServiceException } from "@aws-sdk/client-ec2";
import { IAMServiceException } from "@aws-sdk/client-iam";
import { S3ServiceException } from "@aws-sdk/client-s3";
import { ServiceQuotasServiceException } from "@aws-sdk/client-service-quotas";
import { SSMServiceException } from "@aws-sdk/client-ssm";
import { STSServiceException } from "@aws-sdk/client-sts";

export type ServiceName = "ec2" | "iam" | "s3" | "ssm" | "sts" | "service-quotas";

const EXCEPTIONS = {
  ec2: EC2ServiceException,
  iam: IAMServiceException,
  s3: S3ServiceException,
  ssm: SSMServiceException,
  sts: STSServiceException,
  "service-quotas": ServiceQuotasServiceException,
} as const;

/** What a service answers instead of a result, as the SDK throws it: `name` is the code. */
export function refusal(
  service: ServiceName,
  code: string,
  message: string,
  status = 400,
): InstanceType<(typeof EXCEPTIONS)[ServiceName]> {
  return new EXCEPTIONS[service]({
    name: code,
    message,
    $fault: status < 500 ? "client" : "server",
    $metadata: { httpStatusCode: status, requestId: "11111111-2222-3333-4444-555555555555", attempts: 1 },
  });
}

/** What AWS says to one who may not. */
export function denial(service: ServiceName, operation: string): Error {
  const what = `${service}:${operation}`;
  const message = `User: arn:aws:iam::123456789012:user/operator is not authorized to perform: ${what} on resource: * because no identity-based policy allows the ${what} action`;
  if (service === "ec2") return refusal(service, "UnauthorizedOperation", message, 403);
  // A HEAD has no body: the SDK is left with the number.
  if (operation.startsWith("Head")) return refusal(service, "403", "UnknownError", 403);
  const code = service === "ssm" || service === "service-quotas" ? "AccessDeniedException" : "AccessDenied";
  return refusal(service, code, message, service === "ssm" || service === "service-quotas" ? 400 : 403);
}

export function throttling(service: ServiceName): Error {
  if (service === "ec2") return refusal(service, "RequestLimitExceeded", "Request limit exceeded.", 503);
  if (service === "s3") return refusal(service, "SlowDown", "Please reduce your request rate.", 503);
  if (service === "service-quotas") return refusal(service, "TooManyRequestsException", "Rate exceeded", 429);
  return refusal(service, service === "ssm" ? "ThrottlingException" : "Throttling", "Rate exceeded", 400);
}

/** The program under test is gone, as by `kill -9`: nothing that it still tries has an effect. */
export class ProgramDied extends Error {
  override readonly name = "ProgramDied";
}

/** The program asked for what this model does not know, or no such API has: a fault of the test or of the program. */
export class NotModelled extends Error {
  override readonly name = "NotModelled";
}
