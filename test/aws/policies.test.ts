import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { instancePolicy, operatorPolicy, trustPolicy } from "../../ec2-node/aws/policies.ts";
import type { Context, Policy } from "./support/iam-judge.ts";
import { isAllowed, many } from "./support/iam-judge.ts";

const ACCOUNT = "123456789012";
const REGION = "eu-west-1";
const place = { account: ACCOUNT, region: REGION, partition: "aws" };

const operator: Policy = JSON.parse(operatorPolicy({ ...place, cluster: "demo" }));
const instance: Policy = JSON.parse(
  instancePolicy({
    ...place,
    bucket: `raft-lite-demo-${ACCOUNT}-${REGION}`,
    secretParameter: "/raft-lite/demo/secret",
  }),
);

const actionsOf = (policy: Policy) => new Set(policy.Statement.flatMap(({ Action }) => many(Action)));
const ec2 = (type: string) => `arn:aws:ec2:${REGION}:${ACCOUNT}:${type}/x-1`;
const ours = { "aws:ResourceTag/raft-cluster": "demo" };
const theirs = { "aws:ResourceTag/raft-cluster": "production" };
const asOurs = { "aws:RequestTag/raft-cluster": "demo" };
const asTheirs = { "aws:RequestTag/raft-cluster": "production" };
const here = { "aws:RequestedRegion": REGION };
const role = `arn:aws:iam::${ACCOUNT}:role/raft-lite-demo-${REGION}`;
const bucket = `arn:aws:s3:::raft-lite-demo-${ACCOUNT}-${REGION}`;
const parameter = `arn:aws:ssm:${REGION}:${ACCOUNT}:parameter/raft-lite`;

