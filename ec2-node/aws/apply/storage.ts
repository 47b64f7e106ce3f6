import { AttachVolumeCommand, CreateVolumeCommand, DescribeVolumesCommand } from "@aws-sdk/client-ec2";
import { RaftLiteError } from "../../../shared/errors.ts";
import { awsCode } from "../explain.ts";
import type { FoundVolume } from "../model.ts";
import { poll } from "../pace.ts";
import { instanceOf, volumeOf } from "../plan.ts";
import type { StepOf } from "../steps.ts";
import { createOnce } from "./create-once.ts";
import { waitForInstance } from "./instances.ts";
import { placedNode } from "./network.ts";
import type { Work } from "./work.ts";
import { tags } from "./work.ts";

/** As AWS is told; on the instance it is an NVMe device, found by the volume's id. */
const DATA_DEVICE = "/dev/sdf";
const ATTACHED_WITHIN_MS = 120_000;

export async function createVolume(work: Work, { node }: StepOf<"create-volume">): Promise<void> {
  const { account } = work;
  const { ec2 } = account.clients;
  const { zone } = placedNode(work.found, node);
  const sizeGb = work.found.record?.dataGb ?? 0;
  const made = await createOnce<FoundVolume>(work, {
    what: `the data volume of ${node}`,
    words: ["volume", node, zone, String(sizeGb)],
    create: async (token) => {
      const reply = await account.call(
        "ec2:CreateVolume",
        () =>
          ec2.send(
            new CreateVolumeCommand({
              AvailabilityZone: zone,
              Size: sizeGb,
              VolumeType: "gp3",
              Encrypted: true,
              ClientToken: token,
              TagSpecifications: [{ ResourceType: "volume", Tags: tags(account, node) }],
            }),
          ),
        { subject: `a data volume of ${sizeGb} GB in ${zone}` },
      );
      return reply.VolumeId;
    },
    find: async (id) => {
      const { Volumes = [] } = await ec2.send(new DescribeVolumesCommand({ VolumeIds: [id] }));
      const [one] = Volumes;
      if (one === undefined || one.State === "deleting" || one.State === "deleted") return undefined;
      return { id, node, zone, sizeGb, state: one.State ?? "", instanceId: null };
    },
    action: "ec2:DescribeVolumes",
    notFound: /^InvalidVolume\.NotFound$/,
  });
  work.found = { ...work.found, volumes: [...work.found.volumes, made] };
}

/** Waits until the instance can take it and the volume is free. */
export async function attachVolume(work: Work, { node }: StepOf<"attach-volume">): Promise<void> {
  const { account } = work;
  const { ec2 } = account.clients;
  const volume = volumeOf(work.found, node);
  const instance = instanceOf(work.found, node);
  if (volume === null || instance === null) throw missing(node);
  await waitForInstance(work, instance.id, ["running", "stopped"]);
  const attached = await poll(
    account.pace,
    async (): Promise<true | undefined> => {
      const { Volumes = [] } = await account.call("ec2:DescribeVolumes", () =>
        ec2.send(new DescribeVolumesCommand({ VolumeIds: [volume.id] })),
      );
      const attachments = Volumes[0]?.Attachments ?? [];
      const there = attachments.find(({ InstanceId }) => InstanceId === instance.id);
      if (there !== undefined) return there.State === "attached" ? true : undefined;
      if (Volumes[0]?.State === "available") await attach();
      return undefined;
    },
    { withinMs: ATTACHED_WITHIN_MS },
  );
  if (attached === undefined) {
    throw new RaftLiteError(
      "volume-not-attached",
      `the data volume of ${node} (${volume.id}) could not be attached to ${instance.id} within ${ATTACHED_WITHIN_MS / 1000} s: ` +
        "run the same line again; if it is attached elsewhere, detach it there first",
    );
  }
  work.found = {
    ...work.found,
    volumes: work.found.volumes.map((one) =>
      one.id === volume.id ? { ...one, instanceId: instance.id, state: "in-use" } : one,
    ),
  };

  async function attach(): Promise<void> {
    await account.call(
      "ec2:AttachVolume",
      async () => {
        try {
          await ec2.send(
            new AttachVolumeCommand({ VolumeId: volume?.id, InstanceId: instance?.id, Device: DATA_DEVICE }),
          );
        } catch (error) {
          // Somebody was faster, or one of the two is not as far as it said: the next look tells.
          if (!/^(VolumeInUse|IncorrectState|IncorrectInstanceState)$/.test(awsCode(error))) throw error;
        }
      },
      { notYet: /^Invalid(Volume|InstanceID)\.NotFound$/ },
    );
  }
}

function missing(node: string): RaftLiteError {
  return new RaftLiteError(
    "node-incomplete",
    `${node} has no instance or no data volume: run \`raft-lite ec2 up\``,
  );
}
