import { BUNDLE_TAG, bundleKey, CLUSTER_TAG, GENERATION_TAG, REPLACED_TAG, resourceNames } from "./names.ts";

/**
 * The IAM policies of a cluster. Which action knows which resources and conditions is AWS's Service Authorization
 * Reference: an action that knows none is allowed on everything, and then for one region only.
 */
export interface Statement {
  readonly Sid: string;
  readonly Effect: "Allow";
  readonly Action: string | readonly string[];
  readonly Resource: string | readonly string[];
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>;
}

/** Where in AWS a cluster is: `partition` is the `aws` of its ARNs, `aws-cn` or `aws-us-gov` in regions of their own. */
export interface Place {
  readonly account: string;
  readonly region: string;
  readonly partition: string;
}

/** EC2's quota of vCPUs for on-demand instances of the standard families (A, C, D, H, I, M, R, T, Z). */
export const VCPU_QUOTA = "L-1216C47A";

/** The document of Systems Manager that runs lines of a shell; AWS's own. */
export const RUN_SHELL_DOCUMENT = "AWS-RunShellScript";

/**
 * The only policy of the instances' role, as JSON text that is the same for the same cluster. AWS's own
 * AmazonSSMManagedInstanceCore would let every instance read every parameter of the account, other clusters' secrets too.
 */
export function instancePolicy(
  own: Place & { readonly bucket: string; readonly secretParameter: string },
): string {
  const { partition, region, account } = own;
  return policyText([
    // What the SSM agent needs to be told what to run, and to say what came of it: none of it knows resources.
    allow("Agent", [
      "ec2messages:AcknowledgeMessage",
      "ec2messages:DeleteMessage",
      "ec2messages:FailMessage",
      "ec2messages:GetEndpoint",
      "ec2messages:GetMessages",
      "ec2messages:SendReply",
      "ssm:UpdateInstanceInformation",
      "ssmmessages:CreateControlChannel",
      "ssmmessages:CreateDataChannel",
      "ssmmessages:OpenControlChannel",
      "ssmmessages:OpenDataChannel",
    ]),
    allow("Secret", ["ssm:GetParameter"], [parameterArn(partition, region, account, own.secretParameter)]),
    allow("Bundles", ["s3:GetObject"], [`arn:${partition}:s3:::${own.bucket}/${BUNDLES}`]),
  ]);
}

/** Who may take on the instances' role: EC2, for an instance that was given it. */
export function trustPolicy(partition: string): string {
  return JSON.stringify({
    Version: "2012-10-17",
    Statement: [{ Effect: "Allow", Principal: { Service: ec2Service(partition) }, Action: "sts:AssumeRole" }],
  });
}

/**
 * The least that whoever runs `ec2` must be allowed, as indented JSON text, for one cluster in one region. It fits in one
 * managed policy: 6,144 characters, not counting white space.
 */
export function operatorPolicy(own: OperatorPlace): string {
  return policyText(operatorStatements(own), 2);
}

export interface OperatorPlace extends Place {
  readonly cluster: string;
}

/** The statements of the operator's policy. */
export function operatorStatements(own: OperatorPlace): Statement[] {
  const { account, region, partition, cluster } = own;
  const names = resourceNames(cluster, account, region);
  const ec2 = (type: string) => `arn:${partition}:ec2:${region}:${account}:${type}/*`;
  const owned = ["elastic-ip", "instance", "network-interface", "security-group", "volume"].map(ec2);
  const isOwn = { [`aws:ResourceTag/${CLUSTER_TAG}`]: cluster };
  const becomesOwn = { [`aws:RequestTag/${CLUSTER_TAG}`]: cluster };
  const role = `arn:${partition}:iam::${account}:role/${names.role}`;
  const bucket = `arn:${partition}:s3:::${names.bucket}`;
  const sendCommand = ["ssm:SendCommand"];

  return [
    allow("Look", LOOKING, ["*"], { StringEquals: { "aws:RequestedRegion": region } }),
    allow(
      "Quota",
      ["servicequotas:GetServiceQuota"],
      [`arn:${partition}:servicequotas:${region}:${account}:ec2/${VCPU_QUOTA}`],
    ),
    allow("Create", CREATING, owned, { StringEquals: becomesOwn }),
    allow("TagWhatIsCreated", ["ec2:CreateTags"], [ec2("*")], {
      StringEquals: {
        ...becomesOwn,
        "ec2:CreateAction": [...CREATING, "ec2:AuthorizeSecurityGroupIngress"].map(withoutService),
      },
    }),
    allow("TagOwn", ["ec2:CreateTags"], [ec2("*")], {
      StringEquals: isOwn,
      // Not the cluster's own tag: nothing changes hands.
      "ForAllValues:StringEquals": { "aws:TagKeys": [BUNDLE_TAG, GENERATION_TAG, REPLACED_TAG] },
    }),
    allow("ChangeOwn", CHANGING, owned, { StringEquals: isOwn }),
    allow("OpenPorts", ["ec2:AuthorizeSecurityGroupIngress"], [ec2("security-group-rule")], {
      StringEquals: becomesOwn,
    }),
    // The network is the account's, and what an instance is launched on is judged by no tag.
    allow(
      "IntoNetwork",
      ["ec2:CreateNetworkInterface", "ec2:CreateSecurityGroup"],
      [ec2("subnet"), ec2("vpc")],
    ),
    // A security group, because a launch that is only tried out, before there is one, is judged with the network's own.
    allow("LaunchOn", ["ec2:RunInstances"], ["network-interface", "security-group", "subnet"].map(ec2)),
    allow("Image", ["ec2:RunInstances"], [`arn:${partition}:ec2:${region}::image/*`], {
      StringEquals: { "ec2:Owner": "amazon" },
    }),
    allow("Role", ROLE, [role]),
    allow("PassRole", ["iam:PassRole"], [role], {
      StringEquals: { "iam:PassedToService": ec2Service(partition) },
    }),
    allow("Profile", PROFILE, [`arn:${partition}:iam::${account}:instance-profile/${names.profile}`]),
    allow(
      "WhatAmIAllowed",
      ["iam:SimulatePrincipalPolicy"],
      [`arn:${partition}:iam::${account}:user/\${aws:username}`],
    ),
    allow("Bucket", BUCKET, [bucket]),
    allow("Bundles", BUNDLE, [`${bucket}/${BUNDLES}`]),
    allow("Record", PARAMETER, [
      parameterArn(partition, region, account, names.record),
      parameterArn(partition, region, account, names.secret),
    ]),
    allow(
      "NewestImage",
      ["ssm:GetParameter"],
      [`arn:${partition}:ssm:${region}::parameter/aws/service/ami-amazon-linux-latest/*`],
    ),
    allow("RunDocument", sendCommand, [`arn:${partition}:ssm:${region}::document/${RUN_SHELL_DOCUMENT}`]),
    allow("RunOnOwn", sendCommand, [ec2("instance")], {
      StringEquals: { [`ssm:resourceTag/${CLUSTER_TAG}`]: cluster },
    }),
  ];
}

