import type {
  DescribeAccountAttributesCommandInput,
  DescribeAccountAttributesCommandOutput,
  DescribeAvailabilityZonesCommandInput,
  DescribeAvailabilityZonesCommandOutput,
  DescribeImagesCommandInput,
  DescribeImagesCommandOutput,
  DescribeInstanceTypeOfferingsCommandInput,
  DescribeInstanceTypeOfferingsCommandOutput,
  DescribeInstanceTypesCommandInput,
  DescribeInstanceTypesCommandOutput,
  DescribeRegionsCommandInput,
  DescribeRegionsCommandOutput,
} from "@aws-sdk/client-ec2";
import { refusal } from "./cloud-errors.ts";
import type { CloudWorld } from "./cloud-world.ts";
import type { Operations } from "./operation.ts";
import { operation } from "./operation.ts";

export interface InstanceTypeFacts {
  readonly architecture: "x86_64" | "arm64";
  readonly vcpus: number;
  readonly memoryMib: number;
}

export interface Image {
  readonly id: string;
  readonly architecture: "x86_64" | "arm64";
  readonly rootGb: number;
}

/** What the region offers: a test may take away from it. */
export class Catalogue {
  readonly zones: string[];
  readonly types: ReadonlyMap<string, InstanceTypeFacts> = new Map([
    ["t3.micro", { architecture: "x86_64", vcpus: 2, memoryMib: 1024 }],
    ["t3.small", { architecture: "x86_64", vcpus: 2, memoryMib: 2048 }],
    ["t4g.small", { architecture: "arm64", vcpus: 2, memoryMib: 2048 }],
    ["m7i.large", { architecture: "x86_64", vcpus: 2, memoryMib: 8192 }],
  ]);
  /** `TYPE ZONE` of what is not offered. */
  readonly notOffered = new Set<string>();
  readonly images: readonly Image[] = [
    { id: "ami-0aaaaaaaaaaaaaaa1", architecture: "x86_64", rootGb: 8 },
    { id: "ami-0aaaaaaaaaaaaaaa2", architecture: "arm64", rootGb: 8 },
  ];
  maxElasticIps = 5;

  readonly #world: CloudWorld;

  constructor(world: CloudWorld, zones: readonly string[]) {
    this.#world = world;
    this.zones = zones.map((letter) => `${world.region}${letter}`);
  }

  isOffered(type: string, zone: string): boolean {
    return this.types.has(type) && !this.notOffered.has(`${type} ${zone}`);
  }

