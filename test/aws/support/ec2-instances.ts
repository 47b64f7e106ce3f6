import type {
  DescribeInstancesCommandInput,
  DescribeInstancesCommandOutput,
  GetConsoleOutputCommandInput,
  GetConsoleOutputCommandOutput,
  Instance as InstanceAnswer,
  RunInstancesCommandInput,
  RunInstancesCommandOutput,
  StartInstancesCommandInput,
  StartInstancesCommandOutput,
  TerminateInstancesCommandInput,
  TerminateInstancesCommandOutput,
} from "@aws-sdk/client-ec2";
import { refusal } from "./cloud-errors.ts";
import type { CloudWorld } from "./cloud-world.ts";
import type { Catalogue } from "./ec2-catalogue.ts";
import type { Fate, Instance, InstanceState, Launch } from "./ec2-instance.ts";
import type { Interfaces } from "./ec2-interfaces.ts";
import type { Volumes } from "./ec2-volumes.ts";
import type { Operations } from "./operation.ts";
import { operation } from "./operation.ts";
import { readLaunch } from "./run-instances.ts";

const STATE_CODES = {
  pending: 0,
  running: 16,
  "shutting-down": 32,
  terminated: 48,
  stopping: 64,
  stopped: 80,
} as const;

/** Terminated instances are shown for about an hour. */
const SHOWN_AFTER_END_MS = 3_600_000;

/** Virtual machines, from launch to end. */
export class Instances {
  readonly all = new Map<string, Instance>();
  /** Asked at every launch: what kills it, or null. */
  fateOf: (instance: Instance) => Fate | null = () => null;
  /** Throws what EC2 answers to an instance profile that it does not know (yet). */
  checkProfile: (profile: NonNullable<Launch["profile"]>) => void = () => {};
  /** Virtual processors that may run at once. */
  vcpuQuota = 32;

  readonly #world: CloudWorld;
  readonly #catalogue: Catalogue;
  readonly #interfaces: Interfaces;
  readonly #volumes: Volumes;

  constructor(world: CloudWorld, catalogue: Catalogue, interfaces: Interfaces, volumes: Volumes) {
    this.#world = world;
    this.#catalogue = catalogue;
    this.#interfaces = interfaces;
    this.#volumes = volumes;
    volumes.instance = (id) => this.get(id);
  }

  get(id: string): Instance {
    return this.#world.find(this.all, id, "i", "InvalidInstanceID");
  }

