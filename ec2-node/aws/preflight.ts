import type { RunInstancesCommandOutput } from "@aws-sdk/client-ec2";
import {
  DescribeAccountAttributesCommand,
  DescribeAddressesCommand,
  RunInstancesCommand,
  TerminateInstancesCommand,
} from "@aws-sdk/client-ec2";
import { RaftLiteError } from "../../shared/errors.ts";
import type { Account } from "./account.ts";
import { tags } from "./apply/work.ts";
import { dryRun } from "./dry-run.ts";
import { findImage } from "./image.ts";
import type { ClusterRecord, Found } from "./model.ts";
import { addressesOf, instanceOf } from "./plan.ts";

/**
 * What would fail half way is asked for before the first step, as far as AWS answers without doing it: whether the
 * instances may be started, and whether there are addresses left for them. Throws one line.
 */
export async function preflight(account: Account, record: ClusterRecord, found: Found): Promise<void> {
  const lacking = record.nodes.filter(({ id }) => instanceOf(found, id) === null);
  const [first] = lacking;
  if (first !== undefined) {
    const { instanceType } = record;
    await tryLaunch(account, { instanceType, subnetId: first.subnetId, zone: first.zone });
  }
  if (!record.isPrivate) await requireAddresses(account, record, found);
}

/** Tries the launch of an instance, as `dryRun` does. */
export async function tryLaunch(
  account: Account,
  launch: { instanceType: string; subnetId: string; zone: string },
): Promise<boolean> {
  const { ec2 } = account.clients;
  const image = await findImage(account, launch.instanceType);
  return dryRun<RunInstancesCommandOutput>(account, {
    action: "ec2:RunInstances",
    subject: `a ${launch.instanceType} in ${launch.zone}`,
    request: () =>
      ec2.send(
        new RunInstancesCommand({
          DryRun: true,
          MinCount: 1,
          MaxCount: 1,
          ImageId: image.id,
          InstanceType: launch.instanceType as never,
          SubnetId: launch.subnetId,
          // Permissions may depend on them.
          TagSpecifications: (["instance", "volume"] as const).map((ResourceType) => ({
            ResourceType,
            Tags: tags(account, null),
          })),
        }),
      ),
    undo: async ({ Instances = [] }) => {
      const ids = Instances.map(({ InstanceId = "" }) => InstanceId);
      await ec2.send(new TerminateInstancesCommand({ InstanceIds: ids }));
    },
  });
}

async function requireAddresses(account: Account, record: ClusterRecord, found: Found): Promise<void> {
  const needed = record.nodes.filter(({ id }) => addressesOf(found, id).address === null).length;
  if (needed === 0) return;
  try {
    await checkAddresses(account, needed);
  } catch (error) {
    // Where nobody says how many there may be, the allocation will.
    if (!(error instanceof RaftLiteError) || error.code === "quota-reached") throw error;
  }
}

export interface AddressQuota {
  /** null: AWS does not say. */
  readonly quota: number | null;
  readonly used: number;
}

/** Whether `needed` Elastic IP addresses are left. Throws one line where they are not. */
export async function checkAddresses(account: Account, needed: number): Promise<AddressQuota> {
  const { ec2 } = account.clients;
  const [attributes, addresses] = await Promise.all([
    account.call("ec2:DescribeAccountAttributes", () =>
      ec2.send(new DescribeAccountAttributesCommand({ AttributeNames: ["vpc-max-elastic-ips" as never] })),
    ),
    account.call("ec2:DescribeAddresses", () => ec2.send(new DescribeAddressesCommand({}))),
  ]);
  const attribute = attributes.AccountAttributes?.find(
    ({ AttributeName }) => AttributeName === "vpc-max-elastic-ips",
  );
  const value = Number(attribute?.AttributeValues?.[0]?.AttributeValue);
  const quota = Number.isFinite(value) ? value : null;
  const used = addresses.Addresses?.length ?? 0;
  if (quota === null || quota - used >= needed) return { quota, used };
  throw new RaftLiteError(
    "quota-reached",
    `${needed} Elastic IP addresses are needed, and of the ${quota} that the account may have in ${account.region} ${used} are taken: ` +
      'release some, ask for more in Service Quotas ("EC2-VPC Elastic IPs"), or start with --private',
  );
}
