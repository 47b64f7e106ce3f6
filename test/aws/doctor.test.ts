import * as ec2 from "@aws-sdk/client-ec2";
import * as iam from "@aws-sdk/client-iam";
import * as s3 from "@aws-sdk/client-s3";
import * as quotas from "@aws-sdk/client-service-quotas";
import * as ssm from "@aws-sdk/client-ssm";
import * as sts from "@aws-sdk/client-sts";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { DoctorOptions } from "../../ec2-node/aws/commands/doctor.ts";
import { doctor } from "../../ec2-node/aws/commands/doctor.ts";
import { isStandardFamily } from "../../ec2-node/aws/quotas.ts";
import type { Tools } from "../../ec2-node/aws/tools.ts";
import { usageError } from "../../shared/config/usage-error.ts";
import { clouds, fineAccount, refusal } from "./support/fine-account.ts";

interface Examination {
  code: number;
  stdout: string;
  stderr: string;
  /** The line of each check, by its name. */
  lines: Map<string, { verdict: string; text: string }>;
}

async function examine(
  options: Partial<DoctorOptions> = {},
  tools: Partial<Tools> = {},
): Promise<Examination> {
  const out: string[] = [];
  const err: string[] = [];
  let now = 0;
  const settings = { region: "us-east-1", credentials: { accessKeyId: "x", secretAccessKey: "x" } };
  const all: Partial<Tools> = {
    openClients: async (region) => ({
      region: region ?? "us-east-1",
      ec2: new ec2.EC2Client(settings),
      iam: new iam.IAMClient(settings),
      s3: new s3.S3Client(settings),
      ssm: new ssm.SSMClient(settings),
      sts: new sts.STSClient(settings),
      quotas: new quotas.ServiceQuotasClient(settings),
    }),
    pace: {
      now: () => now,
      sleep: async (ms) => {
        now += ms;
      },
    },
    stdout: { write: (text) => out.push(text) },
    stderr: { write: (text) => err.push(text) },
    ...tools,
  };
  const code = await doctor(
    { cluster: "raft-lite", region: undefined, json: false, wishes: {}, policy: false, ...options },
    all as Tools,
  );
  const shown = [...out, ...err].join("").matchAll(/^(ok|FAILED|unknown) {2,}(\S(?:.*?\S)?) {2,}(.*)$/gm);
  const lines = new Map(
    [...shown].map(([, verdict = "", name = "", text = ""]) => [name, { verdict, text }]),
  );
  return { code, stdout: out.join(""), stderr: err.join(""), lines };
}

beforeEach(fineAccount);
afterEach(() => {
  for (const cloud of Object.values(clouds)) cloud.reset();
});

