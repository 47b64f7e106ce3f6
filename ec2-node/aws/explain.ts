import { RaftLiteError } from "../../shared/errors.ts";
import { printable } from "../../shared/printable.ts";

/** What an error of AWS is about, for a sentence that says what to do. */
export interface ErrorContext {
  /** As IAM calls it: `ec2:RunInstances`. */
  readonly action: string;
  readonly region: string;
  /** What was asked for: "a t3.small in us-east-1a for A". */
  readonly subject?: string | undefined;
}

/** The code of an AWS error: its name, such as `InvalidGroup.Duplicate`; "" for anything else. */
export function awsCode(error: unknown): string {
  return error instanceof Error ? error.name : "";
}

/** HTTP status of the answer that carried the error; 0 where there was none. */
export function httpStatus(error: unknown): number {
  const metadata = (error as { $metadata?: { httpStatusCode?: number } } | null)?.$metadata;
  return metadata?.httpStatusCode ?? 0;
}

const THROTTLED =
  /^(RequestLimitExceeded|Throttling|ThrottlingException|ThrottledException|EC2ThrottledException|TooManyRequestsException|RequestThrottled|RequestThrottledException|SlowDown|PriorRequestNotComplete|BandwidthLimitExceeded)$/;
/** Something else is being done to the same thing: S3 says so for a while of a bucket that was deleted. */
const BUSY = /^(OperationAborted|TooManyUpdates|ConcurrentModification(Exception)?|ConcurrentTagAccess)$/;
const FAILING = /^(InternalError|InternalFailure|InternalServerError|ServiceUnavailable|Unavailable)$/;

/** AWS asks for patience: the same request is to be sent again later. */
export function isThrottled(error: unknown): boolean {
  return THROTTLED.test(awsCode(error)) || BUSY.test(awsCode(error));
}

/** AWS itself fails, for the moment perhaps. */
export function isFailing(error: unknown): boolean {
  return FAILING.test(awsCode(error)) || httpStatus(error) >= 500;
}

const DENIED = /^(UnauthorizedOperation|AccessDenied|AccessDeniedException|UnauthorizedException|Forbidden)$/;

function isDenied(error: unknown): boolean {
  return DENIED.test(awsCode(error)) || httpStatus(error) === 403;
}

const EXPIRED = /^(ExpiredToken|ExpiredTokenException|RequestExpired|TokenRefreshRequired)$/;
const NOT_ACCEPTED =
  /^(AuthFailure|InvalidClientTokenId|UnrecognizedClientException|SignatureDoesNotMatch|InvalidAccessKeyId|InvalidSignatureException|IncompleteSignature|OptInRequired)$/;
const UNREACHABLE: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nobody listens there",
  ECONNRESET: "the connection was cut",
  EHOSTUNREACH: "there is no way to it",
  ENETUNREACH: "there is no network",
  ETIMEDOUT: "it does not answer",
  TimeoutError: "it does not answer",
};

