import { randomBytes } from "node:crypto";
import {
  AddRoleToInstanceProfileCommand,
  CreateInstanceProfileCommand,
  CreateRoleCommand,
  GetInstanceProfileCommand,
  GetRoleCommand,
  PutRolePolicyCommand,
} from "@aws-sdk/client-iam";
import {
  CreateBucketCommand,
  PutBucketTaggingCommand,
  PutObjectCommand,
  PutPublicAccessBlockCommand,
} from "@aws-sdk/client-s3";
import { PutParameterCommand } from "@aws-sdk/client-ssm";
import { RaftLiteError } from "../../../shared/errors.ts";
import type { Account } from "../account.ts";
import { findRecord, isOwn } from "../discover.ts";
import { awsCode } from "../explain.ts";
import { bundleKey, CLUSTER_TAG } from "../names.ts";
import type { StepOf } from "../steps.ts";
import type { Work } from "./work.ts";
import { tags } from "./work.ts";

/** Bytes of the cluster's secret, before it is written in hexadecimal. */
const SECRET_BYTES = 32;

/** Another run has written the record in the meantime: what was planned is void. */
export const CHANGED_MEANWHILE = "changed-meanwhile";

export async function writeRecord(work: Work, { record, isNew }: StepOf<"write-record">): Promise<void> {
  const { account } = work;
  if (!isNew) await requireUnchanged(work);
  const parameter = { Name: account.names.record, Value: JSON.stringify(record), Type: "String" as const };
  await account.call("ssm:PutParameter", async () => {
    try {
      // AWS takes tags only with a parameter that is new.
      await account.clients.ssm.send(
        new PutParameterCommand(
          isNew ? { ...parameter, Tags: tags(account, null) } : { ...parameter, Overwrite: true },
        ),
      );
    } catch (error) {
      if (awsCode(error) !== "ParameterAlreadyExists") throw error;
      throw changedMeanwhile(account);
    }
  });
  work.found = { ...work.found, record };
}

/** AWS cannot write on a condition: this leaves a moment open, but not the minutes between a plan and its steps. */
async function requireUnchanged({ account, found }: Work): Promise<void> {
  const record = await findRecord(account).catch(() => null);
  if (record !== null && JSON.stringify(record) !== JSON.stringify(found.record))
    throw changedMeanwhile(account);
}

function changedMeanwhile({ cluster }: Account): RaftLiteError {
  return new RaftLiteError(
    CHANGED_MEANWHILE,
    `somebody else has changed the cluster ${cluster} meanwhile: run the same line again`,
  );
}

export async function createSecret(work: Work): Promise<void> {
  const { account } = work;
  const secret = randomBytes(SECRET_BYTES).toString("hex");
  await account.ask("ssm:PutParameter", /^ParameterAlreadyExists$/, () =>
    account.clients.ssm.send(
      new PutParameterCommand({
        Name: account.names.secret,
        Value: secret,
        Type: "SecureString",
        Tags: tags(account, null),
      }),
    ),
  );
  work.found = { ...work.found, hasSecret: true };
}

export async function createBucket(work: Work): Promise<void> {
  const { account } = work;
  const { s3 } = account.clients;
  await account.call("s3:CreateBucket", async () => {
    try {
      await s3.send(
        new CreateBucketCommand({
          Bucket: account.names.bucket,
          // The region that has no name here is the first one.
          ...(account.region === "us-east-1"
            ? {}
            : { CreateBucketConfiguration: { LocationConstraint: account.region as never } }),
        }),
      );
    } catch (error) {
      if (awsCode(error) === "BucketAlreadyOwnedByYou") return;
      if (awsCode(error) !== "BucketAlreadyExists") throw error;
      throw new RaftLiteError(
        "name-taken",
        `the bucket ${account.names.bucket} belongs to another account: choose another --name`,
      );
    }
  });
  await account.call(
    "s3:PutBucketPublicAccessBlock",
    () =>
      s3.send(
        new PutPublicAccessBlockCommand({
          Bucket: account.names.bucket,
          ExpectedBucketOwner: account.id,
          PublicAccessBlockConfiguration: {
            BlockPublicAcls: true,
            BlockPublicPolicy: true,
            IgnorePublicAcls: true,
            RestrictPublicBuckets: true,
          },
        }),
      ),
    { notYet: /^NoSuchBucket$/ },
  );
  work.found = { ...work.found, bucket: { bundles: [], isTagged: false } };
}

export async function tagBucket(work: Work): Promise<void> {
  const { account } = work;
  await account.call(
    "s3:PutBucketTagging",
    () =>
      account.clients.s3.send(
        new PutBucketTaggingCommand({
          Bucket: account.names.bucket,
          ExpectedBucketOwner: account.id,
          Tagging: { TagSet: tags(account, null) },
        }),
      ),
    { notYet: /^NoSuchBucket$/ },
  );
  work.found = { ...work.found, bucket: { bundles: [], ...work.found.bucket, isTagged: true } };
}

