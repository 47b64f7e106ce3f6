import { describe, expect, test } from "vitest";
import type { PlacementWish } from "../../ec2-node/aws/placement.ts";
import { placeNodes } from "../../ec2-node/aws/placement.ts";

const subnets = (...zones: string[]) => zones.map((zone) => ({ zone, subnetId: `subnet-${zone}` }));

const wish = (more: Partial<PlacementWish>): PlacementWish => ({
  nodes: 3,
  subnets: subnets("1a", "1b", "1c", "1d"),
  offered: new Set(["1a", "1b", "1c", "1d"]),
  instanceType: "t3.small",
  kept: new Map(),
  ...more,
});

const zonesOf = (more: Partial<PlacementWish>): string =>
  placeNodes(wish(more))
    .map(({ id, zone }) => `${id}:${zone}`)
    .join(" ");

describe("nodes are placed", () => {
  const cases: [string, Partial<PlacementWish>, string][] = [
    ["three in three zones", {}, "A:1a B:1b C:1c"],
    ["five in four zones", { nodes: 5 }, "A:1a B:1b C:1c D:1d E:1a"],
    [
      "five in three zones, two at most in one",
      { nodes: 5, subnets: subnets("1a", "1b", "1c") },
      "A:1a B:1b C:1c D:1a E:1b",
    ],
    ["where the instance type is offered", { offered: new Set(["1a", "1c", "1d"]) }, "A:1a B:1c C:1d"],
    [
      "the same in whatever order AWS lists the subnets",
      { subnets: subnets("1d", "1c", "1b", "1a") },
      "A:1a B:1b C:1c",
    ],
    [
      "where their data is",
      {
        kept: new Map([
          ["A", "1d"],
          ["C", "1a"],
        ] as const),
      },
      "A:1d B:1b C:1a",
    ],
  ];
  test.each(cases)("%s", (_, more, expected) => {
    expect(zonesOf(more)).toBe(expected);
  });

  test("into one subnet of a zone, always the same", () => {
    const twice = [
      { zone: "1a", subnetId: "subnet-2" },
      { zone: "1a", subnetId: "subnet-1" },
      ...subnets("1b", "1c"),
    ];
    expect(placeNodes(wish({ subnets: twice }))[0]).toEqual({
      id: "A",
      zone: "1a",
      subnetId: "subnet-1",
      privateAddress: null,
    });
  });
});

describe("nodes are not placed", () => {
  const cases: [string, Partial<PlacementWish>, RegExp][] = [
    [
      "in fewer than three zones",
      { subnets: subnets("1a", "1b") },
      /three zones are needed.*in 1a, 1b: give subnets/,
    ],
    ["where there are no subnets", { subnets: [] }, /the subnets are in none/],
    [
      "where fewer than three zones offer the instance type",
      { offered: new Set(["1a", "1b"]) },
      /t3\.small is offered in only 1a, 1b of 1a, 1b, 1c, 1d, and three zones are needed: take another --instance-type/,
    ],
    ["where no zone offers it", { offered: new Set() }, /t3\.small is offered in none of 1a/],
    [
      "where their data cannot be reached",
      { kept: new Map([["B", "1z"]] as const) },
      /the data volume of B is in 1z/,
    ],
    [
      "so that a majority is in one zone",
      {
        kept: new Map([
          ["A", "1a"],
          ["B", "1a"],
        ] as const),
      },
      /would put a majority of the nodes into 1a/,
    ],
  ];
  test.each(cases)("%s", (_, more, expected) => {
    expect(() => placeNodes(wish(more))).toThrow(expected);
  });
});
