import { describe, expect, test } from "vitest";
import { RaftLiteError } from "../../shared/errors.ts";
import type { Deployment, Run } from "./support/deployment.ts";
import { inventory, untagged } from "./support/inventory.ts";
import { onCloud } from "./support/on-cloud.ts";

interface Refusal {
  readonly name: string;
  readonly arrange: (d: Deployment) => void;
  readonly run?: (d: Deployment) => Promise<Run>;
  readonly code: string;
  /** What the line says: what is wrong, and what to do. */
  readonly says: readonly RegExp[];
  /** What exists afterwards; nothing unless said. */
  readonly leaves?: readonly RegExp[];
}

const refused = (
  d: Deployment,
  service: "ec2" | "iam" | "s3" | "ssm" | "sts",
  operation: string,
  code: string,
): void => d.cloud.misbehaviour.refuse(service, operation, { code, message: `${code}, as AWS words it` });

const REFUSALS: readonly Refusal[] = [
  {
    name: "credentials that AWS does not know",
    arrange: (d) => refused(d, "sts", "GetCallerIdentity", "InvalidClientTokenId"),
    code: "credentials-refused",
    says: [/does not accept these credentials/, /are they right/],
  },
  {
    name: "credentials that have expired",
    arrange: (d) => refused(d, "sts", "GetCallerIdentity", "ExpiredToken"),
    code: "credentials-expired",
    says: [/expired/, /sign in again/],
  },
  {
    name: "no credentials at all",
    arrange: (d) => refused(d, "sts", "GetCallerIdentity", "CredentialsProviderError"),
    code: "no-credentials",
    says: [/no AWS credentials were found/, /AWS_ACCESS_KEY_ID/],
  },
  {
    name: "no default network",
    arrange: (d) => d.cloud.ec2.network.vpcs.clear(),
    code: "no-default-network",
    says: [/no default VPC in us-east-1/, /--subnets/],
  },
  {
    name: "fewer than three zones",
    arrange: (d) => {
      const { subnets } = d.cloud.ec2.network;
      for (const [id, { zone }] of subnets) if (/[cd]$/.test(zone)) subnets.delete(id);
    },
    code: "too-few-zones",
    says: [/three zones are needed/, /us-east-1a, us-east-1b/, /--region/],
  },
  {
    name: "an instance type that two zones do not offer",
    arrange: (d) => {
      for (const zone of ["us-east-1a", "us-east-1b"])
        d.cloud.ec2.catalogue.notOffered.add(`t3.small ${zone}`);
    },
    code: "instance-type-not-offered",
    says: [/t3\.small is offered in only us-east-1c, us-east-1d/, /--instance-type/],
  },
  {
    name: "an instance type that there is not",
    arrange: () => {},
    run: (d) => d.up({ wishes: { instanceType: "t9.small" } }),
    code: "instance-type-not-offered",
    says: [/t9\.small/, /--instance-type/],
  },
  {
    name: "subnets that there are not",
    arrange: () => {},
    run: (d) => d.up({ wishes: { subnets: ["subnet-0123456789abcdef0"] } }),
    code: "subnet-unknown",
    says: [/subnet-0123456789abcdef0/, /describe-subnets/],
  },
  {
    name: "too few addresses left in the quota",
    arrange: (d) => {
      d.cloud.ec2.catalogue.maxElasticIps = 2;
    },
    code: "quota-reached",
    says: [/3 Elastic IP addresses are needed/, /of the 2/, /Service Quotas|--private/],
  },
  {
    name: "the bucket's name taken by another account",
    arrange: (d) => d.cloud.s3.addBucket("raft-lite-raft-lite-123456789012-us-east-1", "999999999999"),
    code: "not-permitted",
    says: [/bucket raft-lite-raft-lite-123456789012-us-east-1, which may be another account's/],
  },
  {
    name: "a role of that name that is not the cluster's",
    arrange: (d) => {
      const name = "raft-lite-raft-lite-us-east-1";
      const own = d.cloud.world.resource("role", new Map([["owner", "somebody"]]));
      d.cloud.iam.roles.all.set(name, { ...own, name, trust: "{}", description: "", policies: new Map() });
    },
    code: "name-taken",
    says: [/the IAM role raft-lite-raft-lite-us-east-1 exists and does not belong to this cluster/, /--name/],
    leaves: [/^role/],
  },
  {
    name: "a launch that is not permitted, found out before anything is made",
    arrange: (d) => d.cloud.misbehaviour.denied.add("ec2:RunInstances"),
    code: "not-permitted",
    says: [/not permitted: ec2:RunInstances/, /doctor/],
  },
  {
    name: "a quota of processors, found out in the middle",
    arrange: (d) => {
      d.cloud.ec2.instances.vcpuQuota = 4;
    },
    code: "quota-reached",
    says: [/quota of running instances in us-east-1/, /Service Quotas/],
    leaves: [/^instance/],
  },
  {
    name: "no room for instances in one zone",
    arrange: (d) => d.cloud.misbehaviour.withoutCapacity({ when: ({ input }) => input.DryRun !== true }),
    code: "no-capacity",
    says: [
      /no room at present for a t3\.small in us-east-1a/,
      /run the same line again later|--instance-type/,
    ],
    leaves: [/./],
  },
  {
    name: "instances that die right after their start",
    arrange: (d) => {
      d.cloud.ec2.instances.fateOf = () => ({
        afterMs: 0,
        code: "Client.InternalError",
        message: "Client error on launch",
      });
    },
    code: "instance-ended",
    says: [/ended \(.*Client error on launch\)/, /run .*up.* again/],
    leaves: [/./],
  },
];

describe("one line says what is wrong and what to do", () => {
  test.each(REFUSALS)("$name", async ({ arrange, run = (d) => d.up(), code, says, leaves }) => {
    const d = onCloud();
    arrange(d);
    const ended = await run(d);
    expect(ended.error).toBeInstanceOf(RaftLiteError);
    const { message, code: actual } = ended.error as RaftLiteError;
    expect({ code: actual, message }).toEqual({ code, message: expect.not.stringContaining("\n") });
    for (const part of says) expect(message).toMatch(part);
    const left = inventory(d.cloud).map(({ kind, id }) => `${kind} ${id}`);
    for (const part of leaves ?? []) expect(left.filter((one) => part.test(one))).not.toEqual([]);
    if (leaves === undefined) expect(left).toEqual([]);
    else if (left.length > 1) {
      // Half made: it was said what is there, and how to go on or back.
      expect(ended.stdout).toMatch(/\d+ of \d+ steps are done, and what they made is kept/);
      expect(ended.stdout).toMatch(
        /ec2 up --region us-east-1.*goes on.*ec2 destroy --region us-east-1.*takes it away/,
      );
    }
  });
});

/** What `up` sends that changes something, or that it cannot do without. */
const NEEDED = [
  "sts:GetCallerIdentity",
  "ssm:GetParameter",
  "ssm:PutParameter",
  "s3:HeadBucket",
  "s3:CreateBucket",
  "s3:PutPublicAccessBlock",
  "s3:PutBucketTagging",
  "s3:PutObject",
  "iam:GetRole",
  "iam:CreateRole",
  "iam:PutRolePolicy",
  "iam:CreateInstanceProfile",
  "iam:AddRoleToInstanceProfile",
  "ec2:DescribeVpcs",
  "ec2:DescribeSubnets",
  "ec2:DescribeInstanceTypeOfferings",
  "ec2:CreateSecurityGroup",
  "ec2:AuthorizeSecurityGroupIngress",
  "ec2:CreateNetworkInterface",
  "ec2:AllocateAddress",
  "ec2:AssociateAddress",
  "ec2:CreateVolume",
  "ec2:RunInstances",
  "ec2:CreateTags",
  "ec2:AttachVolume",
];

test("a launch that is refused for want of another permission: that one is named", async () => {
  const d = onCloud();
  const message =
    "You are not authorized to perform this operation. User: arn:aws:iam::123456789012:user/operator is not authorized to perform: iam:PassRole on resource: arn:aws:iam::123456789012:role/x because no identity-based policy allows the iam:PassRole action. Encoded authorization failure message: AbC";
  d.cloud.misbehaviour.refuse(
    "ec2",
    "RunInstances",
    { code: "UnauthorizedOperation", message, status: 403 },
    { when: ({ input }) => input.DryRun !== true },
  );
  const { error } = await d.up();
  expect(error?.message).toMatch(/^not permitted: ec2:RunInstances, for want of iam:PassRole \(/);
});

describe("without one permission", () => {
  test.each(NEEDED)("%s: it is named, and with it the same line goes on to the end", async (action) => {
    const d = onCloud();
    d.cloud.misbehaviour.denied.add(action);
    const { error, code } = await d.up();
    expect(code).toBeNull();
    expect((error as RaftLiteError).code).toBe("not-permitted");
    expect(error?.message).toContain(`not permitted: ${IAM_NAMES[action] ?? action}`);
    expect(untagged(d.cloud, "raft-cluster", "raft-lite").filter((one) => !one.startsWith("bucket"))).toEqual(
      [],
    );
    d.cloud.misbehaviour.denied.clear();
    expect((await d.up()).error).toBeNull();
    expect(untagged(d.cloud, "raft-cluster", "raft-lite")).toEqual([]);
  });
});

/** Where the permission's name is not the operation's. */
const IAM_NAMES: Readonly<Record<string, string>> = {
  "s3:HeadBucket": "s3:ListBucket",
  "s3:PutPublicAccessBlock": "s3:PutBucketPublicAccessBlock",
};
