import type {
  AttachVolumeCommandInput,
  AttachVolumeCommandOutput,
  CreateVolumeCommandInput,
  CreateVolumeCommandOutput,
  DeleteVolumeCommandInput,
  DeleteVolumeCommandOutput,
  DescribeVolumesCommandInput,
  DescribeVolumesCommandOutput,
  DetachVolumeCommandInput,
  DetachVolumeCommandOutput,
  Volume as VolumeAnswer,
  VolumeAttachment,
} from "@aws-sdk/client-ec2";
import { refusal } from "./cloud-errors.ts";
import type { CloudWorld, Resource } from "./cloud-world.ts";
import type { Catalogue } from "./ec2-catalogue.ts";
import type { Instance } from "./ec2-instance.ts";
import type { Operations } from "./operation.ts";
import { operation } from "./operation.ts";

export interface Volume extends Resource {
  readonly zone: string;
  readonly sizeGb: number;
  readonly type: string;
  readonly isEncrypted: boolean;
  readonly createdAt: number;
  state: "creating" | "available" | "in-use";
  attachment: {
    readonly instanceId: string;
    readonly device: string;
    readonly deleteOnTermination: boolean;
    readonly at: number;
    state: "attaching" | "attached" | "detaching";
  } | null;
}

/** Block storage. A volume never leaves its zone. */
export class Volumes {
  readonly all = new Map<string, Volume>();
  /** Set by whoever has instances. */
  instance: (id: string) => Instance = () => {
    throw new Error("no instances yet");
  };

  readonly #world: CloudWorld;
  readonly #catalogue: Catalogue;
  readonly #ever = new Map<string, Volume>();

  constructor(world: CloudWorld, catalogue: Catalogue) {
    this.#world = world;
    this.#catalogue = catalogue;
  }