/** One line that says what happened and what to do, in place of the SDK's error. RaftLiteErrors stay as they are. */
export function explain(error: unknown, context: ErrorContext): RaftLiteError {
  if (error instanceof RaftLiteError) return error;
  const { action, region } = context;
  const make = (code: string, message: string): RaftLiteError =>
    new RaftLiteError(code, message, { cause: error, details: { action } });
  const code = awsCode(error);
  const said = firstLine(error);
  const system = systemCode(error);
  if (code === "CredentialsProviderError" || code === "TokenProviderError") {
    return /expired/i.test(said)
      ? make("credentials-expired", `the session of your AWS credentials has expired: ${said}`)
      : make(
          "no-credentials",
          "no AWS credentials were found: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or sign in with the AWS CLI",
        );
  }
  if (EXPIRED.test(code)) {
    return make("credentials-expired", "the AWS credentials have expired: sign in again, or set new ones");
  }
  if (NOT_ACCEPTED.test(code)) {
    return make(
      "credentials-refused",
      `AWS does not accept these credentials in ${region} (${code}): are they right, and is this region enabled for the account?`,
    );
  }
  if (isDenied(error)) {
    return make(
      "not-permitted",
      `not permitted: ${action}${alsoNeeded(error, action)}${context.subject === undefined ? "" : ` (${context.subject})`}: ` +
        "allow it to whoever the credentials belong to; `raft-lite ec2 doctor` prints a policy with all that is needed",
    );
  }
  if (system === "ENOTFOUND" || system === "EAI_AGAIN") {
    return make(
      "region-unknown",
      `cannot find AWS in ${region}: is that a region, and does this machine reach the network?`,
    );
  }
  const reason = UNREACHABLE[system] ?? UNREACHABLE[code];
  if (reason !== undefined) return make("aws-unreachable", `cannot reach AWS in ${region}: ${reason}`);
  if (isThrottled(error)) {
    return make("aws-busy", `${action}: AWS is still too busy (${code}): run the same line again later`);
  }
  const known = explainLimits(code, context);
  if (known !== undefined) return make(known.code, known.message);
  if (isFailing(error)) {
    return make(
      "aws-failing",
      `${action}: AWS fails in ${region} (${code || said}): run the same line again later`,
    );
  }
  return make("aws-error", `${action} failed: ${code}${code === "" ? "" : ": "}${said}`);
}

/** A launch is refused for want of `iam:PassRole`, too: AWS says which it was. */
function alsoNeeded(error: unknown, action: string): string {
  const said = error instanceof Error ? error.message : "";
  const needed = /not authorized to perform:? ([a-z0-9-]+:[A-Za-z]+)/.exec(said)?.[1] ?? action;
  return needed === action ? "" : `, for want of ${needed}`;
}

function explainLimits(
  code: string,
  { region, subject = "it" }: ErrorContext,
): { code: string; message: string } | undefined {
  switch (code) {
    case "InsufficientInstanceCapacity":
    case "InsufficientHostCapacity":
    case "InsufficientCapacity":
      return {
        code: "no-capacity",
        message: `AWS has no room at present for ${subject}: run the same line again later, or take another --instance-type`,
      };
    case "Unsupported":
    case "UnsupportedOperation":
    case "InvalidInstanceType":
      return {
        code: "instance-type-not-offered",
        message: `AWS does not offer ${subject}: take another --instance-type, or another region`,
      };
    case "AddressLimitExceeded":
      return {
        code: "quota-reached",
        message: `the account's quota of Elastic IP addresses in ${region} is reached: release some, ask for more in Service Quotas ("EC2-VPC Elastic IPs"), or start with --private`,
      };
    case "VcpuLimitExceeded":
    case "InstanceLimitExceeded":
      return {
        code: "quota-reached",
        message: `the account's quota of running instances in ${region} is reached: ask for more in Service Quotas ("Running On-Demand Standard instances"), or take a smaller --instance-type`,
      };
    case "PendingVerification":
      return {
        code: "account-not-ready",
        message: `AWS is still checking the account for ${region}: try again later`,
      };
    case "Gateway.NotAttached":
      return {
        code: "no-internet-gateway",
        message:
          "the network has no internet gateway, so a public address is of no use: attach one, or start with --private",
      };
    default:
      return /LimitExceeded|^TooMany/.test(code)
        ? {
            code: "quota-reached",
            message: `a quota of the account in ${region} is reached (${code}) for ${subject}: ask for more in Service Quotas, or delete what is not needed`,
          }
        : undefined;
  }
}

/** The message of an AWS error without the encoded blobs some carry. */
function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const line = text.split("\n", 1)[0] ?? "";
  return printable(line.replace(/ ?Encoded authorization failure message: \S+/, "").trim());
}

/** The code of what Node's network functions threw, which the SDK may have wrapped. */
function systemCode(error: unknown): string {
  for (let at = error, depth = 0; at instanceof Error && depth < 4; at = at.cause, depth++) {
    const { code, errors } = at as NodeJS.ErrnoException & { errors?: unknown[] };
    if (typeof code === "string" && /^E[A-Z_]+$/.test(code)) return code;
    const first = errors?.[0] as NodeJS.ErrnoException | undefined;
    if (typeof first?.code === "string") return first.code;
  }
  return "";
}
