import type {
  AuthorizeSecurityGroupIngressCommandInput,
  AuthorizeSecurityGroupIngressCommandOutput,
  CreateSecurityGroupCommandInput,
  CreateSecurityGroupCommandOutput,
  DeleteSecurityGroupCommandInput,
  DeleteSecurityGroupCommandOutput,
  DescribeSecurityGroupsCommandInput,
  DescribeSecurityGroupsCommandOutput,
  DescribeSubnetsCommandInput,
  DescribeSubnetsCommandOutput,
  DescribeVpcsCommandInput,
  DescribeVpcsCommandOutput,
  IpPermission,
  RevokeSecurityGroupIngressCommandInput,
  RevokeSecurityGroupIngressCommandOutput,
} from "@aws-sdk/client-ec2";
import { refusal } from "./cloud-errors.ts";
import type { CloudWorld, Resource } from "./cloud-world.ts";
import type { IngressRule } from "./ingress-rules.ts";
import { permissionsOf, rulesOf, sameRule } from "./ingress-rules.ts";
import type { Operations } from "./operation.ts";
import { operation } from "./operation.ts";

export interface Vpc extends Resource {
  readonly cidr: string;
  readonly isDefault: boolean;
}

export interface Subnet extends Resource {
  readonly vpcId: string;
  readonly zone: string;
  /** The first two or three octets of its addresses, and how many have been given. */
  readonly prefix: string;
  given: number;
  readonly cidr: string;
  readonly isDefault: boolean;
}

export interface Group extends Resource {
  readonly vpcId: string;
  readonly name: string;
  readonly description: string;
  rules: IngressRule[];
  /** Until when the deletion of its last interface is not known everywhere. */
  heldUntil: number;
}

/** Networks, and the security groups within them. */
export class Network {
  readonly vpcs = new Map<string, Vpc>();
  readonly subnets = new Map<string, Subnet>();
  readonly groups = new Map<string, Group>();
  /** What keeps a group from being deleted: set by whoever has interfaces. */
  usersOf: (groupId: string) => readonly string[] = () => [];

  readonly #world: CloudWorld;

  constructor(world: CloudWorld) {
    this.#world = world;
  }

  addVpc(cidr: string, isDefault: boolean): Vpc {
    const vpc = { ...this.#own("vpc"), cidr, isDefault };
    this.vpcs.set(vpc.id, vpc);
    this.#addGroup(vpc.id, "default", "default VPC security group", new Map(), true);
    return vpc;
  }

  addSubnet(vpc: Vpc, zone: string, prefix: string, isDefault: boolean): Subnet {
    const cidr = `${prefix}${".0".repeat(4 - prefix.split(".").length)}/20`;
    const subnet = { ...this.#own("subnet"), vpcId: vpc.id, zone, prefix, given: 9, cidr, isDefault };
    this.subnets.set(subnet.id, subnet);
    return subnet;
  }

  /** The groups of an interface to be, checked: all seen, and of the subnet's network. */
  groupsFor(ids: readonly string[] | undefined, vpcId: string): string[] {
    if (ids === undefined || ids.length === 0) {
      return [...this.groups.values()]
        .filter((group) => group.vpcId === vpcId && group.name === "default")
        .map(({ id }) => id);
    }
    return ids.map((id) => {
      const group = this.#group(id);
      if (group.vpcId !== vpcId) {
        throw refusal(
          "ec2",
          "InvalidParameter",
          `Security group ${id} and subnet belong to different networks.`,
        );
      }
      return id;
    });
  }

  subnet(id: string): Subnet {
    return this.#world.find(this.subnets, id, "subnet", "InvalidSubnetID");
  }

  /** What was there before anybody came is seen at once, and nobody's tag is on it. */
  #own(prefix: string): Resource {
    return { ...this.#world.resource(prefix, new Map()), seenFrom: 0, tagsFrom: 0 };
  }

  #addGroup(
    vpcId: string,
    name: string,
    description: string,
    tags: Map<string, string>,
    isOwn = false,
  ): Group {
    const resource = isOwn ? this.#own("sg") : this.#world.resource("sg", tags);
    const group: Group = { ...resource, vpcId, name, description, rules: [], heldUntil: 0 };
    this.groups.set(group.id, group);
    return group;
  }

  #group(id: string): Group {
    if (!/^sg-[0-9a-f]{8,17}$/.test(id))
      throw refusal("ec2", "InvalidGroupId.Malformed", `Invalid id: "${id}"`);
    return this.#world.find(this.groups, id, "sg", "InvalidGroup");
  }

