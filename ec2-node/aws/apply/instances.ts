import type { RunInstancesCommandInput } from "@aws-sdk/client-ec2";
import {
  CreateTagsCommand,
  DescribeInstancesCommand,
  RunInstancesCommand,
  StartInstancesCommand,
  TerminateInstancesCommand,
} from "@aws-sdk/client-ec2";
import { RaftLiteError } from "../../../shared/errors.ts";
import { printable } from "../../../shared/printable.ts";
import { findInstances } from "../discover.ts";
import { awsCode } from "../explain.ts";
import { findImage } from "../image.ts";
import type { ClusterRecord, FoundInstance, FoundInterface, InstanceState } from "../model.ts";
import type { NodeId } from "../names.ts";
import { BUNDLE_TAG, GENERATION_TAG, REPLACED_TAG } from "../names.ts";
import { poll } from "../pace.ts";
import { instanceOf, interfaceOf } from "../plan.ts";
import type { StepOf } from "../steps.ts";
import { launchText } from "./launch.ts";
import type { Work } from "./work.ts";
import { tags } from "./work.ts";

const STATE_WITHIN_MS = 300_000;
const SEEN_WITHIN_MS = 60_000;
/** How often a launch is tried whose instance was seen to die, or turned out to have died long ago. */
const LAUNCHES = 3;

/** Starts the instance of a node on the node's interface. */
export async function runInstance(work: Work, { node }: StepOf<"run-instance">): Promise<void> {
  const leaving = instanceOf(work.found, node);
  if (leaving !== null) await waitUntilGone(work, [leaving.id]);
  const { record } = work.found;
  const own = interfaceOf(work.found, node);
  if (record === null || own === null)
    throw new RaftLiteError("node-incomplete", `${node} has no network interface`);
  let { generation } = own;
  for (let launch = 0; launch < LAUNCHES; launch++) {
    generation += 1;
    const launched = await launchOnce(work, record, own, node, generation);
    // The token of another run of this program, which has died: what it brought has been terminated since.
    if (launched === null) continue;
    await setTag(work, own.id, GENERATION_TAG, String(generation));
    const interfaces = work.found.interfaces.map((one) =>
      one.id === own.id ? { ...one, generation, instanceId: launched.id } : one,
    );
    work.found = { ...work.found, interfaces, instances: [...work.found.instances, launched] };
    return;
  }
  throw new RaftLiteError(
    "launch-failed",
    `AWS ended ${LAUNCHES} instances of ${node} right after their start: "aws ec2 describe-instances" shows the reason of each`,
  );
}

/** Null: under this generation's token there was an instance once, and it is gone. */
async function launchOnce(
  work: Work,
  record: ClusterRecord,
  own: FoundInterface,
  node: NodeId,
  generation: number,
): Promise<FoundInstance | null> {
  const { account } = work;
  const input = await launchInput(work, record, own, node, generation);
  try {
    const { Instances = [] } = await account.call(
      "ec2:RunInstances",
      () => account.clients.ec2.send(new RunInstancesCommand(input)),
      {
        notYet: isTooEarly,
        subject: `a ${record.instanceType} in ${own.zone} for ${node}`,
      },
    );
    const [one] = Instances;
    const state = (one?.State?.Name ?? "pending") as InstanceState;
    if (one?.InstanceId === undefined || state === "terminated" || state === "shutting-down") return null;
    return {
      id: one.InstanceId,
      node,
      state,
      instanceType: record.instanceType,
      zone: own.zone,
      generation,
      bundle: record.bundle.sha256,
      launchedAt: one.LaunchTime?.toISOString() ?? null,
    };
  } catch (error) {
    const code = error instanceof RaftLiteError ? awsCode(error.cause) : "";
    if (code !== "IdempotentParameterMismatch" && code !== "InvalidNetworkInterface.InUse") throw error;
    // A run that died had started it already, with other parameters perhaps; it only was not shown yet.
    const seen = await poll(
      account.pace,
      async () =>
        (await findInstances(account)).find((one) => one.node === node && one.state !== "shutting-down"),
      { withinMs: SEEN_WITHIN_MS },
    );
    if (seen === undefined && code === "InvalidNetworkInterface.InUse") throw error;
    return seen ?? null;
  }
}

/**
 * What was made a moment ago: the interface, and the profile, which IAM has yet to tell EC2 about. An interface may stay in
 * use for moments after its instance has ended.
 */
function isTooEarly(error: unknown): boolean {
  const code = awsCode(error);
  if (
    /^(InvalidNetworkInterfaceID|InvalidGroup)\.NotFound$|^InvalidNetworkInterface\.InUse$|^InvalidIamInstanceProfile/i.test(
      code,
    )
  )
    return true;
  return code === "InvalidParameterValue" && /instance ?profile/i.test((error as Error).message);
}

