import type {
  CreateNetworkInterfaceCommandInput,
  CreateNetworkInterfaceCommandOutput,
  DeleteNetworkInterfaceCommandInput,
  DeleteNetworkInterfaceCommandOutput,
  DescribeNetworkInterfacesCommandInput,
  DescribeNetworkInterfacesCommandOutput,
  NetworkInterface,
} from "@aws-sdk/client-ec2";
import { refusal } from "./cloud-errors.ts";
import type { CloudWorld, Resource } from "./cloud-world.ts";
import type { Network, Subnet } from "./ec2-network.ts";
import type { Operations } from "./operation.ts";
import { operation } from "./operation.ts";

export interface Interface extends Resource {
  readonly subnetId: string;
  readonly vpcId: string;
  readonly zone: string;
  readonly privateAddress: string;
  readonly description: string;
  readonly groups: readonly string[];
  attachment: {
    readonly id: string;
    readonly instanceId: string;
    readonly deleteOnTermination: boolean;
    readonly at: number;
  } | null;
}

/** Elastic network interfaces: made before the instances that they outlive. */
export class Interfaces {
  readonly all = new Map<string, Interface>();
  /** The public address of an interface, set by whoever keeps those. */
  publicOf: (id: string) => { address: string; allocationId: string; associationId: string } | null = () =>
    null;
  onDelete: (id: string) => void = () => {};

  readonly #world: CloudWorld;
  readonly #network: Network;
  readonly #ever = new Map<string, Interface>();

  constructor(world: CloudWorld, network: Network) {
    this.#world = world;
    this.#network = network;
    network.usersOf = (group) =>
      [...this.all.values()].filter(({ groups }) => groups.includes(group)).map(({ id }) => id);
  }

  get(id: string): Interface {
    return this.#world.find(this.all, id, "eni", "InvalidNetworkInterfaceID");
  }

  make(input: CreateNetworkInterfaceCommandInput): Interface {
    const tags = this.#world
      .tagsAsked(input.TagSpecifications, ["network-interface"])
      .get("network-interface")!;
    const subnet = this.#network.subnet(input.SubnetId!);
    const groups = this.#network.groupsFor(input.Groups, subnet.vpcId);
    const wished = input.PrivateIpAddress;
    if (wished !== undefined) this.#checkFree(wished, subnet.prefix);
    const made: Interface = {
      ...this.#world.resource("eni", tags),
      subnetId: subnet.id,
      vpcId: subnet.vpcId,
      zone: subnet.zone,
      privateAddress: wished ?? this.#nextFree(subnet),
      description: input.Description ?? "",
      groups,
      attachment: null,
    };
    this.all.set(made.id, made);
    this.#ever.set(made.id, made);
    return made;
  }

  attach(found: Interface, instanceId: string, deleteOnTermination: boolean): void {
    found.attachment = {
      id: this.#world.id("eni-attach"),
      instanceId,
      deleteOnTermination,
      at: this.#world.now,
    };
  }