  /** What an ingress call is about. */
  #asked(input: { GroupId?: string | undefined; IpPermissions?: IpPermission[] | undefined }): {
    group: Group;
    rules: IngressRule[];
  } {
    if (input.GroupId === undefined) {
      throw refusal("ec2", "MissingParameter", "The request must contain the parameter groupName or groupId");
    }
    const group = this.#group(input.GroupId);
    if (input.IpPermissions === undefined || input.IpPermissions.length === 0) {
      throw refusal("ec2", "MissingParameter", "The request must contain the parameter ipPermissions");
    }
    return { group, rules: rulesOf(input.IpPermissions, (id) => this.#group(id).id) };
  }

  readonly operations: Operations = {
    DescribeVpcs: operation<DescribeVpcsCommandInput, DescribeVpcsCommandOutput>(
      [],
      ["VpcIds", "Filters", "NextToken", "MaxResults", "DryRun"],
      (input) => {
        const asked = { ids: input.VpcIds, prefix: "vpc", code: "InvalidVpcID", filters: input.Filters };
        const found = this.#world.select(this.vpcs, asked, {
          "vpc-id": ({ id }) => [id],
          isDefault: ({ isDefault }) => [String(isDefault)],
          "is-default": ({ isDefault }) => [String(isDefault)],
          cidr: ({ cidr }) => [cidr],
          state: () => ["available"],
        });
        const { items, token } = this.#world.page(found, input, { ids: input.VpcIds, least: 5 });
        const Vpcs = items.map((vpc) => ({
          VpcId: vpc.id,
          CidrBlock: vpc.cidr,
          IsDefault: vpc.isDefault,
          State: "available" as const,
          OwnerId: this.#world.account,
          InstanceTenancy: "default" as const,
          Tags: this.#world.tagList(vpc),
        }));
        return { Vpcs, ...token };
      },
    ),

    DescribeSubnets: operation<DescribeSubnetsCommandInput, DescribeSubnetsCommandOutput>(
      [],
      ["SubnetIds", "Filters", "NextToken", "MaxResults", "DryRun"],
      (input) => {
        const asked = {
          ids: input.SubnetIds,
          prefix: "subnet",
          code: "InvalidSubnetID",
          filters: input.Filters,
        };
        const found = this.#world.select(this.subnets, asked, {
          "subnet-id": ({ id }) => [id],
          "vpc-id": ({ vpcId }) => [vpcId],
          "availability-zone": ({ zone }) => [zone],
          "default-for-az": ({ isDefault }) => [String(isDefault)],
          defaultForAz: ({ isDefault }) => [String(isDefault)],
          state: () => ["available"],
        });
        const { items, token } = this.#world.page(found, input, { ids: input.SubnetIds, least: 5 });
        const Subnets = items.map((subnet) => ({
          SubnetId: subnet.id,
          VpcId: subnet.vpcId,
          CidrBlock: subnet.cidr,
          AvailabilityZone: subnet.zone,
          AvailableIpAddressCount: 4091 - subnet.given,
          DefaultForAz: subnet.isDefault,
          MapPublicIpOnLaunch: subnet.isDefault,
          State: "available" as const,
          OwnerId: this.#world.account,
          Tags: this.#world.tagList(subnet),
        }));
        return { Subnets, ...token };
      },
    ),

    DescribeSecurityGroups: operation<
      DescribeSecurityGroupsCommandInput,
      DescribeSecurityGroupsCommandOutput
    >([], ["GroupIds", "Filters", "NextToken", "MaxResults", "DryRun"], (input) => {
      const asked = { ids: input.GroupIds, prefix: "sg", code: "InvalidGroup", filters: input.Filters };
      const found = this.#world.select(this.groups, asked, {
        "group-id": ({ id }) => [id],
        "group-name": ({ name }) => [name],
        "vpc-id": ({ vpcId }) => [vpcId],
      });
      const { items, token } = this.#world.page(found, input, { ids: input.GroupIds, least: 5 });
      const SecurityGroups = items.map((group) => ({
        GroupId: group.id,
        GroupName: group.name,
        Description: group.description,
        VpcId: group.vpcId,
        OwnerId: this.#world.account,
        IpPermissions: permissionsOf(group.rules, this.#world.account),
        IpPermissionsEgress: [
          {
            IpProtocol: "-1",
            IpRanges: [{ CidrIp: "0.0.0.0/0" }],
            Ipv6Ranges: [],
            PrefixListIds: [],
            UserIdGroupPairs: [],
          },
        ],
        Tags: this.#world.tagList(group),
      }));
      return { SecurityGroups, ...token };
    }),

    CreateSecurityGroup: operation<CreateSecurityGroupCommandInput, CreateSecurityGroupCommandOutput>(
      ["GroupName", "Description"],
      ["VpcId", "TagSpecifications", "DryRun"],
      (input) => {
        const tags = this.#world
          .tagsAsked(input.TagSpecifications, ["security-group"])
          .get("security-group")!;
        const vpcId = input.VpcId ?? [...this.vpcs.values()].find(({ isDefault }) => isDefault)?.id;
        if (vpcId === undefined) throw refusal("ec2", "VPCIdNotSpecified", "No default VPC for this user");
        this.#world.find(this.vpcs, vpcId, "vpc", "InvalidVpcID");
        const name = input.GroupName!;
        if (!/^[a-zA-Z0-9 ._\-:/()#,@[\]+=&;{}!$*]{1,255}$/.test(name) || name.startsWith("sg-")) {
          throw refusal("ec2", "InvalidParameterValue", `Invalid value '${name}' for groupName.`);
        }
        if (!/^[a-zA-Z0-9 ._\-:/()#,@[\]+=&;{}!$*]{1,255}$/.test(input.Description!)) {
          throw refusal(
            "ec2",
            "InvalidParameterValue",
            `Value (${input.Description}) for parameter GroupDescription is invalid.`,
          );
        }
        if ([...this.groups.values()].some((group) => group.vpcId === vpcId && group.name === name)) {
          throw refusal(
            "ec2",
            "InvalidGroup.Duplicate",
            `The security group '${name}' already exists for VPC '${vpcId}'`,
          );
        }
        const group = this.#addGroup(vpcId, name, input.Description!, tags);
        return { GroupId: group.id, Tags: [...tags].map(([Key, Value]) => ({ Key, Value })) };
      },
    ),

    AuthorizeSecurityGroupIngress: operation<
      AuthorizeSecurityGroupIngressCommandInput,
      AuthorizeSecurityGroupIngressCommandOutput
    >([], ["GroupId", "IpPermissions", "TagSpecifications", "DryRun"], (input) => {
      const { group, rules: asked } = this.#asked(input);
      const tags = this.#world
        .tagsAsked(input.TagSpecifications, ["security-group-rule"])
        .get("security-group-rule")!;
      const rules = asked.map((rule) => ({ ...rule, tags }));
      const known = rules.find((rule) => group.rules.some((other) => sameRule(rule, other)));
      if (known !== undefined) {
        throw refusal(
          "ec2",
          "InvalidPermission.Duplicate",
          `the specified rule "peer: ${known.source}" already exists`,
        );
      }
      group.rules.push(...rules);
      return { Return: true };
    }),

    RevokeSecurityGroupIngress: operation<
      RevokeSecurityGroupIngressCommandInput,
      RevokeSecurityGroupIngressCommandOutput
    >([], ["GroupId", "IpPermissions", "DryRun"], (input) => {
      const { group, rules } = this.#asked(input);
      if (rules.some((rule) => !group.rules.some((other) => sameRule(rule, other)))) {
        throw refusal(
          "ec2",
          "InvalidPermission.NotFound",
          "The specified rule does not exist in this security group.",
        );
      }
      group.rules = group.rules.filter((other) => !rules.some((rule) => sameRule(rule, other)));
      return { Return: true };
    }),

    DeleteSecurityGroup: operation<DeleteSecurityGroupCommandInput, DeleteSecurityGroupCommandOutput>(
      [],
      ["GroupId", "DryRun"],
      (input) => {
        if (input.GroupId === undefined) {
          throw refusal(
            "ec2",
            "MissingParameter",
            "The request must contain the parameter groupName or groupId",
          );
        }
        const group = this.#group(input.GroupId);
        const isReferred = [...this.groups.values()].some(
          (other) => other !== group && other.rules.some(({ source }) => source === group.id),
        );
        if (isReferred || this.usersOf(group.id).length > 0 || this.#world.now < group.heldUntil) {
          throw refusal("ec2", "DependencyViolation", `resource ${group.id} has a dependent object`);
        }
        if (group.name === "default") {
          throw refusal(
            "ec2",
            "CannotDelete",
            `the specified group: "${group.id}" name: "default" cannot be deleted by a user`,
          );
        }
        this.#world.remove(this.groups, group);
        return { Return: true, GroupId: group.id };
      },
    ),
  };
}
