/**
 * What a cluster of Durable Objects costs a month, out of what it uses: arithmetic alone. Not in it: the plan itself, rows
 * read (the first 25 billion are included), stored data (the first 5 GB), the Worker's processor time (the first 30 million
 * ms).
 */

interface Price {
  /** A month, in the plan's own price. */
  readonly included: number;
  readonly usdPerMillion: number;
}

/**
 * Workers paid plan as of November 2026: developers.cloudflare.com/durable-objects/platform/pricing, and for the Worker
 * .../workers/platform/pricing.
 */
export const PRICES = {
  /** Requests that the Worker answers. */
  workerRequests: { included: 10_000_000, usdPerMillion: 0.3 },
  /** Requests and calls to objects, and alarms that ring. */
  objectRequests: { included: 1_000_000, usdPerMillion: 0.15 },
  /** The time in which objects are awake, by their memory. */
  gbSeconds: { included: 400_000, usdPerMillion: 12.5 },
  /** Alarms that are set or taken back are rows, too. */
  rowsWritten: { included: 50_000_000, usdPerMillion: 1 },
} as const satisfies Record<string, Price>;

/** What an object is billed for, whatever it uses of it. */
export const OBJECT_GB = 0.128;

/** 30 days. */
export const MONTH_SECONDS = 2_592_000;

type Item = keyof typeof PRICES;

/** In some time; what is billed of it. */
export type Usage = Readonly<Record<Item, number>>;

/** USD. */
export interface Bill {
  /** Beyond what the plan includes. */
  readonly beyondIncluded: number;
  /** The same, each item rounded up to a whole million, as the examples on the page of prices do. */
  readonly roundedUp: number;
  /** As if the plan included nothing: what it comes to where other Workers of the account use that up. */
  readonly fromZero: number;
}

export function billOf(month: Usage): Bill {
  const items = Object.keys(PRICES) as Item[];
  const total = (quantity: (used: number, included: number) => number) =>
    items.reduce((usd, item) => {
      const { included, usdPerMillion } = PRICES[item];
      return usd + (quantity(month[item], included) * usdPerMillion) / 1e6;
    }, 0);
  const beyond = (used: number, included: number) => Math.max(0, used - included);
  return {
    beyondIncluded: total(beyond),
    roundedUp: total((used, included) => Math.ceil(beyond(used, included) / 1e6) * 1e6),
    fromZero: total((used) => used),
  };
}

/** A month in which what was used in `seconds` is used over and over. */
export function monthOf(usage: Usage, seconds: number): Usage {
  const items = Object.keys(PRICES) as Item[];
  const factor = MONTH_SECONDS / seconds;
  return Object.fromEntries(items.map((item) => [item, usage[item] * factor])) as Usage;
}

/**
 * A month in which a sleeping cluster is woken every so many seconds. Throws where it would not be asleep again by then:
 * that is another load than the one that was measured.
 */
export function monthOfCycles(cycle: Usage, cycleSeconds: number, everySeconds: number): Usage {
  if (cycleSeconds <= everySeconds) return monthOf(cycle, everySeconds);
  throw new RangeError(
    `a cluster that needs ${cycleSeconds} s to fall silent again is not asleep ${everySeconds} s later`,
  );
}