  make(
    volume: { zone: string; sizeGb: number; type: string; isEncrypted: boolean },
    tags: Map<string, string>,
  ): Volume {
    const made: Volume = {
      ...this.#world.resource("vol", tags),
      ...volume,
      createdAt: this.#world.now,
      state: "creating",
      attachment: null,
    };
    this.all.set(made.id, made);
    this.#ever.set(made.id, made);
    this.#world.later(this.#world.pace.volumeCreateMs, () => {
      if (made.state === "creating") made.state = "available";
    });
    return made;
  }

  attach(
    volume: Volume,
    instanceId: string,
    device: string,
    deleteOnTermination: boolean,
    state: "attaching" | "attached",
  ) {
    const attachment = { instanceId, device, deleteOnTermination, at: this.#world.now, state };
    volume.attachment = attachment;
    volume.state = "in-use";
    if (state === "attached") return;
    this.#world.later(this.#world.pace.attachMs, () => {
      if (volume.attachment === attachment && volume.attachment.state === "attaching")
        volume.attachment.state = "attached";
    });
  }

  /** The instance is gone. */
  release(instanceId: string): void {
    for (const volume of [...this.all.values()]) {
      if (volume.attachment?.instanceId !== instanceId) continue;
      if (volume.attachment.deleteOnTermination) this.#world.remove(this.all, volume);
      volume.attachment = null;
      volume.state = "available";
    }
  }

  attachedTo(instanceId: string): Volume[] {
    return [...this.all.values()].filter(({ attachment }) => attachment?.instanceId === instanceId);
  }

  #get(id: string): Volume {
    return this.#world.find(this.all, id, "vol", "InvalidVolume");
  }

  #attachmentAnswer(volume: Volume): VolumeAttachment {
    const { instanceId, device, deleteOnTermination, at, state } = volume.attachment!;
    return {
      VolumeId: volume.id,
      InstanceId: instanceId,
      Device: device,
      DeleteOnTermination: deleteOnTermination,
      AttachTime: this.#world.iso(at),
      State: state,
    };
  }

  #answer(volume: Volume): VolumeAnswer {
    return {
      VolumeId: volume.id,
      AvailabilityZone: volume.zone,
      Size: volume.sizeGb,
      VolumeType: volume.type as "gp3",
      Encrypted: volume.isEncrypted,
      State: volume.state,
      CreateTime: this.#world.iso(volume.createdAt),
      Attachments: volume.attachment === null ? [] : [this.#attachmentAnswer(volume)],
      MultiAttachEnabled: false,
      Iops: 3000,
      Throughput: 125,
      Tags: this.#world.tagList(volume),
    };
  }

  readonly operations: Operations = {
    CreateVolume: operation<CreateVolumeCommandInput, CreateVolumeCommandOutput>(
      [],
      [
        "AvailabilityZone",
        "Size",
        "VolumeType",
        "Encrypted",
        "Iops",
        "Throughput",
        "TagSpecifications",
        "ClientToken",
        "DryRun",
      ],
      (input) => {
        const { AvailabilityZone: zone, Size: sizeGb, VolumeType: type = "gp2" } = input;
        if (zone === undefined)
          throw refusal("ec2", "MissingParameter", "The request must contain the parameter zone");
        const id = this.#world.once("CreateVolume", input.ClientToken, input, () => {
          const tags = this.#world.tagsAsked(input.TagSpecifications, ["volume"]).get("volume")!;
          if (!this.#catalogue.zones.includes(zone)) {
            throw refusal("ec2", "InvalidZone.NotFound", `The zone '${zone}' does not exist.`);
          }
          if (sizeGb === undefined) {
            throw refusal("ec2", "MissingParameter", "The request must contain the parameter size/snapshot");
          }
          checkVolume(type, sizeGb);
          return this.make({ zone, sizeGb, type, isEncrypted: input.Encrypted === true }, tags).id;
        });
        // A token outlives what it made.
        return this.#answer(this.#ever.get(id)!);
      },
    ),

    DescribeVolumes: operation<DescribeVolumesCommandInput, DescribeVolumesCommandOutput>(
      [],
      ["VolumeIds", "Filters", "NextToken", "MaxResults", "DryRun"],
      (input) => {
        const asked = { ids: input.VolumeIds, prefix: "vol", code: "InvalidVolume", filters: input.Filters };
        const found = this.#world.select(this.all, asked, {
          "volume-id": ({ id }) => [id],
          "availability-zone": ({ zone }) => [zone],
          status: ({ state }) => [state],
          "attachment.instance-id": ({ attachment }) => [attachment?.instanceId],
          "attachment.device": ({ attachment }) => [attachment?.device],
        });
        const { items, token } = this.#world.page(found, input, { ids: input.VolumeIds, least: 5 });
        return { Volumes: items.map((volume) => this.#answer(volume)), ...token };
      },
    ),

    AttachVolume: operation<AttachVolumeCommandInput, AttachVolumeCommandOutput>(
      ["Device", "InstanceId", "VolumeId"],
      ["DryRun"],
      (input) => {
        const volume = this.#get(input.VolumeId!);
        const instance = this.instance(input.InstanceId!);
        if (volume.state === "in-use")
          throw refusal("ec2", "VolumeInUse", `${volume.id} is already attached to an instance`);
        if (volume.state !== "available")
          throw refusal("ec2", "IncorrectState", `${volume.id} is not 'available'.`);
        if (instance.state !== "running" && instance.state !== "stopped") {
          throw refusal("ec2", "IncorrectState", `Instance '${instance.id}' is not 'running'.`);
        }
        if (volume.zone !== instance.zone) {
          throw refusal(
            "ec2",
            "InvalidVolume.ZoneMismatch",
            `The volume '${volume.id}' is not in the same availability zone as instance '${instance.id}'`,
          );
        }
        if (!/^(\/dev\/sd[f-p]|\/dev\/xvd[b-z][a-z]?|xvd[b-z])$/.test(input.Device!)) {
          throw refusal("ec2", "InvalidParameterValue", `Invalid value '${input.Device}' for unixDevice.`);
        }
        if (this.attachedTo(instance.id).some(({ attachment }) => attachment!.device === input.Device)) {
          throw refusal(
            "ec2",
            "InvalidParameterValue",
            `Invalid value '${input.Device}' for unixDevice. Attachment point ${input.Device} is already in use`,
          );
        }
        this.attach(volume, instance.id, input.Device!, false, "attaching");
        return this.#attachmentAnswer(volume);
      },
    ),

    DetachVolume: operation<DetachVolumeCommandInput, DetachVolumeCommandOutput>(
      ["VolumeId"],
      ["InstanceId", "Device", "Force", "DryRun"],
      (input) => {
        const volume = this.#get(input.VolumeId!);
        const { attachment } = volume;
        if (attachment === null || attachment.state === "detaching") {
          throw refusal("ec2", "IncorrectState", `Volume '${volume.id}' is in the '${volume.state}' state.`);
        }
        if (input.InstanceId !== undefined && input.InstanceId !== attachment.instanceId) {
          throw refusal(
            "ec2",
            "InvalidAttachment.NotFound",
            `The volume '${volume.id}' is not attached to instance '${input.InstanceId}'`,
          );
        }
        attachment.state = "detaching";
        this.#world.later(this.#world.pace.detachMs, () => {
          if (volume.attachment !== attachment) return;
          volume.attachment = null;
          volume.state = "available";
        });
        return this.#attachmentAnswer(volume);
      },
    ),

    DeleteVolume: operation<DeleteVolumeCommandInput, DeleteVolumeCommandOutput>(
      ["VolumeId"],
      ["DryRun"],
      (input) => {
        const volume = this.#get(input.VolumeId!);
        if (volume.attachment !== null) {
          throw refusal(
            "ec2",
            "VolumeInUse",
            `Volume ${volume.id} is currently attached to ${volume.attachment.instanceId}`,
          );
        }
        this.#world.remove(this.all, volume);
        return {};
      },
    ),
  };
}

/** Throws what EC2 answers to a size that a type does not come in. */
export function checkVolume(type: string, sizeGb: number): void {
  if (type !== "gp3" && type !== "gp2")
    throw refusal("ec2", "InvalidParameterValue", `the model knows no volumes of type ${type}`);
  if (!Number.isInteger(sizeGb) || sizeGb < 1 || sizeGb > 65_536) {
    throw refusal(
      "ec2",
      "InvalidParameterValue",
      `Volume of ${sizeGb}GiB is not valid for ${type}: 1 to 65536`,
    );
  }
}
