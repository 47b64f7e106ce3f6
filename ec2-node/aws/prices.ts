/**
 * Prices to estimate by: Linux, on demand, in `us-east-1`, in US dollars. Instances as AWS's Price List gave them on
 * `PRICES_OF` (by way of the table in the sources of aws/karpenter-provider-aws, generated from that list on that day),
 * gp3 by the EBS price page, public addresses by the VPC price page, which has charged for each since February 2024.
 * @internal for tests
 */
export const PRICES_OF = "2026-02-09";
const PRICES_REGION = "us-east-1";

/** As AWS's own calculator reckons a month: 365 days of 24 hours, a twelfth of it. */
const HOURS_PER_MONTH = 730;

/** A GB of a gp3 volume a month; the 3,000 operations and 125 MB a second that come with it cost nothing more. */
const GP3_GB_MONTH = 0.08;
/** A public IPv4 address an hour, whether in use or not. */
const PUBLIC_ADDRESS_HOUR = 0.005;
/** EC2 bills by the second, and a minute at least. */
const SHORTEST_BILLED_MS = 60_000;
const MS_PER_HOUR = 3_600_000;

/** A family's sizes, US dollars an hour. */
const FAMILIES: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  t3: { nano: 0.0052, micro: 0.0104, small: 0.0208, medium: 0.0416, large: 0.0832, xlarge: 0.1664 },
  t3a: { nano: 0.0047, micro: 0.0094, small: 0.0188, medium: 0.0376, large: 0.0752, xlarge: 0.1504 },
  t4g: { nano: 0.0042, micro: 0.0084, small: 0.0168, medium: 0.0336, large: 0.0672, xlarge: 0.1344 },
  m5: { large: 0.096, xlarge: 0.192 },
  m6a: { large: 0.0864, xlarge: 0.1728 },
  m6g: { medium: 0.0385, large: 0.077, xlarge: 0.154 },
  m6i: { large: 0.096, xlarge: 0.192 },
  m7a: { medium: 0.05796, large: 0.11592, xlarge: 0.23184 },
  m7g: { medium: 0.0408, large: 0.0816, xlarge: 0.1632 },
  m7i: { large: 0.1008, xlarge: 0.2016 },
  "m7i-flex": { large: 0.09576, xlarge: 0.19152 },
  m8g: { medium: 0.04488, large: 0.08976, xlarge: 0.17952 },
  c5: { large: 0.085, xlarge: 0.17 },
  c6a: { large: 0.0765, xlarge: 0.153 },
  c6g: { medium: 0.034, large: 0.068, xlarge: 0.136 },
  c6i: { large: 0.085, xlarge: 0.17 },
  c7g: { medium: 0.0363, large: 0.0725, xlarge: 0.145 },
  c7i: { large: 0.08925, xlarge: 0.1785 },
  c8g: { medium: 0.03988, large: 0.07976, xlarge: 0.15952 },
  r6g: { medium: 0.0504, large: 0.1008, xlarge: 0.2016 },
  r6i: { large: 0.126, xlarge: 0.252 },
  r7g: { medium: 0.0536, large: 0.1071, xlarge: 0.2142 },
};

const INSTANCE_HOUR: ReadonlyMap<string, number> = new Map(
  Object.entries(FAMILIES).flatMap(([family, sizes]) =>
    Object.entries(sizes).map(([size, usd]) => [`${family}.${size}`, usd] as const),
  ),
);

/**
 * US dollars an hour, or null for a type that is not in the list.
 * @internal for tests
 */
export function instancePrice(instanceType: string): number | null {
  return INSTANCE_HOUR.get(instanceType) ?? null;
}

/** What is paid for. Sizes are of one node, in GB. */
export interface Billed {
  readonly nodes: number;
  readonly instanceType: string;
  readonly rootGb: number;
  readonly dataGb: number;
  /** Of all nodes together. */
  readonly publicAddresses: number;
  readonly hoursPerMonth?: number;
}

