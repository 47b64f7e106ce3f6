import { DescribeImagesCommand } from "@aws-sdk/client-ec2";
import { GetParameterCommand } from "@aws-sdk/client-ssm";
import { RaftLiteError } from "../../shared/errors.ts";
import type { Account } from "./account.ts";
import { architectureOf } from "./network.ts";

export interface MachineImage {
  readonly id: string;
  /** The device name of its root volume. */
  readonly rootDevice: string;
  /** Size of its root volume. */
  readonly rootGb: number;
}

/** Amazon Linux 2023, as AWS names its newest image for everybody (SSM public parameters). */
const PARAMETER = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-";
const ROOT_DEVICE = "/dev/xvda";
/** What Amazon Linux 2023 asks for. */
export const ROOT_GB = 8;

/** The newest image of Amazon Linux 2023 for the processor of `instanceType`. */
export async function findImage(account: Account, instanceType: string): Promise<MachineImage> {
  const { ec2, ssm } = account.clients;
  const architecture = await architectureOf(account, instanceType);
  const named = await account.ask("ssm:GetParameter", /^ParameterNotFound$/, () =>
    ssm.send(new GetParameterCommand({ Name: `${PARAMETER}${architecture}` })),
  );
  const { Images = [] } = await account.call("ec2:DescribeImages", () =>
    ec2.send(
      new DescribeImagesCommand(
        named?.Parameter?.Value === undefined
          ? {
              Owners: ["amazon"],
              Filters: [
                { Name: "name", Values: ["al2023-ami-2023.*-kernel-*"] },
                { Name: "architecture", Values: [architecture] },
                { Name: "state", Values: ["available"] },
              ],
            }
          : { ImageIds: [named.Parameter.Value] },
      ),
    ),
  );
  const newest = Images.toSorted((a, b) => ((a.CreationDate ?? "") < (b.CreationDate ?? "") ? 1 : -1))[0];
  const id = newest?.ImageId ?? named?.Parameter?.Value;
  if (id === undefined) {
    throw new RaftLiteError(
      "no-image",
      `there is no image of Amazon Linux 2023 for ${architecture} in ${account.region}: take another --region`,
    );
  }
  const rootDevice = newest?.RootDeviceName ?? ROOT_DEVICE;
  const asked = newest?.BlockDeviceMappings?.find(({ DeviceName }) => DeviceName === rootDevice)?.Ebs
    ?.VolumeSize;
  return { id, rootDevice, rootGb: Math.max(ROOT_GB, asked ?? 0) };
}
