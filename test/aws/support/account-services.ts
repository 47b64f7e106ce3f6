import type {
  GetServiceQuotaCommandInput,
  GetServiceQuotaCommandOutput,
} from "@aws-sdk/client-service-quotas";
import type { GetCallerIdentityCommandInput, GetCallerIdentityCommandOutput } from "@aws-sdk/client-sts";
import { refusal } from "./cloud-errors.ts";
import type { CloudWorld } from "./cloud-world.ts";
import type { Ec2Service } from "./ec2-service.ts";
import type { Operations } from "./operation.ts";
import { operation } from "./operation.ts";

/** Who the caller is. */
export function stsOperations(world: CloudWorld): Operations {
  return {
    GetCallerIdentity: operation<GetCallerIdentityCommandInput, GetCallerIdentityCommandOutput>(
      [],
      [],
      () => ({
        Account: world.account,
        Arn: `arn:aws:iam::${world.account}:user/operator`,
        UserId: "AIDAEXAMPLE",
      }),
    ),
  };
}

/** What the account may have. */
export function quotaOperations(ec2: Ec2Service): Operations {
  return {
    GetServiceQuota: operation<GetServiceQuotaCommandInput, GetServiceQuotaCommandOutput>(
      ["ServiceCode", "QuotaCode"],
      [],
      ({ ServiceCode, QuotaCode }) => {
        const value =
          ServiceCode !== "ec2"
            ? undefined
            : { "L-1216C47A": ec2.instances.vcpuQuota, "L-0263D0A3": ec2.catalogue.maxElasticIps }[
                QuotaCode!
              ];
        if (value === undefined) {
          throw refusal(
            "service-quotas",
            "NoSuchResourceException",
            "The request failed because the specified service quota does not exist.",
            404,
          );
        }
        return {
          Quota: { ServiceCode, QuotaCode, Value: value, Unit: "None", Adjustable: true, GlobalQuota: false },
        };
      },
    ),
  };
}