/** Every bundle's key matches it. */
const BUNDLES = bundleKey("*").replace("*.tar.gz", "*");

/** Actions that know no resources. */
const LOOKING = [
  "ec2:DescribeAccountAttributes",
  "ec2:DescribeAddresses",
  "ec2:DescribeAvailabilityZones",
  "ec2:DescribeImages",
  "ec2:DescribeInstanceTypeOfferings",
  "ec2:DescribeInstanceTypes",
  "ec2:DescribeInstances",
  "ec2:DescribeNetworkInterfaces",
  "ec2:DescribeRegions",
  "ec2:DescribeSecurityGroups",
  "ec2:DescribeSubnets",
  "ec2:DescribeVolumes",
  "ec2:DescribeVpcs",
  "ssm:GetCommandInvocation",
];

/** Actions whose result is tagged with them. */
const CREATING = [
  "ec2:AllocateAddress",
  "ec2:CreateNetworkInterface",
  "ec2:CreateSecurityGroup",
  "ec2:CreateVolume",
  "ec2:RunInstances",
];

/** Actions on what carries the cluster's tag; an interface is created in its security group. */
const CHANGING = [
  "ec2:AssociateAddress",
  "ec2:AttachVolume",
  "ec2:AuthorizeSecurityGroupIngress",
  "ec2:CreateNetworkInterface",
  "ec2:DeleteNetworkInterface",
  "ec2:DeleteSecurityGroup",
  "ec2:DeleteVolume",
  "ec2:DisassociateAddress",
  "ec2:GetConsoleOutput",
  "ec2:ReleaseAddress",
  "ec2:RevokeSecurityGroupIngress",
  "ec2:StartInstances",
  "ec2:TerminateInstances",
];

const ROLE = [
  "iam:CreateRole",
  "iam:DeleteRole",
  "iam:DeleteRolePolicy",
  "iam:GetRole",
  "iam:GetRolePolicy",
  "iam:ListRolePolicies",
  "iam:PutRolePolicy",
  "iam:TagRole",
];

const PROFILE = [
  "iam:AddRoleToInstanceProfile",
  "iam:CreateInstanceProfile",
  "iam:DeleteInstanceProfile",
  "iam:GetInstanceProfile",
  "iam:RemoveRoleFromInstanceProfile",
  "iam:TagInstanceProfile",
];

const BUCKET = [
  "s3:CreateBucket",
  "s3:DeleteBucket",
  "s3:GetBucketTagging",
  "s3:ListBucket",
  "s3:ListBucketVersions",
  "s3:PutBucketPublicAccessBlock",
  "s3:PutBucketTagging",
];

/** HeadObject asks for the right to get, DeleteObjects for those to delete one. */
const BUNDLE = [
  "s3:DeleteObject",
  "s3:DeleteObjectVersion",
  "s3:GetObject",
  "s3:PutObject",
  "s3:PutObjectTagging",
];

const PARAMETER = ["ssm:AddTagsToResource", "ssm:DeleteParameter", "ssm:GetParameter", "ssm:PutParameter"];

function allow(
  sid: string,
  action: readonly string[],
  resource: readonly string[] = ["*"],
  condition?: Statement["Condition"],
): Statement {
  return {
    Sid: sid,
    Effect: "Allow",
    Action: oneOrMany(action),
    Resource: oneOrMany(resource),
    ...(condition !== undefined && { Condition: condition }),
  };
}

/** A list of one is written without its brackets: every character counts. */
function oneOrMany(list: readonly string[]): string | readonly string[] {
  return list.length === 1 ? list[0]! : list;
}

function policyText(statements: readonly Statement[], indent?: number): string {
  return JSON.stringify({ Version: "2012-10-17", Statement: statements }, null, indent);
}

/** Names of parameters begin with the slash that follows `parameter`. */
function parameterArn(partition: string, region: string, account: string, name: string): string {
  return `arn:${partition}:ssm:${region}:${account}:parameter${name}`;
}

function ec2Service(partition: string): string {
  return partition === "aws-cn" ? "ec2.amazonaws.com.cn" : "ec2.amazonaws.com";
}

function withoutService(action: string): string {
  return action.slice(action.indexOf(":") + 1);
}