export async function uploadBundle(work: Work, { bundle }: StepOf<"upload-bundle">): Promise<void> {
  const { account } = work;
  const { bytes, sha256, version } = await work.loadBundle();
  if (sha256 !== bundle.sha256) {
    throw new RaftLiteError(
      "bundle-missing",
      `the cluster runs the bundle ${bundle.version} (${bundle.sha256.slice(0, 12)}), which is no longer in its bucket, and this is ${version} (${sha256.slice(0, 12)}): ` +
        "`raft-lite ec2 update` brings all nodes to this one",
    );
  }
  await account.call(
    "s3:PutObject",
    () =>
      account.clients.s3.send(
        new PutObjectCommand({
          Bucket: account.names.bucket,
          ExpectedBucketOwner: account.id,
          Key: bundleKey(sha256),
          Body: bytes,
          ContentLength: bytes.length,
          ContentType: "application/gzip",
          Tagging: `${CLUSTER_TAG}=${account.cluster}`,
        }),
      ),
    { notYet: /^NoSuchBucket$/ },
  );
  const bundles = [...(work.found.bucket?.bundles ?? []), sha256];
  work.found = { ...work.found, bucket: { isTagged: true, ...work.found.bucket, bundles } };
}

export async function createRole(work: Work): Promise<void> {
  const { account, trustPolicy } = work;
  const { iam } = account.clients;
  const { role } = account.names;
  const made = await account.ask("iam:CreateRole", /^EntityAlreadyExists/, () =>
    iam.send(
      new CreateRoleCommand({
        RoleName: role,
        AssumeRolePolicyDocument: trustPolicy,
        Description: `Instances of the raft-lite cluster ${account.cluster} in ${account.region}`,
        Tags: tags(account, null),
      }),
    ),
  );
  if (made === undefined) {
    const found = await account.call(
      "iam:GetRole",
      () => iam.send(new GetRoleCommand({ RoleName: role })),
      NOT_YET,
    );
    if (!isOwn(account, found.Role?.Tags)) throw taken(`the IAM role ${role}`);
  }
  work.found = { ...work.found, role: { policy: null } };
}

export async function writeRolePolicy(work: Work): Promise<void> {
  const { account, rolePolicy } = work;
  await account.call(
    "iam:PutRolePolicy",
    () =>
      account.clients.iam.send(
        new PutRolePolicyCommand({
          RoleName: account.names.role,
          PolicyName: account.names.policy,
          PolicyDocument: rolePolicy,
        }),
      ),
    NOT_YET,
  );
  work.found = { ...work.found, role: { policy: rolePolicy } };
}

export async function createProfile(work: Work): Promise<void> {
  const { account } = work;
  const { iam } = account.clients;
  const { profile } = account.names;
  const made = await account.ask("iam:CreateInstanceProfile", /^EntityAlreadyExists/, () =>
    iam.send(new CreateInstanceProfileCommand({ InstanceProfileName: profile, Tags: tags(account, null) })),
  );
  if (made === undefined) {
    const found = await account.call(
      "iam:GetInstanceProfile",
      () => iam.send(new GetInstanceProfileCommand({ InstanceProfileName: profile })),
      NOT_YET,
    );
    if (!isOwn(account, found.InstanceProfile?.Tags)) throw taken(`the instance profile ${profile}`);
  }
  work.found = { ...work.found, profile: { hasRole: false } };
}

export async function addRoleToProfile(work: Work): Promise<void> {
  const { account } = work;
  const { profile, role } = account.names;
  // An instance profile holds one role: where it is full, it is full of this one.
  await account.call(
    "iam:AddRoleToInstanceProfile",
    async () => {
      try {
        await account.clients.iam.send(
          new AddRoleToInstanceProfileCommand({ InstanceProfileName: profile, RoleName: role }),
        );
      } catch (error) {
        if (!/^LimitExceeded/.test(awsCode(error)) || !(await holdsRole(work))) throw error;
      }
    },
    NOT_YET,
  );
  work.found = { ...work.found, profile: { hasRole: true } };
}

async function holdsRole({ account }: Work): Promise<boolean> {
  const { profile, role } = account.names;
  const found = await account.clients.iam.send(
    new GetInstanceProfileCommand({ InstanceProfileName: profile }),
  );
  return (found.InstanceProfile?.Roles ?? []).some(({ RoleName }) => RoleName === role);
}

const NOT_YET = { notYet: /^NoSuchEntity/ } as const;

function taken(what: string): RaftLiteError {
  return new RaftLiteError(
    "name-taken",
    `${what} exists and does not belong to this cluster: choose another --name, or remove it`,
  );
}
