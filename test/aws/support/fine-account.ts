import * as ec2 from "@aws-sdk/client-ec2";
import * as iam from "@aws-sdk/client-iam";
import * as s3 from "@aws-sdk/client-s3";
import * as quotas from "@aws-sdk/client-service-quotas";
import * as ssm from "@aws-sdk/client-ssm";
import * as sts from "@aws-sdk/client-sts";
import { mockClient } from "aws-sdk-client-mock";

/** The services, each answering as a test says. */
export const clouds = {
  ec2: mockClient(ec2.EC2Client),
  iam: mockClient(iam.IAMClient),
  s3: mockClient(s3.S3Client),
  ssm: mockClient(ssm.SSMClient),
  sts: mockClient(sts.STSClient),
  quotas: mockClient(quotas.ServiceQuotasClient),
};

/** An error as the SDK throws it. */
export function refusal(name: string, message = name, status = 400): Error {
  return Object.assign(new Error(message), { name, $metadata: { httpStatusCode: status } });
}

const ZONES = ["a", "b", "c"].map((letter) => `us-east-1${letter}`);

/** An account with nothing in it and nothing wrong with it. */
export function fineAccount(): void {
  for (const cloud of Object.values(clouds)) cloud.reset();
  const { ec2: one } = clouds;
  const dry = refusal("DryRunOperation", "Request would have succeeded, but DryRun flag is set.", 412);
  clouds.sts
    .on(sts.GetCallerIdentityCommand)
    .resolves({ Account: "123456789012", Arn: "arn:aws:iam::123456789012:user/team/operator" });
  one
    .on(ec2.DescribeAvailabilityZonesCommand)
    .resolves({ AvailabilityZones: ZONES.map((ZoneName) => ({ ZoneName, State: "available" })) });
  one.on(ec2.DescribeVpcsCommand).resolves({ Vpcs: [{ VpcId: "vpc-1" }] });
  one.on(ec2.DescribeSubnetsCommand).resolves({
    Subnets: ZONES.map((zone, at) => ({
      SubnetId: `subnet-${at}`,
      AvailabilityZone: zone,
      VpcId: "vpc-1",
    })),
  });
  one.on(ec2.DescribeInstanceTypesCommand).callsFake(({ InstanceTypes }) => ({
    InstanceTypes: InstanceTypes.map((InstanceType: string) => ({
      InstanceType,
      VCpuInfo: { DefaultVCpus: 2 },
      ProcessorInfo: { SupportedArchitectures: ["x86_64"] },
    })),
  }));
  one.on(ec2.DescribeInstanceTypeOfferingsCommand).resolves({
    InstanceTypeOfferings: ZONES.map((Location) => ({ Location })),
  });
  one.on(ec2.DescribeInstancesCommand).resolves({ Reservations: [] });
  one.on(ec2.DescribeNetworkInterfacesCommand).resolves({ NetworkInterfaces: [] });
  one.on(ec2.DescribeSecurityGroupsCommand).resolves({ SecurityGroups: [] });
  one.on(ec2.DescribeVolumesCommand).resolves({ Volumes: [] });
  one.on(ec2.DescribeAddressesCommand).resolves({ Addresses: [] });
  one.on(ec2.DescribeImagesCommand).resolves({ Images: [{ ImageId: "ami-1" }] });
  one.on(ec2.DescribeAccountAttributesCommand).resolves({
    AccountAttributes: [{ AttributeName: "vpc-max-elastic-ips", AttributeValues: [{ AttributeValue: "5" }] }],
  });
  for (const command of [
    ec2.CreateSecurityGroupCommand,
    ec2.AllocateAddressCommand,
    ec2.CreateVolumeCommand,
    ec2.RunInstancesCommand,
  ]) {
    one.on(command as never).rejects(dry);
  }
  clouds.ssm.on(ssm.GetParameterCommand).callsFake(({ Name }) => {
    if (Name.startsWith("/aws/service/")) return { Parameter: { Value: "ami-1" } };
    throw refusal("ParameterNotFound");
  });
  clouds.s3.on(s3.HeadBucketCommand).rejects(refusal("NotFound", "", 404));
  clouds.iam.on(iam.GetRoleCommand).rejects(refusal("NoSuchEntityException", "", 404));
  clouds.iam.on(iam.GetInstanceProfileCommand).rejects(refusal("NoSuchEntityException", "", 404));
  clouds.iam.on(iam.SimulatePrincipalPolicyCommand).callsFake(({ ActionNames }) => ({
    EvaluationResults: ActionNames.map((EvalActionName: string) => ({
      EvalActionName,
      EvalDecision: "allowed",
    })),
  }));
  clouds.quotas.on(quotas.GetServiceQuotaCommand).resolves({ Quota: { Value: 32 } });
}