  /** The instance is gone: what was made for it goes, the rest is free after a while. */
  release(instanceId: string): void {
    for (const found of this.all.values()) {
      if (found.attachment?.instanceId !== instanceId) continue;
      if (found.attachment.deleteOnTermination) this.#remove(found);
      else {
        this.#world.later(this.#world.pace.interfaceFreeMs, () => {
          found.attachment = null;
        });
      }
    }
  }

  describe(found: Interface): NetworkInterface {
    const { attachment } = found;
    const ip = this.publicOf(found.id);
    const association = ip && {
      Association: {
        PublicIp: ip.address,
        AllocationId: ip.allocationId,
        AssociationId: ip.associationId,
        IpOwnerId: this.#world.account,
      },
    };
    return {
      NetworkInterfaceId: found.id,
      SubnetId: found.subnetId,
      VpcId: found.vpcId,
      AvailabilityZone: found.zone,
      Description: found.description,
      InterfaceType: "interface",
      Status: attachment === null ? "available" : "in-use",
      PrivateIpAddress: found.privateAddress,
      PrivateIpAddresses: [{ Primary: true, PrivateIpAddress: found.privateAddress, ...association }],
      Groups: found.groups.map((GroupId) => ({
        GroupId,
        GroupName: this.#network.groups.get(GroupId)?.name ?? "",
      })),
      SourceDestCheck: true,
      RequesterManaged: false,
      OwnerId: this.#world.account,
      TagSet: this.#world.tagList(found),
      ...association,
      ...(attachment && {
        Attachment: {
          AttachmentId: attachment.id,
          InstanceId: attachment.instanceId,
          InstanceOwnerId: this.#world.account,
          DeviceIndex: 0,
          DeleteOnTermination: attachment.deleteOnTermination,
          Status: "attached" as const,
          AttachTime: this.#world.iso(attachment.at),
        },
      }),
    };
  }

  #nextFree(subnet: Subnet): string {
    for (;;) {
      subnet.given += 1;
      const address = `${subnet.prefix}.${subnet.given}`;
      if (![...this.all.values()].some(({ privateAddress }) => privateAddress === address)) return address;
    }
  }

  #checkFree(address: string, prefix: string): void {
    if (!address.startsWith(`${prefix}.`)) {
      throw refusal(
        "ec2",
        "InvalidParameterValue",
        `Address ${address} does not fall within the subnet's address range`,
      );
    }
    if ([...this.all.values()].some(({ privateAddress }) => privateAddress === address)) {
      throw refusal("ec2", "InvalidIPAddress.InUse", `Address ${address} is in use.`);
    }
  }

  #remove(found: Interface): void {
    this.#world.remove(this.all, found);
    this.onDelete(found.id);
    for (const id of found.groups) {
      const group = this.#network.groups.get(id);
      if (group !== undefined) group.heldUntil = this.#world.now + this.#world.pace.groupFreeMs;
    }
  }

  readonly operations: Operations = {
    CreateNetworkInterface: operation<
      CreateNetworkInterfaceCommandInput,
      CreateNetworkInterfaceCommandOutput
    >(
      ["SubnetId"],
      ["Description", "Groups", "PrivateIpAddress", "TagSpecifications", "ClientToken", "DryRun"],
      (input) => {
        const id = this.#world.once(
          "CreateNetworkInterface",
          input.ClientToken,
          input,
          () => this.make(input).id,
        );
        // A token outlives what it made.
        const shown = this.describe(this.#ever.get(id)!);
        // A new one is "pending" in its own answer.
        return {
          NetworkInterface: { ...shown, Status: "pending" as never },
          ...(input.ClientToken && { ClientToken: input.ClientToken }),
        };
      },
    ),

    DescribeNetworkInterfaces: operation<
      DescribeNetworkInterfacesCommandInput,
      DescribeNetworkInterfacesCommandOutput
    >([], ["NetworkInterfaceIds", "Filters", "NextToken", "MaxResults", "DryRun"], (input) => {
      const asked = {
        ids: input.NetworkInterfaceIds,
        prefix: "eni",
        code: "InvalidNetworkInterfaceID",
        filters: input.Filters,
      };
      const found = this.#world.select(this.all, asked, {
        "network-interface-id": ({ id }) => [id],
        "subnet-id": ({ subnetId }) => [subnetId],
        "vpc-id": ({ vpcId }) => [vpcId],
        "availability-zone": ({ zone }) => [zone],
        "group-id": ({ groups }) => groups,
        "attachment.instance-id": ({ attachment }) => [attachment?.instanceId],
        status: ({ attachment }) => [attachment === null ? "available" : "in-use"],
      });
      const { items, token } = this.#world.page(found, input, { ids: input.NetworkInterfaceIds, least: 5 });
      return { NetworkInterfaces: items.map((one) => this.describe(one)), ...token };
    }),

    DeleteNetworkInterface: operation<
      DeleteNetworkInterfaceCommandInput,
      DeleteNetworkInterfaceCommandOutput
    >(["NetworkInterfaceId"], ["DryRun"], (input) => {
      const found = this.get(input.NetworkInterfaceId!);
      if (found.attachment !== null) {
        // Both are documented for it.
        const code = this.#world.random.chance(0.5)
          ? "InvalidNetworkInterface.InUse"
          : "InvalidParameterValue";
        throw refusal("ec2", code, `Network interface '${found.id}' is currently in use.`);
      }
      this.#remove(found);
      return {};
    }),
  };
}