describe("the doctor", () => {
  test("finds nothing wrong with an account that is fine, and prints the policy at the end", async () => {
    const { code, stdout, lines } = await examine();
    expect([...lines].map(([name, { verdict }]) => `${verdict} ${name}`)).toEqual([
      "ok credentials",
      "ok region",
      "ok cluster",
      "ok network",
      "ok instance type",
      "ok vCPUs",
      "ok addresses",
      "ok ec2:CreateSecurityGroup",
      "ok ec2:AllocateAddress",
      "ok ec2:CreateVolume",
      "ok ec2:RunInstances",
      "ok other permissions",
    ]);
    expect(lines.get("credentials")?.text).toBe(
      "arn:aws:iam::123456789012:user/team/operator, account 123456789012",
    );
    expect(lines.get("vCPUs")?.text).toBe("0 of 32 are used, 6 more are needed");
    expect(lines.get("addresses")?.text).toBe("0 of 5 Elastic IPs are used, 3 more are needed");
    expect(code).toBe(0);
    const policy = JSON.parse(stdout.slice(stdout.indexOf("\n{")));
    expect(JSON.stringify(policy)).toContain("arn:aws:iam::123456789012:role/raft-lite-raft-lite-us-east-1");
  });

  test("tries nothing that ends or deletes, and everything it tries as a dry run with the cluster's tag", async () => {
    await examine();
    const changing = clouds.ec2
      .calls()
      .map(({ args }) => args[0] as { input: object })
      .filter((command) => !/^(Describe|Get)/.test(command.constructor.name));
    expect(changing.map((command) => command.constructor.name).sort()).toEqual([
      "AllocateAddressCommand",
      "CreateSecurityGroupCommand",
      "CreateVolumeCommand",
      "RunInstancesCommand",
    ]);
    for (const { input } of changing as {
      input: { DryRun?: boolean; TagSpecifications?: ec2.TagSpecification[] };
    }[]) {
      expect(input.DryRun).toBe(true);
      expect(input.TagSpecifications?.length).toBeGreaterThan(0);
      for (const { Tags } of input.TagSpecifications ?? []) {
        expect(Tags).toContainEqual({ Key: "raft-cluster", Value: "raft-lite" });
      }
    }
  });

  const denied = refusal("UnauthorizedOperation", "You are not authorized", 403);
  test.each<[string, () => void, string, RegExp]>([
    [
      "two zones",
      () =>
        clouds.ec2.on(ec2.DescribeAvailabilityZonesCommand).resolves({
          AvailabilityZones: [
            { ZoneName: "us-east-1a", State: "available" },
            { ZoneName: "us-east-1b", State: "available" },
            { ZoneName: "us-east-1c", State: "impaired" },
            { ZoneName: "us-east-1-bos-1a", State: "available", ZoneType: "local-zone" },
          ],
        }),
      "region",
      /us-east-1 has 2 zones .* take another --region$/,
    ],
    [
      "no default network",
      () => clouds.ec2.on(ec2.DescribeVpcsCommand).resolves({ Vpcs: [] }),
      "network",
      /no default VPC in us-east-1: give subnets/,
    ],
    [
      "a type that is nowhere",
      () =>
        clouds.ec2
          .on(ec2.DescribeInstanceTypeOfferingsCommand)
          .resolves({ InstanceTypeOfferings: [{ Location: "us-east-1a" }] }),
      "instance type",
      /t3.small is offered in only us-east-1a of .* take another --instance-type/,
    ],
    [
      "a used-up quota of vCPUs",
      () => clouds.quotas.on(quotas.GetServiceQuotaCommand).resolves({ Quota: { Value: 5 } }),
      "vCPUs",
      /^0 of 5 are used, 6 more are needed: ask for more in Service Quotas/,
    ],
    [
      "a used-up quota of addresses",
      () =>
        clouds.ec2
          .on(ec2.DescribeAddressesCommand)
          .callsFake(({ Filters }) => ({ Addresses: Filters === undefined ? [{}, {}, {}] : [] })),
      "addresses",
      /3 Elastic IP addresses are needed, and of the 5 .* 3 are taken: release some/,
    ],
    [
      "a foreign role of the name",
      () => clouds.iam.on(iam.GetRoleCommand).resolves({ Role: { Tags: [] } as never }),
      "cluster",
      /the IAM role raft-lite-raft-lite-us-east-1 exists and does not belong to this cluster: choose another --name/,
    ],
    [
      "a launch that is not permitted",
      () => clouds.ec2.on(ec2.RunInstancesCommand).rejects(denied),
      "ec2:RunInstances",
      /^not permitted: ec2:RunInstances \(a t3.small in us-east-1a\)/,
    ],
    [
      "a security group that is not permitted",
      () => clouds.ec2.on(ec2.CreateSecurityGroupCommand).rejects(denied),
      "ec2:CreateSecurityGroup",
      /^not permitted: ec2:CreateSecurityGroup/,
    ],
    [
      "a role that may not be made or passed on",
      () =>
        clouds.iam.on(iam.SimulatePrincipalPolicyCommand).callsFake(({ ActionNames }) => ({
          EvaluationResults: ActionNames.map((EvalActionName: string) => ({
            EvalActionName,
            EvalDecision: /CreateRole|PassRole/.test(EvalActionName) ? "implicitDeny" : "allowed",
          })),
        })),
      "other permissions",
      /^not allowed: iam:CreateRole, iam:PassRole: attach the policy below to arn:aws:iam::123456789012:user\/team\/operator$/,
    ],
  ])("says what to do about %s, goes on with the rest and ends with 1", async (_, spoil, name, text) => {
    spoil();
    const { code, lines } = await examine();
    expect(lines.get(name)?.verdict).toBe("FAILED");
    expect(lines.get(name)?.text).toMatch(text);
    expect(code).toBe(1);
    expect(lines.has("other permissions")).toBe(true);
    expect([...lines.values()].filter(({ verdict }) => verdict === "FAILED")).toHaveLength(1);
  });

  test.each<[string, () => void, string, RegExp]>([
    [
      "Service Quotas may not be asked",
      () =>
        clouds.quotas.on(quotas.GetServiceQuotaCommand).rejects(refusal("AccessDeniedException", "", 403)),
      "vCPUs",
      /the quota is not known \(not permitted: servicequotas:GetServiceQuota/,
    ],
    [
      "IAM may not be asked",
      () => clouds.iam.on(iam.SimulatePrincipalPolicyCommand).rejects(refusal("AccessDenied", "", 403)),
      "other permissions",
      /not permitted: iam:SimulatePrincipalPolicy/,
    ],
    [
      "nobody is there to be asked about",
      () =>
        clouds.sts.on(sts.GetCallerIdentityCommand).resolves({
          Account: "123456789012",
          Arn: "arn:aws:sts::123456789012:federated-user/guest",
        }),
      "other permissions",
      /IAM cannot be asked about arn:aws:sts::123456789012:federated-user\/guest/,
    ],
  ])("leaves open what cannot be told where %s, and ends with 0", async (_, spoil, name, text) => {
    spoil();
    const { code, lines } = await examine();
    expect(lines.get(name)).toEqual({ verdict: "unknown", text: expect.stringMatching(text) });
    expect(code).toBe(0);
  });

  test("undoes what was carried out all the same, and does not call it permitted", async () => {
    clouds.ec2.on(ec2.CreateVolumeCommand).resolves({ VolumeId: "vol-1" });
    clouds.ec2.on(ec2.RunInstancesCommand).resolves({ Instances: [{ InstanceId: "i-1" }] });
    const { code, lines } = await examine();
    expect(lines.get("ec2:CreateVolume")?.verdict).toBe("unknown");
    expect(lines.get("ec2:RunInstances")?.verdict).toBe("unknown");
    expect(clouds.ec2.commandCalls(ec2.DeleteVolumeCommand)[0]?.args[0].input).toEqual({ VolumeId: "vol-1" });
    expect(clouds.ec2.commandCalls(ec2.TerminateInstancesCommand)[0]?.args[0].input).toEqual({
      InstanceIds: ["i-1"],
    });
    expect(code).toBe(0);
  });

  test("asks IAM about the role behind a session, with what the policy's conditions ask for", async () => {
    clouds.sts.on(sts.GetCallerIdentityCommand).resolves({
      Account: "123456789012",
      Arn: "arn:aws:sts::123456789012:assumed-role/deployer/session-1",
    });
    await examine();
    const asked = clouds.iam
      .commandCalls(iam.SimulatePrincipalPolicyCommand)
      .map(({ args }) => args[0].input);
    expect(new Set(asked.map(({ PolicySourceArn }) => PolicySourceArn))).toEqual(
      new Set(["arn:aws:iam::123456789012:role/deployer"]),
    );
    const passing = asked.find(({ ActionNames }) => ActionNames?.includes("iam:PassRole"));
    expect(passing?.ContextEntries).toEqual([
      {
        ContextKeyName: "iam:PassedToService",
        ContextKeyType: "string",
        ContextKeyValues: ["ec2.amazonaws.com"],
      },
    ]);
    for (const { ResourceArns = [] } of asked) {
      for (const arn of ResourceArns) expect(arn).toMatch(/^arn:aws:[^*$]+$/);
    }
  });

  test("counts the vCPUs that run, of the families that the quota is about", async () => {
    clouds.ec2.on(ec2.DescribeInstancesCommand).callsFake(({ Filters, NextToken }) => {
      if (Filters?.[0]?.Name !== "instance-state-name") return { Reservations: [] };
      const page = (types: [string, string?][], next?: string) => ({
        Reservations: [
          {
            Instances: types.map(([InstanceType, InstanceLifecycle]) => ({
              InstanceType,
              InstanceLifecycle,
            })),
          },
        ],
        NextToken: next,
      });
      return NextToken === undefined
        ? page([["m5.large"], ["t3.small"], ["p5.48xlarge"]], "more")
        : page([["m5.large"], ["c5.large", "spot"], ["inf2.xlarge"]]);
    });
    expect((await examine()).lines.get("vCPUs")?.text).toBe("6 of 32 are used, 6 more are needed");
  });

  test("goes by the wishes: five nodes, no public addresses", async () => {
    const { lines } = await examine({ wishes: { nodes: 5, isPrivate: true, instanceType: "m7i.large" } });
    expect(lines.get("vCPUs")?.text).toBe("0 of 32 are used, 10 more are needed");
    expect(lines.get("instance type")?.text).toMatch(/^m7i.large/);
    expect(lines.has("addresses")).toBe(false);
    expect(lines.has("ec2:AllocateAddress")).toBe(false);
  });

  test("says that a family with a quota of its own is not looked at", async () => {
    const { lines } = await examine({ wishes: { instanceType: "p5.4xlarge" } });
    expect(lines.get("vCPUs")).toEqual({
      verdict: "unknown",
      text: "p5.4xlarge has a quota of its own, which is not looked at",
    });
  });
});

describe("the doctor without credentials", () => {
  const nobody = refusal("CredentialsProviderError", "Could not load credentials from any providers");

  test("says so, and prints the policy with what is to be filled in", async () => {
    clouds.sts.on(sts.GetCallerIdentityCommand).rejects(nobody);
    const { code, stdout, lines } = await examine();
    expect(lines.get("credentials")?.verdict).toBe("FAILED");
    expect(lines.get("credentials")?.text).toMatch(/no AWS credentials were found: set AWS_PROFILE/);
    expect(lines.size).toBe(1);
    expect(code).toBe(1);
    expect(stdout).toContain("arn:aws:ec2:us-east-1:ACCOUNT:");
  });

  test("prints the policy alone as well, and says on stderr what is to be filled in", async () => {
    clouds.sts.on(sts.GetCallerIdentityCommand).rejects(nobody);
    const { code, stdout, stderr } = await examine({ policy: true, cluster: "demo" });
    expect(JSON.parse(stdout).Statement.length).toBeGreaterThan(10);
    expect(stdout).toContain("raft-lite-demo-us-east-1");
    expect(stderr).toMatch(/^note: ACCOUNT is yours to fill in: no AWS credentials/);
    expect(code).toBe(0);
  });

  test("prints the policy where there is not even a region", async () => {
    const openClients = () => Promise.reject(usageError("no region is set: give --region"));
    const { code, stdout, stderr } = await examine({ policy: true }, { openClients });
    expect(stdout).toContain("arn:aws:ec2:REGION:ACCOUNT:");
    expect(stderr).toMatch(/^note: ACCOUNT and REGION are yours to fill in: no region is set/);
    expect(code).toBe(0);
    const { code: failed, lines } = await examine({}, { openClients });
    expect(failed).toBe(1);
    expect(lines.get("region")?.verdict).toBe("FAILED");
  });
});

test("--policy prints the policy and nothing else, and asks for nothing but whose it is", async () => {
  const { stdout, stderr } = await examine({ policy: true });
  expect(JSON.parse(stdout).Version).toBe("2012-10-17");
  expect(stdout).toContain("123456789012");
  expect(stderr).toBe("");
  expect(clouds.ec2.calls()).toHaveLength(0);
});

test("--json is one document on stdout, with the lines for people on stderr", async () => {
  clouds.ec2.on(ec2.DescribeVpcsCommand).resolves({ Vpcs: [] });
  const { code, stdout, stderr } = await examine({ json: true });
  const { checks, policy } = JSON.parse(stdout);
  expect(checks).toContainEqual({
    name: "network",
    verdict: "failed",
    text: expect.stringContaining("no default VPC"),
  });
  expect(policy.Statement.length).toBeGreaterThan(10);
  expect(stderr).toMatch(/^ok +credentials/);
  expect(code).toBe(1);
});

test.each([
  ["t3.small", true],
  ["m7i-flex.large", true],
  ["im4gn.large", true],
  ["i3.large", true],
  ["hpc7g.4xlarge", false],
  ["inf2.xlarge", false],
  ["trn1.2xlarge", false],
  ["dl1.24xlarge", false],
  ["mac2.metal", false],
  ["mac-m4.metal", false],
  ["g5.xlarge", false],
  ["p5.4xlarge", false],
  ["u-6tb1.56xlarge", false],
  ["x2gd.large", false],
])("%s counts for the quota of the standard families: %s", (type, counts) => {
  expect(isStandardFamily(type)).toBe(counts);
});
