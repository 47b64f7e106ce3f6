import { describe, expect, test } from "vitest";
import { costLines, costSoFar, estimateCost, instancePrice, PRICES_OF } from "../../ec2-node/aws/prices.ts";

const usual = { nodes: 3, instanceType: "t3.small", rootGb: 8, dataGb: 10, publicAddresses: 3 };

describe("what a cluster costs", () => {
  test("is the sum of instances, volumes and addresses", () => {
    const estimate = estimateCost(usual);
    expect(estimate.items.map(({ what, usdPerMonth }) => [what, usdPerMonth?.toFixed(3)])).toEqual([
      ["3 × t3.small", "45.552"],
      ["54 GB of gp3 volumes", "4.320"],
      ["3 public IPv4 addresses", "10.950"],
    ]);
    expect(estimate.usdPerMonth).toBeCloseTo(60.822, 6);
    expect(estimate.usdPerHour).toBeCloseTo(60.822 / 730, 9);
    expect(estimate.unknown).toEqual([]);
  });

  test.each([
    [{ ...usual, publicAddresses: 0 }, 49.872],
    [{ ...usual, nodes: 5, publicAddresses: 5 }, 101.37],
    [{ ...usual, instanceType: "t4g.small" }, 52.062],
    [{ ...usual, dataGb: 100 }, 82.422],
    [{ ...usual, hoursPerMonth: 100 }, 12.06],
  ])("%j", (billed, usdPerMonth) => {
    expect(estimateCost(billed).usdPerMonth).toBeCloseTo(usdPerMonth, 6);
  });

  test("leaves out what has no price, and says so", () => {
    const estimate = estimateCost({ ...usual, instanceType: "x9.mega" });
    expect(estimate.usdPerMonth).toBeCloseTo(15.27, 6);
    expect(estimate.unknown).toEqual(["3 × x9.mega"]);
    expect(costLines(estimate, "us-east-1").slice(0, 4)).toEqual([
      "3 × x9.mega              no price known",
      "54 GB of gp3 volumes              $4.32",
      "3 public IPv4 addresses          $10.95",
      "without it                       $15.27 a month, $0.021 an hour",
    ]);
  });

  test.each(["toString", "t3.constructor", "__proto__.small", "t3", "", "t3.small.large", "t3."])(
    "has no price for %j",
    (type) => {
      expect(instancePrice(type)).toBe(null);
    },
  );

  test("is shown with the list's region and date, what is not in it, and that it is an estimate", () => {
    expect(costLines(estimateCost(usual), "us-east-1")).toEqual([
      "3 × t3.small             $45.55",
      "54 GB of gp3 volumes      $4.32",
      "3 public IPv4 addresses  $10.95",
      "in all                   $60.82 a month, $0.083 an hour",
      `An estimate: on-demand list of us-east-1, ${PRICES_OF}.`,
      "Traffic between zones and out of the region is extra.",
    ]);
    expect(costLines(estimateCost(usual), "eu-central-1").at(-2)).toBe(
      `An estimate: on-demand list of us-east-1, ${PRICES_OF}; eu-central-1 has prices of its own.`,
    );
    expect(costLines(estimateCost({ ...usual, publicAddresses: 1 }), "us-east-1")[2]).toMatch(
      /^1 public IPv4 address /,
    );
  });
});

describe("what a node has cost so far", () => {
  const node = {
    instanceType: "t3.small",
    rootGb: 8,
    dataGb: 10,
    hasPublicAddress: true,
    since: "2026-03-01T00:00:00Z",
  };
  const hour = 0.0208 + (18 * 0.08) / 730 + 0.005;

  test.each([
    ["2026-03-01T01:00:00Z", hour],
    ["2026-03-02T00:00:00Z", 24 * hour],
    // A minute is the least that is billed; a clock behind AWS's must not give a negative amount.
    ["2026-03-01T00:00:10Z", hour / 60],
    ["2026-02-28T23:00:00Z", hour / 60],
  ])("until %s", (now, usd) => {
    expect(costSoFar(node, Date.parse(now))).toBeCloseTo(usd, 9);
  });

  test("is not known for a type without a price, or without a time", () => {
    expect(costSoFar({ ...node, instanceType: "x9.mega" }, Date.now())).toBe(null);
    expect(costSoFar({ ...node, since: "-" }, Date.now())).toBe(null);
  });
});
