import { DescribeAvailabilityZonesCommand } from "@aws-sdk/client-ec2";
import { RaftLiteError } from "../../shared/errors.ts";
import type { Account } from "./account.ts";
import { discover } from "./discover.ts";
import type { Found } from "./model.ts";
import type { Network } from "./network.ts";
import { architectureOf, findNetwork, zonesOffering } from "./network.ts";
import { placeNodes } from "./placement.ts";
import { instanceOf } from "./plan.ts";
import { checkAddresses } from "./preflight.ts";
import { isStandardFamily, vcpuQuota, vcpusOf, vcpusRunning } from "./quotas.ts";
import { simulateOperator } from "./simulate.ts";
import type { LaunchPlace } from "./trials.ts";
import { trials } from "./trials.ts";
import type { Wishes } from "./wanted.ts";
import { DEFAULT_INSTANCE_TYPE, DEFAULT_NODES } from "./wanted.ts";

export type Verdict = "ok" | "failed" | "unknown";

/** What one look at the account has shown. */
export interface Check {
  readonly name: string;
  readonly verdict: Verdict;
  /** One line; of a failed one, what to do about it. */
  readonly text: string;
}

type Outcome = Omit<Check, "name">;

const FEWEST_ZONES = 3;

/**
 * Looks whether a cluster of these wishes could be made, or what is missing of the one there is. Changes nothing. Every
 * check is told to `tell` when it is done; one that fails keeps none of the others from being made.
 */
export async function examine(account: Account, wishes: Wishes, tell: (check: Check) => void): Promise<void> {
  const check = async <T>(name: string, look: () => Promise<Outcome & { readonly found?: T }>) => {
    const { found, ...outcome } = await judged(look);
    tell({ name, ...outcome });
    return found;
  };
  await check("region", () => checkRegion(account));
  const found = await check("cluster", () => checkCluster(account));
  const record = found?.record ?? null;
  const size = wishes.nodes ?? record?.nodes.length ?? DEFAULT_NODES;
  const instanceType = wishes.instanceType ?? record?.instanceType ?? DEFAULT_INSTANCE_TYPE;
  const subnets = wishes.subnets ?? record?.nodes.map(({ subnetId }) => subnetId) ?? [];
  const isPrivate = wishes.isPrivate ?? record?.isPrivate ?? false;
  const lacking = record === null ? size : countLacking(found);

  const network = await check("network", () => checkNetwork(account, subnets));
  const place = await check("instance type", () => checkInstanceType(account, instanceType, size, network));
  await check("vCPUs", () => checkVcpus(account, instanceType, lacking));
  if (!isPrivate) await check("addresses", () => checkElasticIps(account, found, size));
  for (const trial of trials(account, { place: place ?? null, network: network ?? null, isPrivate })) {
    await check(trial.action, async () =>
      (await trial.run()) ? ok("allowed, tried without being carried out") : CARRIED_OUT,
    );
  }
  await check("other permissions", () => checkOthers(account));
}

async function judged<T>(
  look: () => Promise<Outcome & { readonly found?: T }>,
): Promise<Outcome & { readonly found?: T }> {
  try {
    return await look();
  } catch (error) {
    if (!(error instanceof RaftLiteError)) throw error;
    return { verdict: "failed", text: error.message };
  }
}

async function checkRegion(account: Account): Promise<Outcome> {
  const { AvailabilityZones = [] } = await account.call("ec2:DescribeAvailabilityZones", () =>
    account.clients.ec2.send(new DescribeAvailabilityZonesCommand({})),
  );
  const zones = AvailabilityZones.filter(
    // Local and wavelength zones are places without most of what a region has.
    ({ State, ZoneType }) =>
      State === "available" && (ZoneType ?? "availability-zone") === "availability-zone",
  ).map(({ ZoneName = "" }) => ZoneName);
  if (zones.length < FEWEST_ZONES) {
    return failed(
      `${account.region} has ${zones.length} zones for this account, and three are needed: take another --region`,
    );
  }
  return ok(`${account.region}: ${zones.sort().join(", ")}`);
}