  readonly operations: Operations = {
    DescribeAvailabilityZones: operation<
      DescribeAvailabilityZonesCommandInput,
      DescribeAvailabilityZonesCommandOutput
    >([], ["Filters", "ZoneNames", "AllAvailabilityZones", "DryRun"], (input) => {
      const all = this.zones.map((ZoneName, index) => ({
        ZoneName,
        ZoneId: `use1-az${index + 1}`,
        State: "available" as const,
        OptInStatus: "opt-in-not-required" as const,
        ZoneType: "availability-zone",
        RegionName: this.#world.region,
        GroupName: this.#world.region,
        Messages: [],
      }));
      const unknown = (input.ZoneNames ?? []).find((name) => !this.zones.includes(name));
      if (unknown !== undefined) {
        throw refusal("ec2", "InvalidParameterValue", `Invalid availability zone: [${unknown}]`);
      }
      const asked =
        input.ZoneNames === undefined ? all : all.filter((zone) => input.ZoneNames!.includes(zone.ZoneName));
      return {
        AvailabilityZones: this.#world.filter(asked, input.Filters, {
          state: ({ State }) => [State],
          "zone-name": ({ ZoneName }) => [ZoneName],
          "zone-type": ({ ZoneType }) => [ZoneType],
          "region-name": ({ RegionName }) => [RegionName],
          "opt-in-status": ({ OptInStatus }) => [OptInStatus],
        }),
      };
    }),

    DescribeRegions: operation<DescribeRegionsCommandInput, DescribeRegionsCommandOutput>(
      [],
      ["RegionNames", "AllRegions", "Filters", "DryRun"],
      (input) => {
        const known = ["us-east-1", "us-east-2", "eu-west-1", "eu-central-1"];
        const unknown = (input.RegionNames ?? []).find((name) => !known.includes(name));
        if (unknown !== undefined) {
          throw refusal("ec2", "InvalidParameterValue", `Invalid region names '[${unknown}]'`);
        }
        const Regions = (input.RegionNames ?? known).map((RegionName) => ({
          RegionName,
          Endpoint: `ec2.${RegionName}.amazonaws.com`,
          OptInStatus: "opt-in-not-required",
        }));
        return {
          Regions: this.#world.filter(Regions, input.Filters, {
            "region-name": ({ RegionName }) => [RegionName],
            "opt-in-status": ({ OptInStatus }) => [OptInStatus],
          }),
        };
      },
    ),

    DescribeInstanceTypeOfferings: operation<
      DescribeInstanceTypeOfferingsCommandInput,
      DescribeInstanceTypeOfferingsCommandOutput
    >([], ["LocationType", "Filters", "NextToken", "MaxResults", "DryRun"], (input) => {
      const { LocationType = "region", ...asked } = input;
      if (LocationType !== "region" && LocationType !== "availability-zone") {
        throw refusal("ec2", "InvalidParameterValue", `the model knows no location type ${LocationType}`);
      }
      const places = LocationType === "region" ? [this.#world.region] : this.zones;
      const all = places.flatMap((Location) =>
        [...this.types.keys()]
          .filter((type) => LocationType === "region" || this.isOffered(type, Location))
          .map((InstanceType) => ({ InstanceType: InstanceType as never, LocationType, Location })),
      );
      const found = this.#world.filter(all, input.Filters, {
        "instance-type": (offering) => [offering.InstanceType],
        location: (offering) => [offering.Location],
      });
      const { items, token } = this.#world.page(found, asked);
      return { InstanceTypeOfferings: items, ...token };
    }),

    DescribeInstanceTypes: operation<DescribeInstanceTypesCommandInput, DescribeInstanceTypesCommandOutput>(
      [],
      ["InstanceTypes", "Filters", "NextToken", "MaxResults", "DryRun"],
      (input) => {
        const unknown = (input.InstanceTypes ?? []).find((type) => !this.types.has(type));
        if (unknown !== undefined) {
          throw refusal(
            "ec2",
            "InvalidInstanceType",
            `The following supplied instance types do not exist: [${unknown}]`,
          );
        }
        const all = [...this.types]
          .filter(
            ([type]) => input.InstanceTypes === undefined || input.InstanceTypes.includes(type as never),
          )
          .map(([type, facts]) => ({
            InstanceType: type as never,
            CurrentGeneration: true,
            Hypervisor: "nitro" as const,
            ProcessorInfo: { SupportedArchitectures: [facts.architecture] },
            VCpuInfo: { DefaultVCpus: facts.vcpus, DefaultCores: 1, DefaultThreadsPerCore: 2 },
            MemoryInfo: { SizeInMiB: facts.memoryMib },
            SupportedRootDeviceTypes: ["ebs" as const],
            SupportedUsageClasses: ["on-demand" as const, "spot" as const],
          }));
        const found = this.#world.filter(all, input.Filters, {
          "instance-type": ({ InstanceType }) => [InstanceType],
          "processor-info.supported-architecture": ({ ProcessorInfo }) =>
            ProcessorInfo.SupportedArchitectures,
        });
        const { items, token } = this.#world.page(found, input, { ids: input.InstanceTypes, least: 5 });
        return { InstanceTypes: items, ...token };
      },
    ),

    DescribeImages: operation<DescribeImagesCommandInput, DescribeImagesCommandOutput>(
      [],
      ["ImageIds", "Owners", "Filters", "NextToken", "MaxResults", "IncludeDeprecated", "DryRun"],
      (input) => {
        const unknown = (input.ImageIds ?? []).find((id) => !this.images.some((image) => image.id === id));
        if (unknown !== undefined) {
          throw refusal("ec2", "InvalidAMIID.NotFound", `The image id '[${unknown}]' does not exist`);
        }
        const all = this.images
          .filter(({ id }) => input.ImageIds === undefined || input.ImageIds.includes(id))
          .map(({ id, architecture, rootGb }) => ({
            ImageId: id,
            Architecture: architecture,
            Name: `al2023-ami-2023.9.20261101.0-kernel-6.12-${architecture}`,
            OwnerId: "137112412989",
            ImageOwnerAlias: "amazon",
            State: "available" as const,
            Public: true,
            RootDeviceType: "ebs" as const,
            RootDeviceName: "/dev/xvda",
            VirtualizationType: "hvm" as const,
            BlockDeviceMappings: [
              {
                DeviceName: "/dev/xvda",
                Ebs: {
                  DeleteOnTermination: true,
                  VolumeSize: rootGb,
                  VolumeType: "gp3" as const,
                  Encrypted: false,
                },
              },
            ],
          }));
        const found = this.#world.filter(all, input.Filters, {
          architecture: ({ Architecture }) => [Architecture],
          name: ({ Name }) => [Name],
          state: ({ State }) => [State],
          "owner-alias": ({ ImageOwnerAlias }) => [ImageOwnerAlias],
        });
        const { items, token } = this.#world.page(found, input, { ids: input.ImageIds, least: 1 });
        return { Images: items, ...token };
      },
    ),

    DescribeAccountAttributes: operation<
      DescribeAccountAttributesCommandInput,
      DescribeAccountAttributesCommandOutput
    >([], ["AttributeNames", "DryRun"], (input) => {
      const all = [
        ["supported-platforms", "VPC"],
        ["max-instances", "20"],
        ["max-elastic-ips", String(this.maxElasticIps)],
        ["vpc-max-elastic-ips", String(this.maxElasticIps)],
        ["vpc-max-security-groups-per-interface", "5"],
      ] as const;
      const asked = input.AttributeNames as readonly string[] | undefined;
      return {
        AccountAttributes: all
          .filter(([name]) => asked === undefined || asked.includes(name))
          .map(([AttributeName, value]) => ({ AttributeName, AttributeValues: [{ AttributeValue: value }] })),
      };
    }),
  };
}
