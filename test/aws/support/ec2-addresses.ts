import type {
  AllocateAddressCommandInput,
  AllocateAddressCommandOutput,
  AssociateAddressCommandInput,
  AssociateAddressCommandOutput,
  DescribeAddressesCommandInput,
  DescribeAddressesCommandOutput,
  DisassociateAddressCommandInput,
  DisassociateAddressCommandOutput,
  ReleaseAddressCommandInput,
  ReleaseAddressCommandOutput,
} from "@aws-sdk/client-ec2";
import { refusal } from "./cloud-errors.ts";
import type { CloudWorld, Resource } from "./cloud-world.ts";
import type { Catalogue } from "./ec2-catalogue.ts";
import type { Interfaces } from "./ec2-interfaces.ts";
import type { Operations } from "./operation.ts";
import { operation } from "./operation.ts";

export interface Address extends Resource {
  readonly address: string;
  association: { readonly id: string; readonly interfaceId: string } | null;
}

/** Elastic IP addresses. */
export class Addresses {
  readonly all = new Map<string, Address>();

  readonly #world: CloudWorld;
  readonly #catalogue: Catalogue;
  readonly #interfaces: Interfaces;
  #given = 0;

  constructor(world: CloudWorld, catalogue: Catalogue, interfaces: Interfaces) {
    this.#world = world;
    this.#catalogue = catalogue;
    this.#interfaces = interfaces;
    const of = (interfaceId: string) =>
      [...this.all.values()].find((one) => one.association?.interfaceId === interfaceId);
    interfaces.publicOf = (id) => {
      const found = of(id);
      return found === undefined
        ? null
        : { address: found.address, allocationId: found.id, associationId: found.association!.id };
    };
    interfaces.onDelete = (id) => {
      const found = of(id);
      if (found !== undefined) found.association = null;
    };
  }

  #get(id: string): Address {
    return this.#world.find(this.all, id, "eipalloc", "InvalidAllocationID");
  }

  readonly operations: Operations = {
    AllocateAddress: operation<AllocateAddressCommandInput, AllocateAddressCommandOutput>(
      [],
      ["Domain", "TagSpecifications", "DryRun"],
      (input) => {
        const tags = this.#world.tagsAsked(input.TagSpecifications, ["elastic-ip"]).get("elastic-ip")!;
        if (input.Domain !== undefined && input.Domain !== "vpc") {
          throw refusal("ec2", "InvalidParameterValue", `Invalid value '${input.Domain}' for domain.`);
        }
        if (this.all.size >= this.#catalogue.maxElasticIps) {
          throw refusal("ec2", "AddressLimitExceeded", "The maximum number of addresses has been reached.");
        }
        this.#given += 1;
        // TEST-NET-3: nobody's.
        const made: Address = {
          ...this.#world.resource("eipalloc", tags),
          address: `203.0.113.${this.#given % 254}`,
          association: null,
        };
        this.all.set(made.id, made);
        return {
          AllocationId: made.id,
          PublicIp: made.address,
          Domain: "vpc",
          NetworkBorderGroup: this.#world.region,
        };
      },
    ),

    AssociateAddress: operation<AssociateAddressCommandInput, AssociateAddressCommandOutput>(
      [],
      ["AllocationId", "NetworkInterfaceId", "AllowReassociation", "PrivateIpAddress", "DryRun"],
      (input) => {
        if (input.AllocationId === undefined) {
          throw refusal("ec2", "MissingParameter", "Either public IP or allocation id must be specified");
        }
        if (input.NetworkInterfaceId === undefined) {
          throw refusal(
            "ec2",
            "MissingParameter",
            "Either instance ID or network interface id must be specified",
          );
        }
        const found = this.#get(input.AllocationId);
        const { id: interfaceId, privateAddress } = this.#interfaces.get(input.NetworkInterfaceId);
        if (input.PrivateIpAddress !== undefined && input.PrivateIpAddress !== privateAddress) {
          throw refusal(
            "ec2",
            "InvalidParameterValue",
            `${input.PrivateIpAddress} is not an address of ${interfaceId}`,
          );
        }
        if (found.association?.interfaceId === interfaceId) return { AssociationId: found.association.id };
        const inWay = [...this.all.values()].find((one) => one.association?.interfaceId === interfaceId);
        if (input.AllowReassociation === false && (found.association !== null || inWay !== undefined)) {
          throw refusal("ec2", "Resource.AlreadyAssociated", `resource ${found.id} is already associated`);
        }
        if (inWay !== undefined) inWay.association = null;
        found.association = { id: this.#world.id("eipassoc"), interfaceId };
        return { AssociationId: found.association.id };
      },
    ),

    DisassociateAddress: operation<DisassociateAddressCommandInput, DisassociateAddressCommandOutput>(
      [],
      ["AssociationId", "DryRun"],
      (input) => {
        if (input.AssociationId === undefined) {
          throw refusal("ec2", "MissingParameter", "Either public IP or association id must be specified");
        }
        const found = [...this.all.values()].find((one) => one.association?.id === input.AssociationId);
        if (found === undefined) {
          throw refusal(
            "ec2",
            "InvalidAssociationID.NotFound",
            `The association ID '${input.AssociationId}' does not exist`,
          );
        }
        found.association = null;
        return {};
      },
    ),

    DescribeAddresses: operation<DescribeAddressesCommandInput, DescribeAddressesCommandOutput>(
      [],
      ["AllocationIds", "PublicIps", "Filters", "DryRun"],
      (input) => {
        const asked = {
          ids: input.AllocationIds,
          prefix: "eipalloc",
          code: "InvalidAllocationID",
          filters: input.Filters,
        };
        const instanceOf = ({ association }: Address) =>
          association === null
            ? undefined
            : this.#interfaces.all.get(association.interfaceId)?.attachment?.instanceId;
        const found = this.#world.select(this.all, asked, {
          "allocation-id": ({ id }) => [id],
          "public-ip": ({ address }) => [address],
          domain: () => ["vpc"],
          "network-interface-id": ({ association }) => [association?.interfaceId],
          "association-id": ({ association }) => [association?.id],
          "instance-id": (one) => [instanceOf(one)],
        });
        const Addresses = found
          .filter(({ address }) => input.PublicIps === undefined || input.PublicIps.includes(address))
          .map((one) => ({
            AllocationId: one.id,
            PublicIp: one.address,
            Domain: "vpc" as const,
            NetworkBorderGroup: this.#world.region,
            Tags: this.#world.tagList(one),
            ...(one.association && {
              AssociationId: one.association.id,
              NetworkInterfaceId: one.association.interfaceId,
              NetworkInterfaceOwnerId: this.#world.account,
              PrivateIpAddress: this.#interfaces.all.get(one.association.interfaceId)?.privateAddress,
              ...(instanceOf(one) && { InstanceId: instanceOf(one) }),
            }),
          }));
        return { Addresses };
      },
    ),

    ReleaseAddress: operation<ReleaseAddressCommandInput, ReleaseAddressCommandOutput>(
      [],
      ["AllocationId", "DryRun"],
      (input) => {
        if (input.AllocationId === undefined) {
          throw refusal("ec2", "MissingParameter", "Either public IP or allocation id must be specified");
        }
        const found = this.#get(input.AllocationId);
        if (found.association !== null) {
          throw refusal("ec2", "InvalidIPAddress.InUse", `Address ${found.address} is in use.`);
        }
        this.#world.remove(this.all, found);
        return {};
      },
    ),
  };
}