async function checkCluster(account: Account): Promise<Outcome & { found: Found }> {
  const found = await discover(account);
  const [foreign] = found.foreign;
  if (foreign !== undefined) {
    return {
      ...failed(`${foreign} exists and does not belong to this cluster: choose another --name, or remove it`),
      found,
    };
  }
  const { record } = found;
  const text =
    record === null
      ? `there is no cluster ${account.cluster} yet`
      : `${account.cluster} is there, ${record.nodes.length - countLacking(found)} of ${record.nodes.length} nodes have an instance`;
  return { ...ok(text), found };
}

function countLacking(found: Found | undefined): number {
  return found?.record?.nodes.filter(({ id }) => instanceOf(found, id) === null).length ?? 0;
}

async function checkNetwork(
  account: Account,
  subnets: readonly string[],
): Promise<Outcome & { found: Network }> {
  const network = await findNetwork(account, subnets);
  const zones = [...new Set(network.subnets.map(({ zone }) => zone))].sort();
  const text = `${network.vpcId} with subnets in ${zones.join(", ") || "no zone"}`;
  if (zones.length >= FEWEST_ZONES) return { ...ok(text), found: network };
  return {
    ...failed(`${text}, and three zones are needed: give subnets of more with --subnets`),
    found: network,
  };
}

async function checkInstanceType(
  account: Account,
  instanceType: string,
  size: number,
  network: Network | undefined,
): Promise<Outcome & { found?: LaunchPlace }> {
  const architecture = await architectureOf(account, instanceType);
  if (network === undefined)
    return unknown(`${instanceType} (${architecture}); its zones are not looked at without a network`);
  const offered = await zonesOffering(account, instanceType);
  const placed = placeNodes({
    nodes: size,
    subnets: network.subnets,
    offered,
    instanceType,
    kept: new Map(),
  });
  const [first] = placed;
  return {
    ...ok(
      `${instanceType} (${architecture}) can be had in ${[...new Set(placed.map(({ zone }) => zone))].join(", ")}`,
    ),
    ...(first !== undefined && { found: { instanceType, subnetId: first.subnetId, zone: first.zone } }),
  };
}

async function checkVcpus(account: Account, instanceType: string, lacking: number): Promise<Outcome> {
  if (!isStandardFamily(instanceType))
    return unknown(`${instanceType} has a quota of its own, which is not looked at`);
  const quota = await vcpuQuota(account);
  if (typeof quota === "string") return unknown(`the quota is not known (${quota})`);
  const [used, each] = await Promise.all([vcpusRunning(account), vcpusOf(account, [instanceType])]);
  const needed = lacking * (each.get(instanceType) ?? 0);
  const text = `${used} of ${quota} are used, ${needed} more are needed`;
  return used + needed <= quota
    ? ok(text)
    : failed(
        `${text}: ask for more in Service Quotas ("Running On-Demand Standard instances"), or take a smaller --instance-type`,
      );
}

async function checkElasticIps(account: Account, found: Found | undefined, size: number): Promise<Outcome> {
  const needed = Math.max(0, size - (found?.addresses.length ?? 0));
  const { quota, used } = await checkAddresses(account, needed);
  if (quota === null)
    return unknown(`${used} are used, ${needed} more are needed, and the quota is not known`);
  return ok(`${used} of ${quota} Elastic IPs are used, ${needed} more are needed`);
}

async function checkOthers(account: Account): Promise<Outcome> {
  const simulation = await simulateOperator(account);
  switch (simulation.kind) {
    case "root":
      return ok("the root user may do everything; a user or role of its own is safer");
    case "not-answered":
      return unknown(`of IAM, S3 and Systems Manager: ${simulation.why}`);
    case "answered": {
      const { asked, denied, source } = simulation;
      return denied.length === 0
        ? ok(`${asked} actions of IAM, S3 and Systems Manager are allowed, by IAM's simulation`)
        : failed(`not allowed: ${denied.join(", ")}: attach the policy below to ${source}`);
    }
  }
}

const CARRIED_OUT = unknown("what stands in for AWS here carried the trial out; it was undone");

function ok(text: string): Outcome {
  return { verdict: "ok", text };
}

function failed(text: string): Outcome {
  return { verdict: "failed", text };
}

function unknown(text: string): Outcome {
  return { verdict: "unknown", text };
}