describe("the operator's policy", () => {
  test.each<[string, string, Context]>([
    ["ec2:DescribeInstances", "*", here],
    ["ec2:CreateVolume", ec2("volume"), asOurs],
    ["ec2:AllocateAddress", ec2("elastic-ip"), asOurs],
    ["ec2:CreateSecurityGroup", ec2("security-group"), asOurs],
    ["ec2:CreateSecurityGroup", ec2("vpc"), {}],
    ["ec2:CreateNetworkInterface", ec2("network-interface"), asOurs],
    ["ec2:CreateNetworkInterface", ec2("security-group"), ours],
    ["ec2:CreateNetworkInterface", ec2("subnet"), {}],
    ["ec2:RunInstances", ec2("instance"), asOurs],
    ["ec2:RunInstances", ec2("volume"), asOurs],
    ["ec2:RunInstances", ec2("network-interface"), {}],
    // A launch that is tried out before there is a group of the cluster's is judged with the network's own.
    ["ec2:RunInstances", ec2("security-group"), {}],
    ["ec2:RunInstances", ec2("subnet"), {}],
    ["ec2:RunInstances", `arn:aws:ec2:${REGION}::image/ami-1`, { "ec2:Owner": "amazon" }],
    ["ec2:CreateTags", ec2("instance"), { ...asOurs, "ec2:CreateAction": "RunInstances" }],
    [
      "ec2:CreateTags",
      ec2("security-group-rule"),
      { ...asOurs, "ec2:CreateAction": "AuthorizeSecurityGroupIngress" },
    ],
    ["ec2:CreateTags", ec2("network-interface"), { ...ours, "aws:TagKeys": ["raft-generation"] }],
    ["ec2:AuthorizeSecurityGroupIngress", ec2("security-group"), ours],
    ["ec2:AuthorizeSecurityGroupIngress", ec2("security-group-rule"), asOurs],
    ["ec2:AssociateAddress", ec2("elastic-ip"), ours],
    ["ec2:AssociateAddress", ec2("network-interface"), ours],
    ["ec2:AttachVolume", ec2("instance"), ours],
    ["ec2:TerminateInstances", ec2("instance"), ours],
    ["ec2:DeleteVolume", ec2("volume"), ours],
    ["iam:CreateRole", role, {}],
    ["iam:TagRole", role, {}],
    ["iam:PassRole", role, { "iam:PassedToService": "ec2.amazonaws.com" }],
    ["iam:CreateInstanceProfile", `arn:aws:iam::${ACCOUNT}:instance-profile/raft-lite-demo-${REGION}`, {}],
    ["s3:CreateBucket", bucket, {}],
    ["s3:PutObject", `${bucket}/bundles/ab.tar.gz`, {}],
    ["ssm:PutParameter", `${parameter}/demo/cluster`, {}],
    ["ssm:DeleteParameter", `${parameter}/demo/secret`, {}],
    [
      "ssm:GetParameter",
      `arn:aws:ssm:${REGION}::parameter/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64`,
      {},
    ],
    ["ssm:SendCommand", `arn:aws:ssm:${REGION}::document/AWS-RunShellScript`, {}],
    ["ssm:SendCommand", ec2("instance"), { "ssm:resourceTag/raft-cluster": "demo" }],
    ["servicequotas:GetServiceQuota", `arn:aws:servicequotas:${REGION}:${ACCOUNT}:ec2/L-1216C47A`, {}],
  ])("allows %s on %s given %j", (action, resource, context) => {
    expect(isAllowed(operator, action, resource, context)).toBe(true);
  });

  test.each<[string, string, Context]>([
    ["ec2:DescribeInstances", "*", { "aws:RequestedRegion": "us-east-1" }],
    ["ec2:CreateVolume", ec2("volume"), {}],
    ["ec2:CreateVolume", ec2("volume"), asTheirs],
    ["ec2:CreateVolume", ec2("volume").replace(REGION, "us-east-1"), asOurs],
    ["ec2:CreateVolume", ec2("volume").replace(ACCOUNT, "999999999999"), asOurs],
    ["ec2:RunInstances", ec2("instance"), {}],
    ["ec2:RunInstances", ec2("key-pair"), {}],
    ["ec2:CreateNetworkInterface", ec2("security-group"), theirs],
    ["ec2:RunInstances", `arn:aws:ec2:${REGION}::image/ami-1`, { "ec2:Owner": "999999999999" }],
    ["ec2:CreateNetworkInterface", ec2("network-interface"), {}],
    // What exists already is not tagged into the cluster, nor out of it.
    ["ec2:CreateTags", ec2("instance"), asOurs],
    ["ec2:CreateTags", ec2("instance"), { ...theirs, "aws:TagKeys": ["raft-generation"] }],
    ["ec2:CreateTags", ec2("instance"), { ...ours, "aws:TagKeys": ["raft-generation", "raft-cluster"] }],
    ["ec2:TerminateInstances", ec2("instance"), {}],
    ["ec2:TerminateInstances", ec2("instance"), theirs],
    ["ec2:DeleteVolume", ec2("volume"), theirs],
    ["ec2:AuthorizeSecurityGroupIngress", ec2("security-group"), theirs],
    ["iam:CreateRole", `arn:aws:iam::${ACCOUNT}:role/administrator`, {}],
    ["iam:PutRolePolicy", `arn:aws:iam::${ACCOUNT}:role/raft-lite-demo-us-east-1`, {}],
    ["iam:PassRole", role, { "iam:PassedToService": "lambda.amazonaws.com" }],
    ["iam:PassRole", role, {}],
    ["s3:ListBucket", "arn:aws:s3:::payroll", {}],
    ["s3:PutObject", `${bucket}/elsewhere`, {}],
    ["ssm:GetParameter", `${parameter}/production/secret`, {}],
    ["ssm:GetParameter", `arn:aws:ssm:${REGION}:${ACCOUNT}:parameter/database/password`, {}],
    ["ssm:SendCommand", `arn:aws:ssm:${REGION}::document/AWS-RunPowerShellScript`, {}],
    ["ssm:SendCommand", ec2("instance"), { "ssm:resourceTag/raft-cluster": "production" }],
  ])("does not allow %s on %s given %j", (action, resource, context) => {
    expect(isAllowed(operator, action, resource, context)).toBe(false);
  });

  test("covers every request that the program makes", () => {
    const requested = requestedActions();
    expect(requested.length).toBeGreaterThan(40);
    const allowed = actionsOf(operator);
    expect(requested.filter((action) => !allowed.has(action))).toEqual([]);
  });

  test("covers every action that the program names in an error", () => {
    const allowed = actionsOf(operator);
    const named = sources().flatMap((text) =>
      [...text.matchAll(/(?:\.(?:call|ask)\(|action:)\s*"((?!sts:)\w+:\w+)"/g)].map(([, action]) => action!),
    );
    expect(named.length).toBeGreaterThan(40);
    expect(named.filter((action) => !allowed.has(action))).toEqual([]);
  });

  test("has no wildcard among its actions, and * as a resource only for looking at one region", () => {
    for (const { Sid, Effect, Action, Resource, Condition } of operator.Statement) {
      expect(Effect).toBe("Allow");
      for (const action of many(Action)) expect(action, Sid).toMatch(/^[a-z0-9]+:[A-Za-z]+$/);
      for (const resource of many(Resource)) {
        if (resource === "*") {
          expect(many(Action).join(" ")).toMatch(/^(?:\w+:(?:Describe|Get)\w+ ?)+$/);
          expect(Condition).toEqual({ StringEquals: { "aws:RequestedRegion": REGION } });
        } else if (resource.startsWith("arn:aws:s3:::")) expect(resource.startsWith(bucket)).toBe(true);
        else if (resource.startsWith("arn:aws:iam::")) expect(resource).toContain(ACCOUNT);
        else expect(resource).toContain(`:${REGION}:`);
      }
    }
    const sids = operator.Statement.map(({ Sid }) => Sid);
    expect(new Set(sids).size).toBe(sids.length);
    expect(sids.join("")).toMatch(/^[A-Za-z0-9]+$/);
  });

  test("names every action once or for different resources", () => {
    const seen = new Set<string>();
    for (const { Action, Resource, Condition } of operator.Statement) {
      for (const action of many(Action)) {
        for (const resource of many(Resource)) {
          const key = JSON.stringify([action, resource, Condition]);
          expect(seen.has(key), key).toBe(false);
          seen.add(key);
        }
      }
    }
  });

  test.each([
    ["aws", "ap-southeast-2"],
    ["aws-us-gov", "us-gov-west-1"],
    ["aws-cn", "cn-northwest-1"],
  ])("fits in a managed policy in %s with the longest names", (partition, region) => {
    const text = operatorPolicy({ account: ACCOUNT, region, partition, cluster: "x".repeat(24) });
    expect(text.replace(/\s/g, "").length).toBeLessThanOrEqual(6144);
    expect(text).toContain(`arn:${partition}:`);
    expect(text).not.toMatch(/arn:(?!aws-us-gov:|aws-cn:)aws-/);
  });
});

describe("the instances' policy", () => {
  test("lets the agent, the node's secret and the bundles be reached, and nothing else", () => {
    expect(isAllowed(instance, "ssm:GetParameter", `${parameter}/demo/secret`)).toBe(true);
    expect(isAllowed(instance, "s3:GetObject", `${bucket}/bundles/ab.tar.gz`)).toBe(true);
    expect(isAllowed(instance, "ssm:UpdateInstanceInformation", ec2("instance"))).toBe(true);

    expect(isAllowed(instance, "ssm:GetParameter", `${parameter}/demo/cluster`)).toBe(false);
    expect(isAllowed(instance, "ssm:GetParameter", `${parameter}/production/secret`)).toBe(false);
    expect(isAllowed(instance, "s3:PutObject", `${bucket}/bundles/ab.tar.gz`)).toBe(false);
    expect(isAllowed(instance, "s3:GetObject", "arn:aws:s3:::payroll/june")).toBe(false);
    expect([...actionsOf(instance)].filter((action) => !INSTANCES_OWN.test(action)).sort()).toEqual([
      "s3:GetObject",
      "ssm:GetParameter",
    ]);
  });

  test("is the same text for the same cluster, and small enough for an inline policy", () => {
    const own = { ...place, bucket: "b", secretParameter: "/raft-lite/demo/secret" };
    expect(instancePolicy(own)).toBe(instancePolicy({ ...own }));
    expect(JSON.stringify(instance).length).toBeLessThan(10_240);
  });

  test.each([
    ["aws", "ec2.amazonaws.com"],
    ["aws-us-gov", "ec2.amazonaws.com"],
    ["aws-cn", "ec2.amazonaws.com.cn"],
  ])("in %s is for a role that only %s takes on", (partition, Service) => {
    expect(JSON.parse(trustPolicy(partition)).Statement).toEqual([
      { Effect: "Allow", Principal: { Service }, Action: "sts:AssumeRole" },
    ]);
  });
});

/** What the SSM agent of an instance does by itself. */
const INSTANCES_OWN = /^(?:ec2messages|ssmmessages):|^ssm:UpdateInstanceInformation$/;

const PREFIXES: Readonly<Record<string, string>> = {
  "client-ec2": "ec2",
  "client-iam": "iam",
  "client-s3": "s3",
  "client-ssm": "ssm",
  "client-service-quotas": "servicequotas",
};

/** Requests to S3 are permitted under other names than their own. */
const S3_ACTIONS: Readonly<Record<string, readonly string[]>> = {
  DeleteObjects: ["DeleteObject", "DeleteObjectVersion"],
  HeadBucket: ["ListBucket"],
  HeadObject: ["GetObject"],
  ListObjectVersions: ["ListBucketVersions"],
  ListObjectsV2: ["ListBucket"],
  PutPublicAccessBlock: ["PutBucketPublicAccessBlock"],
};

/** The IAM actions of all commands and paginators that are imported. GetCallerIdentity needs no permission. */
function requestedActions(): string[] {
  const actions = new Set<string>();
  for (const text of sources()) {
    for (const [, names, client] of text.matchAll(/import \{([^}]+)\} from "@aws-sdk\/([a-z0-9-]+)"/g)) {
      for (const name of names!.split(",")) {
        const operation = /^\s*(?:paginate(\w+)|(\w+)Command)\s*$/.exec(name);
        if (operation === null || client === "client-sts") continue;
        const prefix = PREFIXES[client!];
        if (prefix === undefined) throw new Error(`no prefix of IAM is known for @aws-sdk/${client}`);
        const own = operation[1] ?? operation[2]!;
        for (const action of (prefix === "s3" && S3_ACTIONS[own]) || [own])
          actions.add(`${prefix}:${action}`);
      }
    }
  }
  return [...actions];
}

/** The sources of the command. */
function sources(): string[] {
  const root = join(import.meta.dirname, "../../ec2-node");
  return readdirSync(root, { recursive: true, encoding: "utf8" })
    .filter((file) => /^(?:aws|cli\/ec2)\/.*\.ts$/.test(file))
    .map((file) => readFileSync(join(root, file), "utf8"));
}
