import type {
  CreateTagsCommandInput,
  CreateTagsCommandOutput,
  DeleteTagsCommandInput,
  DeleteTagsCommandOutput,
} from "@aws-sdk/client-ec2";
import { refusal } from "./cloud-errors.ts";
import type { CloudWorld, Resource } from "./cloud-world.ts";
import { checkTag } from "./cloud-world.ts";
import { Addresses } from "./ec2-addresses.ts";
import { Catalogue } from "./ec2-catalogue.ts";
import { Instances } from "./ec2-instances.ts";
import { Interfaces } from "./ec2-interfaces.ts";
import { Network } from "./ec2-network.ts";
import { Volumes } from "./ec2-volumes.ts";
import type { Operations } from "./operation.ts";
import { operation } from "./operation.ts";

/** All of EC2, in one region of one account. */
export class Ec2Service {
  readonly catalogue: Catalogue;
  readonly network: Network;
  readonly interfaces: Interfaces;
  readonly addresses: Addresses;
  readonly volumes: Volumes;
  readonly instances: Instances;
  readonly operations: Operations;

  constructor(world: CloudWorld, zones: readonly string[]) {
    this.catalogue = new Catalogue(world, zones);
    this.network = new Network(world);
    this.interfaces = new Interfaces(world, this.network);
    this.addresses = new Addresses(world, this.catalogue, this.interfaces);
    this.volumes = new Volumes(world, this.catalogue);
    this.instances = new Instances(world, this.catalogue, this.interfaces, this.volumes);
    this.operations = {
      ...this.catalogue.operations,
      ...this.network.operations,
      ...this.interfaces.operations,
      ...this.addresses.operations,
      ...this.volumes.operations,
      ...this.instances.operations,
      CreateTags: operation<CreateTagsCommandInput, CreateTagsCommandOutput>(
        ["Resources", "Tags"],
        ["DryRun"],
        ({ Resources, Tags }) => {
          for (const tag of Tags!) checkTag(tag);
          for (const found of Resources!.map((id) => this.#find(world, id))) world.setTags(found, Tags!);
          return {};
        },
      ),
      DeleteTags: operation<DeleteTagsCommandInput, DeleteTagsCommandOutput>(
        ["Resources"],
        ["Tags", "DryRun"],
        ({ Resources, Tags }) => {
          for (const found of Resources!.map((id) => this.#find(world, id))) {
            for (const { Key, Value } of Tags ??
              [...found.tags].map(([key]) => ({ Key: key, Value: undefined }))) {
              if (Value === undefined || found.tags.get(Key!) === Value) world.dropTag(found, Key!);
            }
          }
          return {};
        },
      ),
    };
  }

  #find(world: CloudWorld, id: string): Resource {
    const kinds = [
      [this.interfaces.all, "eni", "InvalidNetworkInterfaceID"],
      [this.addresses.all, "eipalloc", "InvalidAllocationID"],
      [this.volumes.all, "vol", "InvalidVolume"],
      [this.instances.all, "i", "InvalidInstanceID"],
      [this.network.groups, "sg", "InvalidGroup"],
    ] as const;
    for (const [all, prefix, code] of kinds) {
      if (id.startsWith(`${prefix}-`))
        return world.find(all as ReadonlyMap<string, Resource>, id, prefix, code);
    }
    throw refusal("ec2", "InvalidID", `The ID '${id}' is not valid`);
  }
}