export interface CostItem {
  readonly what: string;
  /** null: the list has no price for it. */
  readonly usdPerMonth: number | null;
}

export interface CostEstimate {
  readonly items: readonly CostItem[];
  /** Of the items that have a price. */
  readonly usdPerMonth: number;
  readonly usdPerHour: number;
  /** Items without a price. */
  readonly unknown: readonly string[];
}

/** What a cluster costs by the list, item by item. */
export function estimateCost(billed: Billed): CostEstimate {
  const hours = billed.hoursPerMonth ?? HOURS_PER_MONTH;
  const perHour = instancePrice(billed.instanceType);
  const gb = billed.nodes * (billed.rootGb + billed.dataGb);
  const items: CostItem[] = [
    {
      what: `${billed.nodes} × ${billed.instanceType}`,
      usdPerMonth: perHour === null ? null : billed.nodes * perHour * hours,
    },
    { what: `${gb} GB of gp3 volumes`, usdPerMonth: gb * GP3_GB_MONTH },
  ];
  if (billed.publicAddresses > 0) {
    items.push({
      what: `${billed.publicAddresses} public IPv4 ${billed.publicAddresses === 1 ? "address" : "addresses"}`,
      usdPerMonth: billed.publicAddresses * PUBLIC_ADDRESS_HOUR * hours,
    });
  }
  const usdPerMonth = items.reduce((sum, item) => sum + (item.usdPerMonth ?? 0), 0);
  return {
    items,
    usdPerMonth,
    usdPerHour: usdPerMonth / hours,
    unknown: items.filter((item) => item.usdPerMonth === null).map(({ what }) => what),
  };
}

/** The estimate as lines of a plan. `region` is where the cluster will be. */
export function costLines(estimate: CostEstimate, region: string): string[] {
  const rows = [
    ...estimate.items.map(({ what, usdPerMonth }) => [
      what,
      usdPerMonth === null ? "no price known" : dollars(usdPerMonth),
    ]),
    [estimate.unknown.length === 0 ? "in all" : "without it", dollars(estimate.usdPerMonth)],
  ];
  const widest = Math.max(...rows.map(([what]) => what!.length));
  const amounts = Math.max(...rows.map(([, amount]) => amount!.length));
  const last = rows.length - 1;
  return [
    ...rows.map(([what, amount], row) => {
      const line = `${what!.padEnd(widest)}  ${amount!.padStart(amounts)}`;
      if (row < last) return line;
      return `${line} a month, ${dollars(estimate.usdPerHour, 3)} an hour`;
    }),
    `An estimate: on-demand list of ${PRICES_REGION}, ${PRICES_OF}${region === PRICES_REGION ? "" : `; ${region} has prices of its own`}.`,
    "Traffic between zones and out of the region is extra.",
  ];
}

/** One node as it is billed, since `since` (ISO 8601). */
export interface RunningNode {
  readonly instanceType: string;
  readonly rootGb: number;
  readonly dataGb: number;
  readonly hasPublicAddress: boolean;
  readonly since: string;
}

/**
 * US dollars by the list for one node from `since` to `now` (milliseconds of the epoch), at the rates of a whole month;
 * null where the list has no price for its type, or `since` is no time.
 */
export function costSoFar(node: RunningNode, now: number): number | null {
  const started = Date.parse(node.since);
  if (Number.isNaN(started)) return null;
  const estimate = estimateCost({ ...node, nodes: 1, publicAddresses: node.hasPublicAddress ? 1 : 0 });
  if (estimate.unknown.length > 0) return null;
  return (estimate.usdPerHour * Math.max(now - started, SHORTEST_BILLED_MS)) / MS_PER_HOUR;
}

/** An amount as people write it. */
export function dollars(usd: number, digits = 2): string {
  return `$${usd.toFixed(digits)}`;
}