async function launchInput(
  work: Work,
  record: ClusterRecord,
  own: FoundInterface,
  node: NodeId,
  generation: number,
): Promise<RunInstancesCommandInput> {
  const { account } = work;
  const image = await findImage(account, record.instanceType);
  const marks = { [GENERATION_TAG]: String(generation), [BUNDLE_TAG]: record.bundle.sha256 };
  return {
    ClientToken: account.token(record.uid, "instance", node, generation),
    MinCount: 1,
    MaxCount: 1,
    ImageId: image.id,
    InstanceType: record.instanceType as never,
    IamInstanceProfile: { Name: account.names.profile },
    NetworkInterfaces: [{ DeviceIndex: 0, NetworkInterfaceId: own.id }],
    BlockDeviceMappings: [
      {
        DeviceName: image.rootDevice,
        Ebs: { VolumeSize: image.rootGb, VolumeType: "gp3", Encrypted: true, DeleteOnTermination: true },
      },
    ],
    MetadataOptions: { HttpEndpoint: "enabled", HttpTokens: "required", HttpPutResponseHopLimit: 1 },
    UserData: Buffer.from(launchText(work, record, node)).toString("base64"),
    TagSpecifications: [
      { ResourceType: "instance", Tags: tags(account, node, marks) },
      // The root volume. It has no node's id: that is for volumes with data.
      { ResourceType: "volume", Tags: tags(account, null) },
    ],
  };
}

export async function startInstance(work: Work, { instanceId }: StepOf<"start-instance">): Promise<void> {
  const { account } = work;
  await waitForInstance(work, instanceId, ["stopped", "running", "pending"]);
  await account.call(
    "ec2:StartInstances",
    () => account.clients.ec2.send(new StartInstancesCommand({ InstanceIds: [instanceId] })),
    { notYet: /^IncorrectInstanceState$/ },
  );
  work.found = {
    ...work.found,
    instances: work.found.instances.map((one) =>
      one.id === instanceId ? { ...one, state: "pending" } : one,
    ),
  };
}

/** Waits until they are terminated: only then their interfaces and volumes are free. */
export async function terminateInstances(
  work: Work,
  { instances }: StepOf<"terminate-instances">,
): Promise<void> {
  const { account } = work;
  const ids = instances.map(({ id }) => id);
  await account.ask("ec2:TerminateInstances", /^InvalidInstanceID\.NotFound$/, () =>
    account.clients.ec2.send(new TerminateInstancesCommand({ InstanceIds: ids })),
  );
  await waitUntilGone(work, ids);
}

async function waitUntilGone(work: Work, ids: readonly string[]): Promise<void> {
  for (const id of ids) await waitForInstance(work, id, ["terminated"]);
  const isGone = (id: string | null): boolean => id !== null && ids.includes(id);
  work.found = {
    ...work.found,
    instances: work.found.instances.filter(({ id }) => !isGone(id)),
    interfaces: work.found.interfaces.map((one) =>
      isGone(one.instanceId) ? { ...one, instanceId: null } : one,
    ),
    volumes: work.found.volumes.map((one) => (isGone(one.instanceId) ? { ...one, instanceId: null } : one)),
  };
}

/** One that is not known any more counts as terminated. */
export async function waitForInstance(
  work: Work,
  id: string,
  states: readonly InstanceState[],
): Promise<InstanceState> {
  const { account } = work;
  const wantsGone = states.includes("terminated");
  let last: InstanceState | undefined;
  const state = await poll(
    account.pace,
    async () => {
      const found = await account.ask("ec2:DescribeInstances", /^InvalidInstanceID\.NotFound$/, () =>
        account.clients.ec2.send(new DescribeInstancesCommand({ InstanceIds: [id] })),
      );
      const instance = found?.Reservations?.[0]?.Instances?.[0];
      const name = instance?.State?.Name as InstanceState | undefined;
      last = name ?? (wantsGone ? "terminated" : undefined);
      if (last === "terminated" && !wantsGone) {
        throw new RaftLiteError(
          "instance-ended",
          `the instance ${id} was ended (${printable(instance?.StateReason?.Message ?? "AWS gives no reason")}): run \`raft-lite ec2 up\` again`,
        );
      }
      return last !== undefined && states.includes(last) ? last : undefined;
    },
    { withinMs: STATE_WITHIN_MS, firstMs: 1_000 },
  );
  if (state !== undefined) return state;
  throw new RaftLiteError(
    "instance-stuck",
    `the instance ${id} is ${last ?? "not to be found"} and not ${states[0]} after ${STATE_WITHIN_MS / 1000} s: run the same line again`,
  );
}

export async function beginReplacement(work: Work, step: StepOf<"begin-replacement">): Promise<void> {
  await markReplacement(work, step.node, step.instanceId);
}

export async function endReplacement(work: Work, { node }: StepOf<"end-replacement">): Promise<void> {
  await markReplacement(work, node, null);
}

async function markReplacement(work: Work, node: NodeId, instanceId: string | null): Promise<void> {
  const own = interfaceOf(work.found, node);
  if (own === null) return;
  // An empty one stands for none: what may set a tag need not be allowed to delete any.
  await setTag(work, own.id, REPLACED_TAG, instanceId ?? "");
  work.found = {
    ...work.found,
    interfaces: work.found.interfaces.map((one) =>
      one.id === own.id ? { ...one, replaced: instanceId } : one,
    ),
  };
}

export async function setTag({ account }: Work, resource: string, key: string, value: string): Promise<void> {
  await account.call(
    "ec2:CreateTags",
    () =>
      account.clients.ec2.send(
        new CreateTagsCommand({ Resources: [resource], Tags: [{ Key: key, Value: value }] }),
      ),
    { notYet: /\.NotFound$/ },
  );
}
