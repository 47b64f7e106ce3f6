import type { _InstanceType } from "@aws-sdk/client-ec2";
import { DescribeInstanceTypesCommand, paginateDescribeInstances } from "@aws-sdk/client-ec2";
import { GetServiceQuotaCommand } from "@aws-sdk/client-service-quotas";
import { RaftLiteError } from "../../shared/errors.ts";
import type { Account } from "./account.ts";
import { VCPU_QUOTA } from "./policies.ts";

/** Types that one request of `DescribeInstanceTypes` may name. */
const TYPES_A_REQUEST = 100;

/** Whether the quota of the standard families counts it: A, C, D, H, I, M, R, T and Z, but none that begins like them. */
export function isStandardFamily(instanceType: string): boolean {
  return /^(?!dl\d|hpc\d|inf\d|mac\d|mac-|trn\d)[acdhimrtz]/.test(instanceType);
}

/** How many vCPUs of the standard families may run on demand at once, or why that cannot be told. */
export async function vcpuQuota(account: Account): Promise<number | string> {
  try {
    const { Quota } = await account.call("servicequotas:GetServiceQuota", () =>
      account.clients.quotas.send(new GetServiceQuotaCommand({ ServiceCode: "ec2", QuotaCode: VCPU_QUOTA })),
    );
    return Quota?.Value ?? "Service Quotas gives no number";
  } catch (error) {
    // Nothing but this look depends on it.
    if (error instanceof RaftLiteError) return error.message;
    throw error;
  }
}

/** vCPUs of all instances of the account in the region that count against that quota. */
export async function vcpusRunning(account: Account): Promise<number> {
  const types = await account.call("ec2:DescribeInstances", async () => {
    const running: string[] = [];
    const pages = paginateDescribeInstances(
      { client: account.clients.ec2 },
      { Filters: [{ Name: "instance-state-name", Values: ["pending", "running"] }] },
    );
    for await (const { Reservations = [] } of pages) {
      for (const { InstanceType = "", InstanceLifecycle } of Reservations.flatMap(
        ({ Instances = [] }) => Instances,
      )) {
        if (InstanceLifecycle === undefined && isStandardFamily(InstanceType)) running.push(InstanceType);
      }
    }
    return running;
  });
  const each = await vcpusOf(account, types);
  return types.reduce((sum, type) => sum + (each.get(type) ?? 0), 0);
}

/** vCPUs of an instance of each type, as the quota counts them: as the type has them, whatever is turned off. */
export async function vcpusOf(account: Account, types: readonly string[]): Promise<Map<string, number>> {
  const vcpus = new Map<string, number>();
  const names = [...new Set(types)];
  for (let from = 0; from < names.length; from += TYPES_A_REQUEST) {
    const some = names.slice(from, from + TYPES_A_REQUEST) as _InstanceType[];
    const { InstanceTypes = [] } = await account.call("ec2:DescribeInstanceTypes", () =>
      account.clients.ec2.send(new DescribeInstanceTypesCommand({ InstanceTypes: some })),
    );
    for (const { InstanceType = "", VCpuInfo } of InstanceTypes)
      vcpus.set(InstanceType, VCpuInfo?.DefaultVCpus ?? 0);
  }
  return vcpus;
}
