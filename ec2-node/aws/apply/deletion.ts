import {
  DeleteNetworkInterfaceCommand,
  DeleteSecurityGroupCommand,
  DeleteVolumeCommand,
} from "@aws-sdk/client-ec2";
import {
  DeleteInstanceProfileCommand,
  DeleteRoleCommand,
  DeleteRolePolicyCommand,
  ListRolePoliciesCommand,
  RemoveRoleFromInstanceProfileCommand,
} from "@aws-sdk/client-iam";
import { DeleteBucketCommand, DeleteObjectsCommand, ListObjectVersionsCommand } from "@aws-sdk/client-s3";
import { DeleteParameterCommand } from "@aws-sdk/client-ssm";
import { RaftLiteError } from "../../../shared/errors.ts";
import { awsCode } from "../explain.ts";
import type { StepOf } from "../steps.ts";
import type { Work } from "./work.ts";

/** What used it a moment ago may still be on its way out. */
const IN_USE = {
  notYet: (error: unknown): boolean =>
    /^(DependencyViolation|InvalidNetworkInterface\.InUse|VolumeInUse|IncorrectState)$/.test(
      awsCode(error),
    ) ||
    // The other answer that EC2 has for an interface in use.
    (awsCode(error) === "InvalidParameterValue" && /\bin use\b/.test((error as Error).message)),
} as const;

export async function deleteInterface(
  work: Work,
  { interfaceId }: StepOf<"delete-interface">,
): Promise<void> {
  const { account } = work;
  await account.ask(
    "ec2:DeleteNetworkInterface",
    /^InvalidNetworkInterfaceID\.NotFound$/,
    () => account.clients.ec2.send(new DeleteNetworkInterfaceCommand({ NetworkInterfaceId: interfaceId })),
    { ...IN_USE, subject: `the network interface ${interfaceId}` },
  );
  const interfaces = work.found.interfaces.filter(({ id }) => id !== interfaceId);
  work.found = { ...work.found, interfaces };
}

export async function deleteVolume(work: Work, { volumeId }: StepOf<"delete-volume">): Promise<void> {
  const { account } = work;
  await account.ask(
    "ec2:DeleteVolume",
    /^InvalidVolume\.NotFound$/,
    () => account.clients.ec2.send(new DeleteVolumeCommand({ VolumeId: volumeId })),
    { ...IN_USE, subject: `the volume ${volumeId}` },
  );
  work.found = { ...work.found, volumes: work.found.volumes.filter(({ id }) => id !== volumeId) };
}

export async function deleteGroup(work: Work, { groupId }: StepOf<"delete-group">): Promise<void> {
  const { account } = work;
  await account.ask(
    "ec2:DeleteSecurityGroup",
    /^InvalidGroup(Id)?\.NotFound$/,
    () => account.clients.ec2.send(new DeleteSecurityGroupCommand({ GroupId: groupId })),
    { ...IN_USE, subject: `the security group ${groupId}, while something else uses it` },
  );
  work.found = { ...work.found, group: null };
}

export async function deleteProfile(work: Work): Promise<void> {
  const { account } = work;
  const { iam } = account.clients;
  const { profile, role } = account.names;
  await account.ask("iam:RemoveRoleFromInstanceProfile", /^NoSuchEntity/, () =>
    iam.send(new RemoveRoleFromInstanceProfileCommand({ InstanceProfileName: profile, RoleName: role })),
  );
  await account.ask(
    "iam:DeleteInstanceProfile",
    /^NoSuchEntity/,
    () => iam.send(new DeleteInstanceProfileCommand({ InstanceProfileName: profile })),
    { notYet: /^DeleteConflict/ },
  );
  work.found = { ...work.found, profile: null };
}

export async function deleteRole(work: Work): Promise<void> {
  const { account } = work;
  const { iam } = account.clients;
  const { role } = account.names;
  const found = await account.ask("iam:ListRolePolicies", /^NoSuchEntity/, () =>
    iam.send(new ListRolePoliciesCommand({ RoleName: role })),
  );
  for (const name of found?.PolicyNames ?? []) {
    await account.ask("iam:DeleteRolePolicy", /^NoSuchEntity/, () =>
      iam.send(new DeleteRolePolicyCommand({ RoleName: role, PolicyName: name })),
    );
  }
  await account.ask(
    "iam:DeleteRole",
    /^NoSuchEntity/,
    () => iam.send(new DeleteRoleCommand({ RoleName: role })),
    { notYet: /^DeleteConflict/ },
  );
  work.found = { ...work.found, role: null };
}

/** With all versions of all objects: somebody may have turned versioning on. */
export async function deleteBucket(work: Work): Promise<void> {
  const { account } = work;
  const { s3 } = account.clients;
  const bucket = { Bucket: account.names.bucket, ExpectedBucketOwner: account.id };
  for (;;) {
    const page = await account.ask("s3:ListBucketVersions", /^NoSuchBucket$/, () =>
      s3.send(new ListObjectVersionsCommand(bucket)),
    );
    const objects = [...(page?.Versions ?? []), ...(page?.DeleteMarkers ?? [])].map(
      ({ Key = "", VersionId }) => (VersionId === undefined ? { Key } : { Key, VersionId }),
    );
    if (objects.length === 0) break;
    const { Errors = [] } = await account.call("s3:DeleteObject", () =>
      s3.send(new DeleteObjectsCommand({ ...bucket, Delete: { Objects: objects, Quiet: true } })),
    );
    const [refused] = Errors;
    if (refused !== undefined) {
      throw new RaftLiteError(
        "bucket-not-emptied",
        `${refused.Key} in the bucket ${bucket.Bucket} could not be deleted: ${refused.Code}: empty the bucket, and run the same line again`,
      );
    }
  }
  await account.ask("s3:DeleteBucket", /^NoSuchBucket$/, () => s3.send(new DeleteBucketCommand(bucket)), {
    notYet: /^(BucketNotEmpty|OperationAborted)$/,
  });
  work.found = { ...work.found, bucket: null };
}

export async function deleteSecret(work: Work): Promise<void> {
  await deleteParameter(work, work.account.names.secret);
  work.found = { ...work.found, hasSecret: false };
}

export async function deleteRecord(work: Work): Promise<void> {
  await deleteParameter(work, work.account.names.record);
  work.found = { ...work.found, record: null };
}

async function deleteParameter({ account }: Work, name: string): Promise<void> {
  await account.ask("ssm:DeleteParameter", /^ParameterNotFound$/, () =>
    account.clients.ssm.send(new DeleteParameterCommand({ Name: name })),
  );
}