  /** From launch to the end. `reason` is what it says of itself afterwards. */
  end(instance: Instance, reason: { readonly Code: string; readonly Message: string }): void {
    if (instance.state === "shutting-down" || instance.state === "terminated") return;
    instance.state = "shutting-down";
    instance.stateReason = reason;
    this.#world.later(this.#world.pace.terminateMs, () => {
      instance.state = "terminated";
      this.#volumes.release(instance.id);
      this.#interfaces.release(instance.id);
      this.#world.later(SHOWN_AFTER_END_MS, () => this.all.delete(instance.id));
    });
  }

  /** As somebody does at the console. */
  stop(instance: Instance): void {
    instance.state = "stopped";
  }

  #launch(input: RunInstancesCommandInput): string {
    const launch = readLaunch(input, this.#world, this.#catalogue);
    const network =
      launch.interfaceId === null
        ? this.#interfaces.make({ SubnetId: launch.subnetId! })
        : this.#interfaces.get(launch.interfaceId);
    if (network.attachment !== null) {
      throw refusal("ec2", "InvalidNetworkInterface.InUse", `Interface: [${network.id}] in use.`);
    }
    if (launch.zone !== null && launch.zone !== network.zone) {
      throw refusal(
        "ec2",
        "InvalidParameterValue",
        `The interface ${network.id} is not in zone ${launch.zone}`,
      );
    }
    if (!this.#catalogue.isOffered(launch.type, network.zone)) {
      throw refusal(
        "ec2",
        "Unsupported",
        `Your requested instance type (${launch.type}) is not supported in your requested Availability Zone (${network.zone}).`,
      );
    }
    if (launch.profile !== null) this.checkProfile(launch.profile);
    const running = [...this.all.values()].filter(({ state }) => state === "pending" || state === "running");
    const vcpus = [...running, launch].reduce(
      (sum, { type }) => sum + this.#catalogue.types.get(type)!.vcpus,
      0,
    );
    if (vcpus > this.vcpuQuota) {
      throw refusal(
        "ec2",
        "VcpuLimitExceeded",
        `You have requested more vCPU capacity than your current vCPU limit of ${this.vcpuQuota} allows for the instance bucket that the specified instance type belongs to.`,
      );
    }
    const instance: Instance = {
      ...this.#world.resource("i", launch.instanceTags),
      ...launch,
      interfaceId: network.id,
      zone: network.zone,
      subnetId: network.subnetId,
      vpcId: network.vpcId,
      launchedAt: this.#world.now,
      state: "pending",
      runningAt: Number.POSITIVE_INFINITY,
      stateReason: null,
      console: "",
    };
    this.all.set(instance.id, instance);
    this.#interfaces.attach(network, instance.id, launch.keepsInterface === false);
    for (const { device, deleteOnTermination, sizeGb, type, isEncrypted } of launch.devices) {
      const volume = this.#volumes.make(
        { zone: instance.zone, sizeGb, type, isEncrypted },
        new Map(launch.volumeTags),
      );
      this.#volumes.attach(volume, instance.id, device, deleteOnTermination, "attached");
    }
    this.#world.later(this.#world.pace.startMs, () => this.#run(instance));
    const fate = this.fateOf(instance);
    if (fate !== null) {
      this.#world.later(fate.afterMs, () =>
        this.end(instance, { Code: fate.code, Message: `${fate.code}: ${fate.message}` }),
      );
    }
    return instance.id;
  }

  #run(instance: Instance): void {
    if (instance.state !== "pending") return;
    instance.state = "running";
    instance.runningAt = this.#world.now;
  }

  #answer(instance: Instance): InstanceAnswer {
    const isOver = instance.state === "terminated";
    const network = this.#interfaces.all.get(instance.interfaceId);
    const shown = network !== undefined && !isOver ? this.#interfaces.describe(network) : null;
    const publicAddress = shown?.Association?.PublicIp;
    return {
      InstanceId: instance.id,
      ImageId: instance.imageId,
      InstanceType: instance.type as never,
      LaunchTime: this.#world.iso(instance.launchedAt),
      Placement: { AvailabilityZone: instance.zone, Tenancy: "default", GroupName: "" },
      State: { Code: STATE_CODES[instance.state], Name: instance.state },
      StateTransitionReason:
        instance.stateReason?.Code === "Client.UserInitiatedShutdown" ? "User initiated" : "",
      ...(instance.stateReason && { StateReason: instance.stateReason }),
      Architecture: this.#catalogue.types.get(instance.type)!.architecture,
      RootDeviceName: "/dev/xvda",
      RootDeviceType: "ebs",
      ...(instance.token && { ClientToken: instance.token }),
      MetadataOptions: { State: "applied", ...instance.metadata },
      Tags: this.#world.tagList(instance),
      SecurityGroups: shown?.Groups ?? [],
      BlockDeviceMappings: this.#volumes.attachedTo(instance.id).map(({ id, attachment }) => ({
        DeviceName: attachment!.device,
        Ebs: {
          VolumeId: id,
          Status: attachment!.state,
          DeleteOnTermination: attachment!.deleteOnTermination,
        },
      })),
      NetworkInterfaces: shown === null ? [] : [shown as never],
      ...(isOver
        ? {}
        : {
            SubnetId: instance.subnetId,
            VpcId: instance.vpcId,
            PrivateIpAddress: network?.privateAddress,
            ...(publicAddress && { PublicIpAddress: publicAddress }),
          }),
      ...(instance.profile && {
        IamInstanceProfile: {
          Arn:
            instance.profile.Arn ??
            `arn:aws:iam::${this.#world.account}:instance-profile/${instance.profile.Name}`,
          Id: "AIPAEXAMPLE",
        },
      }),
    };
  }

  #change(instance: Instance, previous: InstanceState) {
    const state = (Name: InstanceState) => ({ Code: STATE_CODES[Name], Name });
    return { InstanceId: instance.id, PreviousState: state(previous), CurrentState: state(instance.state) };
  }

  readonly operations: Operations = {
    RunInstances: operation<RunInstancesCommandInput, RunInstancesCommandOutput>(
      ["MinCount", "MaxCount"],
      [
        "ImageId",
        "InstanceType",
        "ClientToken",
        "NetworkInterfaces",
        "SecurityGroupIds",
        "SecurityGroups",
        "SubnetId",
        "BlockDeviceMappings",
        "IamInstanceProfile",
        "MetadataOptions",
        "Placement",
        "TagSpecifications",
        "UserData",
        "InstanceInitiatedShutdownBehavior",
        "DisableApiTermination",
        "EbsOptimized",
        "CreditSpecification",
        "Monitoring",
        "DryRun",
      ],
      (input) => {
        const id = this.#world.once("RunInstances", input.ClientToken, input, () => this.#launch(input));
        const instance = this.all.get(id);
        if (instance === undefined) {
          throw refusal("ec2", "InvalidInstanceID.NotFound", `The instance ID '${id}' does not exist`);
        }
        return {
          ReservationId: `r-${id.slice(2)}`,
          OwnerId: this.#world.account,
          Groups: [],
          Instances: [this.#answer(instance)],
        };
      },
    ),

    DescribeInstances: operation<DescribeInstancesCommandInput, DescribeInstancesCommandOutput>(
      [],
      ["InstanceIds", "Filters", "NextToken", "MaxResults", "DryRun"],
      (input) => {
        const asked = {
          ids: input.InstanceIds,
          prefix: "i",
          code: "InvalidInstanceID",
          filters: input.Filters,
        };
        const found = this.#world.select(this.all, asked, {
          "instance-id": ({ id }) => [id],
          "instance-state-name": ({ state }) => [state],
          "instance-type": ({ type }) => [type],
          "availability-zone": ({ zone }) => [zone],
          "vpc-id": ({ vpcId }) => [vpcId],
          "subnet-id": ({ subnetId }) => [subnetId],
          "client-token": ({ token }) => [token ?? undefined],
          "network-interface.network-interface-id": ({ interfaceId }) => [interfaceId],
        });
        const { items, token } = this.#world.page(found, input, { ids: input.InstanceIds, least: 5 });
        const Reservations = items.map((instance) => ({
          ReservationId: `r-${instance.id.slice(2)}`,
          OwnerId: this.#world.account,
          Groups: [],
          Instances: [this.#answer(instance)],
        }));
        return { Reservations, ...token };
      },
    ),

    StartInstances: operation<StartInstancesCommandInput, StartInstancesCommandOutput>(
      ["InstanceIds"],
      ["DryRun"],
      (input) => {
        const StartingInstances = input.InstanceIds!.map((id) => {
          const instance = this.get(id);
          const previous = instance.state;
          if (previous === "running" || previous === "pending") return this.#change(instance, previous);
          if (previous !== "stopped") {
            throw refusal(
              "ec2",
              "IncorrectInstanceState",
              `The instance '${id}' is not in a state from which it can be started.`,
            );
          }
          instance.state = "pending";
          this.#world.later(this.#world.pace.startMs, () => this.#run(instance));
          return this.#change(instance, previous);
        });
        return { StartingInstances };
      },
    ),

    TerminateInstances: operation<TerminateInstancesCommandInput, TerminateInstancesCommandOutput>(
      ["InstanceIds"],
      ["DryRun"],
      (input) => {
        const instances = input.InstanceIds!.map((id) => this.get(id));
        const TerminatingInstances = instances.map((instance) => {
          const previous = instance.state;
          const Code = "Client.UserInitiatedShutdown";
          this.end(instance, { Code, Message: `${Code}: User initiated shutdown` });
          return this.#change(instance, previous);
        });
        return { TerminatingInstances };
      },
    ),

    GetConsoleOutput: operation<GetConsoleOutputCommandInput, GetConsoleOutputCommandOutput>(
      ["InstanceId"],
      ["Latest", "DryRun"],
      (input) => {
        const instance = this.get(input.InstanceId!);
        return {
          InstanceId: instance.id,
          Timestamp: this.#world.iso(this.#world.now),
          ...(instance.console === "" ? {} : { Output: Buffer.from(instance.console).toString("base64") }),
        };
      },
    ),
  };
}
