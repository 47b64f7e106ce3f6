import type { ServiceName } from "./cloud-errors.ts";
import type { Context } from "./iam-judge.ts";
import type { Call } from "./misbehaviour.ts";

/** One thing that IAM is asked about before a call is carried out. */
export interface Question {
  readonly action: string;
  readonly resource: string;
  readonly context: Context;
}

interface Tag {
  readonly Key: string;
  readonly Value: string;
}

const PREFIXES: Readonly<Record<ServiceName, string>> = {
  ec2: "ec2",
  iam: "iam",
  s3: "s3",
  ssm: "ssm",
  sts: "sts",
  "service-quotas": "servicequotas",
};

/** Parameters of EC2 that name what a call is about, and its type in an ARN. */
const SUBJECTS: readonly (readonly [parameter: string, type: string])[] = [
  ["GroupId", "security-group"],
  ["Groups", "security-group"],
  ["VolumeId", "volume"],
  ["InstanceId", "instance"],
  ["InstanceIds", "instance"],
  ["NetworkInterfaceId", "network-interface"],
  ["AllocationId", "elastic-ip"],
  ["AssociationId", "elastic-ip"],
];

/** What a call creates or uses of the account's own, which carries no tag of a cluster. */
const USED: Readonly<Record<string, readonly string[]>> = {
  CreateNetworkInterface: ["subnet"],
  CreateSecurityGroup: ["vpc"],
};

const TYPES: Readonly<Record<string, string>> = {
  i: "instance",
  eni: "network-interface",
  vol: "volume",
  sg: "security-group",
  eipalloc: "elastic-ip",
};

/** S3 asks for other actions than its operations are called, by the Service Authorization Reference. */
const S3_ACTIONS: Readonly<Record<string, readonly string[]>> = {
  DeleteObjects: ["DeleteObject", "DeleteObjectVersion"],
  HeadBucket: ["ListBucket"],
  ListObjectVersions: ["ListBucketVersions"],
  ListObjectsV2: ["ListBucket"],
  PutPublicAccessBlock: ["PutBucketPublicAccessBlock"],
};

/** All that must be allowed for a call on a cluster of this name. */
export function questionsOf(call: Call, account: string, region: string, cluster: string): Question[] {
  const action = `${PREFIXES[call.service]}:${call.operation}`;
  const ask = (resource: string, context: Context = {}, other = action): Question => ({
    action: other,
    resource,
    context: { "aws:RequestedRegion": region, ...context },
  });
  switch (call.service) {
    case "ec2":
      return ec2Questions(call, ask, (type) => `arn:aws:ec2:${region}:${account}:${type}/x`, region, cluster);
    case "iam":
      return iamQuestions(call, ask, `arn:aws:iam::${account}:`);
    case "s3":
      return s3Questions(call, ask);
    case "ssm":
      return ssmQuestions(call, ask, { account, region, cluster });
    case "service-quotas":
      return [ask(`arn:aws:servicequotas:${region}:${account}:ec2/${call.input.QuotaCode}`)];
    case "sts":
      // Everybody may ask who he is.
      return [];
  }
}

type Ask = (resource: string, context?: Context, action?: string) => Question;

function ec2Questions(
  { operation, input }: Call,
  ask: Ask,
  arn: (type: string) => string,
  region: string,
  cluster: string,
): Question[] {
  if (/^Describe/.test(operation)) return [ask("*")];
  const own = { "aws:ResourceTag/raft-cluster": cluster };
  if (operation === "CreateTags") {
    return (input.Resources as string[]).map((id) =>
      ask(arn(TYPES[id.split("-")[0]!] ?? "unknown"), { ...own, ...tagging(input.Tags as Tag[]) }),
    );
  }
  const specifications = (input.TagSpecifications ?? []) as { ResourceType: string; Tags: Tag[] }[];
  const created = specifications.flatMap(({ ResourceType, Tags }) => {
    const tags = tagging(Tags);
    return [
      ask(arn(ResourceType), tags),
      ask(arn(ResourceType), { ...tags, "ec2:CreateAction": operation }, "ec2:CreateTags"),
    ];
  });
  const used = (USED[operation] ?? []).map((type) => ask(arn(type)));
  if (operation === "RunInstances") {
    const where = input.NetworkInterfaces === undefined ? ["subnet", "security-group"] : [];
    const tagged = specifications.map(({ ResourceType }) => ResourceType);
    const untagged = ["instance", "volume"].filter((type) => !tagged.includes(type));
    return [
      ...created,
      ...["network-interface", ...where, ...untagged].map((type) => ask(arn(type))),
      ask(`arn:aws:ec2:${region}::image/${input.ImageId}`, { "ec2:Owner": "amazon" }),
    ];
  }
  const subjects = SUBJECTS.flatMap(([parameter, type]) =>
    input[parameter] === undefined ? [] : [ask(arn(type), own)],
  );
  return [...created, ...used, ...subjects];
}

function tagging(tags: readonly Tag[]): Context {
  return {
    "aws:TagKeys": tags.map(({ Key }) => Key),
    ...Object.fromEntries(tags.map(({ Key, Value }) => [`aws:RequestTag/${Key}`, Value])),
  };
}

function iamQuestions({ operation, input }: Call, ask: Ask, prefix: string): Question[] {
  const role = `${prefix}role/${input.RoleName}`;
  const profile = `${prefix}instance-profile/${input.InstanceProfileName}`;
  const subject = operation.includes("InstanceProfile") ? profile : role;
  const tags = input.Tags === undefined ? [] : [ask(subject, {}, operation.replace("Create", "iam:Tag"))];
  const passed =
    operation === "AddRoleToInstanceProfile"
      ? [ask(role, { "iam:PassedToService": "ec2.amazonaws.com" }, "iam:PassRole")]
      : [];
  return [ask(subject), ...tags, ...passed];
}

function s3Questions({ operation, input }: Call, ask: Ask): Question[] {
  const bucket = `arn:aws:s3:::${input.Bucket}`;
  const keys = ((input.Delete as { Objects: { Key: string }[] })?.Objects ?? [input]) as { Key?: string }[];
  const actions = (S3_ACTIONS[operation] ?? [operation]).map((name) => `s3:${name}`);
  const tagged = input.Tagging !== undefined && input.Key !== undefined ? ["s3:PutObjectTagging"] : [];
  return keys.flatMap(({ Key }) =>
    [...actions, ...tagged].map((name) => ask(Key === undefined ? bucket : `${bucket}/${Key}`, {}, name)),
  );
}

function ssmQuestions(
  { operation, input }: Call,
  ask: Ask,
  { account, region, cluster }: { account: string; region: string; cluster: string },
): Question[] {
  if (operation === "GetCommandInvocation") return [ask("*")];
  if (operation === "SendCommand") {
    return [
      ask(`arn:aws:ssm:${region}::document/${input.DocumentName}`),
      ask(`arn:aws:ec2:${region}:${account}:instance/x`, { "ssm:resourceTag/raft-cluster": cluster }),
    ];
  }
  const name = String(input.Name);
  const owner = name.startsWith("/aws/") ? "" : account;
  const parameter = `arn:aws:ssm:${region}:${owner}:parameter${name}`;
  return [ask(parameter), ...(input.Tags === undefined ? [] : [ask(parameter, {}, "ssm:AddTagsToResource")])];
}
