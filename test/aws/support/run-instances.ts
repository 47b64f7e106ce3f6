import type { RunInstancesCommandInput } from "@aws-sdk/client-ec2";
import { NotModelled, refusal } from "./cloud-errors.ts";
import type { CloudWorld } from "./cloud-world.ts";
import type { Catalogue } from "./ec2-catalogue.ts";
import type { Device, Launch } from "./ec2-instance.ts";
import { checkVolume } from "./ec2-volumes.ts";
import { onlyKeys } from "./operation.ts";

const USER_DATA_LIMIT = 16_384;

/** Throws what EC2 answers to a request that contradicts itself or asks for what there is not. */
export function readLaunch(input: RunInstancesCommandInput, world: CloudWorld, catalogue: Catalogue): Launch {
  if (input.MinCount !== 1 || input.MaxCount !== 1) throw new NotModelled("more than one instance a call");
  const { ImageId: imageId, InstanceType: type } = input;
  if (imageId === undefined)
    throw refusal("ec2", "MissingParameter", "The request must contain the parameter ImageId");
  const image = catalogue.images.find(({ id }) => id === imageId);
  if (image === undefined)
    throw refusal("ec2", "InvalidAMIID.NotFound", `The image id '[${imageId}]' does not exist`);
  // Without one, EC2 takes an old type that nobody means.
  if (type === undefined)
    throw refusal("ec2", "MissingParameter", "The request must contain the parameter InstanceType");
  const facts = catalogue.types.get(type);
  if (facts === undefined)
    throw refusal("ec2", "InvalidParameterValue", `Invalid value '${type}' for InstanceType.`);
  if (facts.architecture !== image.architecture) {
    throw refusal(
      "ec2",
      "InvalidParameterValue",
      `The architecture '${facts.architecture}' of the specified instance type does not match the architecture '${image.architecture}' of the specified AMI.`,
    );
  }
  const network = readInterface(input);
  const tags = world.tagsAsked(input.TagSpecifications, ["instance", "volume"]);
  checkDetails(input);
  return {
    type,
    imageId,
    token: input.ClientToken ?? null,
    ...network,
    zone: input.Placement?.AvailabilityZone ?? null,
    profile: input.IamInstanceProfile ?? null,
    metadata: {
      HttpTokens: input.MetadataOptions?.HttpTokens ?? "required",
      HttpPutResponseHopLimit: input.MetadataOptions?.HttpPutResponseHopLimit ?? 2,
    },
    userData: readUserData(input.UserData),
    devices: readDevices(input.BlockDeviceMappings ?? [], image.rootGb),
    instanceTags: tags.get("instance")!,
    volumeTags: tags.get("volume")!,
  };
}

type LaunchNetwork = Pick<Launch, "interfaceId" | "subnetId" | "keepsInterface">;

function readInterface(input: RunInstancesCommandInput): LaunchNetwork {
  const networks = input.NetworkInterfaces ?? [];
  if (networks.length === 0 && input.SubnetId !== undefined) {
    if (input.SecurityGroupIds ?? input.SecurityGroups)
      throw new NotModelled("groups of an interface made by a launch");
    return { interfaceId: null, subnetId: input.SubnetId, keepsInterface: false };
  }
  if (networks.length !== 1) throw new NotModelled("an instance without exactly one interface named");
  const [network] = networks;
  if (
    input.SubnetId !== undefined ||
    input.SecurityGroupIds !== undefined ||
    input.SecurityGroups !== undefined
  ) {
    throw refusal(
      "ec2",
      "InvalidParameterCombination",
      "Network interfaces and an instance-level subnet ID or security groups may not be specified on the same request",
    );
  }
  onlyKeys("NetworkInterfaces", network!, [
    "NetworkInterfaceId",
    "DeviceIndex",
    "AssociatePublicIpAddress",
    "DeleteOnTermination",
    "Groups",
    "SubnetId",
  ]);
  const { NetworkInterfaceId: interfaceId, DeviceIndex, DeleteOnTermination } = network!;
  if (DeviceIndex === undefined) {
    throw refusal("ec2", "InvalidParameterValue", "Each network interface requires a device index.");
  }
  if (interfaceId === undefined) throw new NotModelled("an interface made by a launch");
  const { AssociatePublicIpAddress, Groups, SubnetId } = network!;
  if (AssociatePublicIpAddress !== undefined || Groups !== undefined || SubnetId !== undefined) {
    throw refusal(
      "ec2",
      "InvalidParameterCombination",
      "A network interface may not specify a network interface ID and public address, groups or subnet",
    );
  }
  // One that is given, not made, stays; and EC2 takes no other wish for it.
  if (DeleteOnTermination === true) {
    throw refusal(
      "ec2",
      "InvalidParameterCombination",
      "A network interface may not specify both a network interface ID and delete on termination",
    );
  }
  return { interfaceId, subnetId: null, keepsInterface: true };
}

