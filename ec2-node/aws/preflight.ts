import {
  DescribeAccountAttributesCommand,
  DescribeAddressesCommand,
  RunInstancesCommand,
} from "@aws-sdk/client-ec2";
import { RaftLiteError } from "../../shared/errors.ts";
import type { Account } from "./account.ts";
import { awsCode } from "./explain.ts";
import { findImage } from "./image.ts";
import type { ClusterRecord, Found } from "./model.ts";
import { addressesOf, instanceOf } from "./plan.ts";

/**
 * What would fail half way is asked for before the first step, as far as AWS answers without doing it: whether the
 * instances may be started, and whether there are addresses left for them. Throws one line.
 */
export async function preflight(account: Account, record: ClusterRecord, found: Found): Promise<void> {
  const lacking = record.nodes.filter(({ id }) => instanceOf(found, id) === null);
  if (lacking.length > 0) await tryLaunch(account, record);
  if (!record.isPrivate) await requireAddresses(account, record, found);
}

async function tryLaunch(account: Account, record: ClusterRecord): Promise<void> {
  const image = await findImage(account, record.instanceType);
  const [first] = record.nodes;
  await account.call(
    "ec2:RunInstances",
    async () => {
      try {
        await account.clients.ec2.send(
          new RunInstancesCommand({
            DryRun: true,
            MinCount: 1,
            MaxCount: 1,
            ImageId: image.id,
            InstanceType: record.instanceType as never,
            SubnetId: first?.subnetId,
          }),
        );
      } catch (error) {
        if (awsCode(error) !== "DryRunOperation") throw error;
      }
    },
    { subject: `a ${record.instanceType} in ${first?.zone}` },
  );
}

async function requireAddresses(account: Account, record: ClusterRecord, found: Found): Promise<void> {
  const needed = record.nodes.filter(({ id }) => addressesOf(found, id).address === null).length;
  if (needed === 0) return;
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
  const quota = Number(attribute?.AttributeValues?.[0]?.AttributeValue);
  const used = addresses.Addresses?.length ?? 0;
  if (!Number.isFinite(quota) || quota - used >= needed) return;
  throw new RaftLiteError(
    "quota-reached",
    `${needed} Elastic IP addresses are needed, and of the ${quota} that the account may have in ${account.region} ${used} are taken: ` +
      'release some, ask for more in Service Quotas ("EC2-VPC Elastic IPs"), or start with --private',
  );
}
