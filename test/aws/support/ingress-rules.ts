import type { IpPermission } from "@aws-sdk/client-ec2";
import { refusal } from "./cloud-errors.ts";
import { onlyKeys } from "./operation.ts";

/** One rule: a protocol, its ports, and one source. */
export interface IngressRule {
  readonly protocol: string;
  readonly fromPort: number;
  readonly toPort: number;
  /** A group's id or a CIDR. */
  readonly source: string;
  readonly description: string;
  readonly tags?: ReadonlyMap<string, string>;
}

/** The rules that a request names. Throws what EC2 answers to ones it does not accept. */
export function rulesOf(permissions: readonly IpPermission[], group: (id: string) => string): IngressRule[] {
  return permissions.flatMap((permission) => {
    onlyKeys("IpPermissions", permission, [
      "IpProtocol",
      "FromPort",
      "ToPort",
      "IpRanges",
      "Ipv6Ranges",
      "PrefixListIds",
      "UserIdGroupPairs",
    ]);
    const { IpProtocol, FromPort, ToPort } = permission;
    if (IpProtocol === undefined)
      throw refusal("ec2", "MissingParameter", "The request must contain the parameter ipProtocol");
    const protocol = IpProtocol === "6" ? "tcp" : IpProtocol;
    if (!["tcp", "udp", "icmp", "-1"].includes(protocol)) {
      throw refusal(
        "ec2",
        "InvalidParameterValue",
        `Invalid value '${IpProtocol}' for IP protocol. Unknown protocol.`,
      );
    }
    const hasPorts = protocol === "tcp" || protocol === "udp";
    if (hasPorts && (FromPort === undefined || ToPort === undefined)) {
      throw refusal("ec2", "MissingParameter", "The request must contain the parameter fromPort and toPort");
    }
    const fromPort = FromPort ?? -1;
    const toPort = ToPort ?? -1;
    if (hasPorts && (fromPort < 0 || toPort > 65_535 || fromPort > toPort)) {
      throw refusal("ec2", "InvalidParameterValue", "Invalid TCP/UDP port range");
    }
    const rule = (source: string, description: string | undefined): IngressRule => {
      if (!/^[a-zA-Z0-9 ._\-:/()#,@[\]+=&;{}!$*]{0,255}$/.test(description ?? "")) {
        throw refusal("ec2", "InvalidParameterValue", "Invalid rule description.");
      }
      return { protocol, fromPort, toPort, source, description: description ?? "" };
    };
    const rules = [
      ...(permission.IpRanges ?? []).map((range) => {
        onlyKeys("IpRanges", range, ["CidrIp", "Description"]);
        return rule(checkCidr(range.CidrIp), range.Description);
      }),
      ...(permission.Ipv6Ranges ?? []).map((range) => {
        onlyKeys("Ipv6Ranges", range, ["CidrIpv6", "Description"]);
        return rule(range.CidrIpv6 ?? "", range.Description);
      }),
      ...(permission.UserIdGroupPairs ?? []).map((pair) => {
        onlyKeys("UserIdGroupPairs", pair, ["GroupId", "UserId", "Description"]);
        if (pair.GroupId === undefined)
          throw refusal("ec2", "MissingParameter", "A group pair lacks groupId");
        return rule(group(pair.GroupId), pair.Description);
      }),
    ];
    if (rules.length === 0) throw refusal("ec2", "InvalidParameterValue", "The permission names no source");
    return rules;
  });
}

/** As Describe shows them: one permission a protocol and ports. */
export function permissionsOf(rules: readonly IngressRule[], account: string): IpPermission[] {
  const byPorts = Map.groupBy(rules, ({ protocol, fromPort, toPort }) => `${protocol} ${fromPort} ${toPort}`);
  return [...byPorts.values()].map((together) => {
    const { protocol, fromPort, toPort } = together[0]!;
    const described = ({ description }: IngressRule) =>
      description === "" ? {} : { Description: description };
    return {
      IpProtocol: protocol,
      ...(protocol === "-1" ? {} : { FromPort: fromPort, ToPort: toPort }),
      UserIdGroupPairs: together
        .filter(({ source }) => source.startsWith("sg-"))
        .map((rule) => ({ GroupId: rule.source, UserId: account, ...described(rule) })),
      IpRanges: together
        .filter(({ source }) => /^[0-9.]+\//.test(source))
        .map((rule) => ({ CidrIp: rule.source, ...described(rule) })),
      Ipv6Ranges: together
        .filter(({ source }) => source.includes(":"))
        .map((rule) => ({ CidrIpv6: rule.source, ...described(rule) })),
      PrefixListIds: [],
    };
  });
}

export function sameRule(one: IngressRule, other: IngressRule): boolean {
  return (
    one.protocol === other.protocol &&
    one.fromPort === other.fromPort &&
    one.toPort === other.toPort &&
    one.source === other.source
  );
}

/** EC2 cuts host bits off; the model refuses them, since nobody means them. */
function checkCidr(cidr: string | undefined): string {
  const [, a, b, c, d, length] = /^(\d+)\.(\d+)\.(\d+)\.(\d+)\/(\d+)$/.exec(cidr ?? "") ?? [];
  const octets = [a, b, c, d].map(Number);
  const bits = Number(length);
  const isAddress = length !== undefined && octets.every((octet) => octet <= 255) && bits <= 32;
  const value = octets.reduce((sum, octet) => sum * 256 + octet, 0);
  if (!isAddress || value % 2 ** (32 - bits) !== 0) {
    throw refusal("ec2", "InvalidParameterValue", `CIDR block ${cidr} is malformed`);
  }
  return cidr!;
}
