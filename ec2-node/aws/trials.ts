import type {
  AllocateAddressCommandOutput,
  CreateSecurityGroupCommandOutput,
  CreateVolumeCommandOutput,
  ResourceType,
  TagSpecification,
} from "@aws-sdk/client-ec2";
import {
  AllocateAddressCommand,
  CreateSecurityGroupCommand,
  CreateVolumeCommand,
  DeleteSecurityGroupCommand,
  DeleteVolumeCommand,
  ReleaseAddressCommand,
} from "@aws-sdk/client-ec2";
import type { Account } from "./account.ts";
import { tags } from "./apply/work.ts";
import { dryRun } from "./dry-run.ts";
import type { Network } from "./network.ts";
import { tryLaunch } from "./preflight.ts";

/** Where an instance could be started. */
export interface LaunchPlace {
  readonly instanceType: string;
  readonly subnetId: string;
  readonly zone: string;
}

export interface PermissionTrial {
  /** As IAM calls it. */
  readonly action: string;
  /** Resolves with false where what stands in for AWS did it, and it was undone. Throws one line where it is refused. */
  readonly run: () => Promise<boolean>;
}

/**
 * What EC2 can be asked to judge without doing it. Nothing is among them that ends or deletes anything: an endpoint that
 * is not AWS's may take no notice of `DryRun`.
 */
export function trials(
  account: Account,
  where: { place: LaunchPlace | null; network: Network | null; isPrivate: boolean },
): PermissionTrial[] {
  const { ec2 } = account.clients;
  const { place, network, isPrivate } = where;
  const own = (ResourceType: ResourceType): TagSpecification[] => [
    { ResourceType, Tags: tags(account, null) },
  ];
  const list: PermissionTrial[] = [];
  if (network !== null) {
    list.push({
      action: "ec2:CreateSecurityGroup",
      run: () =>
        dryRun<CreateSecurityGroupCommandOutput>(account, {
          action: "ec2:CreateSecurityGroup",
          request: () =>
            ec2.send(
              new CreateSecurityGroupCommand({
                DryRun: true,
                GroupName: `${account.names.group}-trial`,
                Description: "raft-lite tries whether it may",
                VpcId: network.vpcId,
                TagSpecifications: own("security-group"),
              }),
            ),
          undo: ({ GroupId }) => ec2.send(new DeleteSecurityGroupCommand({ GroupId })),
        }),
    });
  }
  if (!isPrivate) {
    list.push({
      action: "ec2:AllocateAddress",
      run: () =>
        dryRun<AllocateAddressCommandOutput>(account, {
          action: "ec2:AllocateAddress",
          request: () =>
            ec2.send(
              new AllocateAddressCommand({
                DryRun: true,
                Domain: "vpc",
                TagSpecifications: own("elastic-ip"),
              }),
            ),
          undo: ({ AllocationId }) => ec2.send(new ReleaseAddressCommand({ AllocationId })),
        }),
    });
  }
  if (place !== null) {
    list.push(
      {
        action: "ec2:CreateVolume",
        run: () =>
          dryRun<CreateVolumeCommandOutput>(account, {
            action: "ec2:CreateVolume",
            request: () =>
              ec2.send(
                new CreateVolumeCommand({
                  DryRun: true,
                  AvailabilityZone: place.zone,
                  Size: 1,
                  VolumeType: "gp3",
                  Encrypted: true,
                  TagSpecifications: own("volume"),
                }),
              ),
            undo: ({ VolumeId }) => ec2.send(new DeleteVolumeCommand({ VolumeId })),
          }),
      },
      { action: "ec2:RunInstances", run: () => tryLaunch(account, place) },
    );
  }
  return list;
}