function readDevices(
  mappings: NonNullable<RunInstancesCommandInput["BlockDeviceMappings"]>,
  rootGb: number,
): Device[] {
  const devices = mappings.map((mapping) => {
    onlyKeys("BlockDeviceMappings", mapping, ["DeviceName", "Ebs"]);
    const { DeviceName: device, Ebs } = mapping;
    if (device === undefined)
      throw refusal("ec2", "MissingParameter", "The request must contain the parameter deviceName");
    if (Ebs === undefined) throw new NotModelled("a device that is not a volume");
    onlyKeys("Ebs", Ebs, ["VolumeSize", "VolumeType", "Encrypted", "DeleteOnTermination"]);
    const isRoot = device === "/dev/xvda";
    const { VolumeSize = isRoot ? rootGb : 0, VolumeType: type = "gp3" } = Ebs;
    checkVolume(type, VolumeSize);
    if (isRoot && VolumeSize < rootGb) {
      throw refusal(
        "ec2",
        "InvalidBlockDeviceMapping",
        `Volume of size ${VolumeSize}GB is smaller than snapshot, expect size >= ${rootGb}GB`,
      );
    }
    const deleteOnTermination = Ebs.DeleteOnTermination ?? true;
    return { device, sizeGb: VolumeSize, type, isEncrypted: Ebs.Encrypted === true, deleteOnTermination };
  });
  if (devices.some(({ device }) => device === "/dev/xvda")) return devices;
  return [
    { device: "/dev/xvda", sizeGb: rootGb, type: "gp3", isEncrypted: false, deleteOnTermination: true },
    ...devices,
  ];
}

function readUserData(encoded: string | undefined): string {
  if (encoded === undefined) return "";
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(encoded) || encoded.length % 4 !== 0) {
    throw refusal("ec2", "InvalidParameterValue", "Invalid BASE64 encoding of user data");
  }
  const decoded = Buffer.from(encoded, "base64");
  if (decoded.length > USER_DATA_LIMIT) {
    throw refusal("ec2", "InvalidParameterValue", `User data is limited to ${USER_DATA_LIMIT} bytes`);
  }
  return decoded.toString("utf8");
}

function checkDetails(input: RunInstancesCommandInput): void {
  const { MetadataOptions: metadata, IamInstanceProfile: profile } = input;
  onlyKeys("Placement", input.Placement ?? {}, ["AvailabilityZone", "Tenancy"]);
  onlyKeys("Monitoring", input.Monitoring ?? {}, ["Enabled"]);
  onlyKeys("CreditSpecification", input.CreditSpecification ?? {}, ["CpuCredits"]);
  onlyKeys("MetadataOptions", metadata ?? {}, [
    "HttpTokens",
    "HttpPutResponseHopLimit",
    "HttpEndpoint",
    "HttpProtocolIpv6",
    "InstanceMetadataTags",
  ]);
  const hops = metadata?.HttpPutResponseHopLimit ?? 1;
  if (hops < 1 || hops > 64)
    throw refusal("ec2", "InvalidParameterValue", `Hop limit ${hops} is not within 1 to 64`);
  onlyKeys("IamInstanceProfile", profile ?? {}, ["Name", "Arn"]);
  if (profile?.Name !== undefined && profile.Arn !== undefined) {
    throw refusal(
      "ec2",
      "InvalidParameterCombination",
      "The parameters iamInstanceProfile.name and .arn may not be used together",
    );
  }
  const shutdown = input.InstanceInitiatedShutdownBehavior;
  if (shutdown !== undefined && shutdown !== "stop" && shutdown !== "terminate") {
    throw refusal("ec2", "InvalidParameterValue", `Value (${shutdown}) for parameter is invalid`);
  }
}
