import { describe, expect, test } from "vitest";
import type { ClusterRecord, Found, FoundInstance } from "../../ec2-node/aws/model.ts";
import { resourceNames } from "../../ec2-node/aws/names.ts";
import { planAuthorize, planDestroy, planReplace, planUp } from "../../ec2-node/aws/plan.ts";
import { stepText } from "../../ec2-node/aws/step-text.ts";
import type { Step } from "../../ec2-node/aws/steps.ts";

const IDS = ["A", "B", "C"] as const;
const BUNDLE = { sha256: "b".repeat(64), version: "1.0.0" };
const POLICY = '{"policy":"of the role"}';

const RECORD: ClusterRecord = {
  format: 1,
  uid: "0123456789ab",
  vpcId: "vpc-1",
  nodes: IDS.map((id, at) => ({
    id,
    subnetId: `subnet-${id}`,
    zone: `us-east-1${"abc"[at]}`,
    privateAddress: `10.0.0.${at + 1}`,
  })),
  instanceType: "t3.small",
  dataGb: 10,
  isPrivate: false,
  bundle: BUNDLE,
  previousBundle: null,
  isRolledBack: false,
  createdAt: "2026-01-01T00:00:00.000Z",
};

const NOTHING: Found = {
  record: null,
  hasSecret: false,
  bucket: null,
  role: null,
  profile: null,
  group: null,
  interfaces: [],
  volumes: [],
  addresses: [],
  instances: [],
  foreign: [],
};

/** A cluster that lacks nothing. */
const WHOLE: Found = {
  record: RECORD,
  hasSecret: true,
  bucket: { bundles: [BUNDLE.sha256], isTagged: true },
  role: { policy: POLICY },
  profile: { hasRole: true },
  group: {
    id: "sg-1",
    vpcId: "vpc-1",
    rules: [{ kind: "peers" }, { kind: "clients", cidr: "198.51.100.7/32" }],
  },
  interfaces: RECORD.nodes.map(({ id, subnetId, zone, privateAddress }) => ({
    id: `eni-${id}`,
    node: id,
    subnetId,
    zone,
    privateAddress: privateAddress ?? "",
    instanceId: `i-${id}`,
    generation: 1,
    replaced: null,
  })),
  volumes: RECORD.nodes.map(({ id, zone }) => ({
    id: `vol-${id}`,
    node: id,
    zone,
    sizeGb: 10,
    state: "in-use",
    instanceId: `i-${id}`,
  })),
  addresses: RECORD.nodes.map(({ id }, at) => ({
    allocationId: `eipalloc-${id}`,
    node: id,
    address: `203.0.113.${at + 1}`,
    interfaceId: `eni-${id}`,
    associationId: `eipassoc-${id}`,
  })),
  instances: RECORD.nodes.map(({ id, zone }) => ({
    id: `i-${id}`,
    node: id,
    state: "running",
    instanceType: "t3.small",
    zone,
    generation: 1,
    bundle: BUNDLE.sha256,
    launchedAt: "2026-01-01T00:00:00.000Z",
  })),
  foreign: [],
};

function up(found: Found, more: { record?: ClusterRecord; clientCidrs?: readonly string[] } = {}): string[] {
  const { record = RECORD, clientCidrs = null } = more;
  return planUp({ record, clientCidrs, rolePolicy: POLICY }, found).steps.map(short);
}

/** `create-volume B` */
function short(step: Step): string {
  if ("node" in step && step.node !== null) return `${step.kind} ${step.node}`;
  if (step.kind === "open-port" || step.kind === "close-port") {
    return `${step.kind} ${step.rule.kind === "peers" ? "peers" : step.rule.cidr}`;
  }
  if (step.kind === "release-address") return `${step.kind} ${step.allocationId}`;
  return step.kind;
}

const without = <T extends { readonly node: string | null }>(list: readonly T[], node: string): T[] =>
  list.filter((one) => one.node !== node);

const instance = (node: "A" | "B" | "C", change: Partial<FoundInstance>): FoundInstance[] =>
  WHOLE.instances.map((one) => (one.node === node ? { ...one, ...change } : one));

describe("up", () => {
  test("makes everything, and in an order in which each step has what it needs", () => {
    const record = { ...RECORD, nodes: RECORD.nodes.map((one) => ({ ...one, privateAddress: null })) };
    const steps = up(NOTHING, { record, clientCidrs: ["198.51.100.7/32"] });
    expect(steps).toEqual([
      "write-record",
      "create-secret",
      "create-bucket",
      "tag-bucket",
      "upload-bundle",
      "create-role",
      "write-role-policy",
      "create-profile",
      "add-role-to-profile",
      "create-group",
      "open-port peers",
      "open-port 198.51.100.7/32",
      ...IDS.flatMap((id) => [
        `create-interface ${id}`,
        `record-address ${id}`,
        `allocate-address ${id}`,
        `associate-address ${id}`,
        `create-volume ${id}`,
      ]),
      ...IDS.flatMap((id) => [`run-instance ${id}`, `attach-volume ${id}`]),
    ]);
  });

  test("has nothing to do for a cluster that lacks nothing", () => {
    expect(up(WHOLE)).toEqual([]);
    expect(up(WHOLE, { clientCidrs: ["198.51.100.7/32"] })).toEqual([]);
  });

  const lacking: [what: string, found: Partial<Found>, steps: string[]][] = [
    ["the secret", { hasSecret: false }, ["create-secret"]],
    ["the bucket", { bucket: null }, ["create-bucket", "tag-bucket", "upload-bundle"]],
    ["the bucket's tag", { bucket: { bundles: [BUNDLE.sha256], isTagged: false } }, ["tag-bucket"]],
    ["the bundle", { bucket: { bundles: ["c".repeat(64)], isTagged: true } }, ["upload-bundle"]],
    ["the role's policy", { role: { policy: null } }, ["write-role-policy"]],
    ["the policy of an older version", { role: { policy: "{}" } }, ["write-role-policy"]],
    ["the profile", { profile: null }, ["create-profile", "add-role-to-profile"]],
    ["the role in the profile", { profile: { hasRole: false } }, ["add-role-to-profile"]],
    [
      "the nodes' own port",
      { group: { id: "sg-1", vpcId: "vpc-1", rules: [{ kind: "clients", cidr: "198.51.100.7/32" }] } },
      ["open-port peers"],
    ],
    [
      "an interface: it gets the address that the others know",
      { interfaces: without(WHOLE.interfaces, "B"), instances: without(WHOLE.instances, "B") },
      ["create-interface B", "associate-address B", "run-instance B", "attach-volume B"],
    ],
    [
      "a public address",
      { addresses: without(WHOLE.addresses, "B") },
      ["allocate-address B", "associate-address B"],
    ],
    [
      "a public address where it belongs",
      { addresses: WHOLE.addresses.map((one) => (one.node === "B" ? { ...one, interfaceId: null } : one)) },
      ["associate-address B"],
    ],
    [
      "nothing but has an address too many, of a run that died",
      {
        addresses: [
          {
            allocationId: "eipalloc-2",
            node: "B",
            address: "203.0.113.9",
            interfaceId: null,
            associationId: null,
          },
          ...WHOLE.addresses,
        ],
      },
      ["release-address eipalloc-2"],
    ],
    ["an instance", { instances: without(WHOLE.instances, "C") }, ["run-instance C", "attach-volume C"]],
    [
      "an instance soon",
      { instances: instance("C", { state: "shutting-down" }) },
      ["run-instance C", "attach-volume C"],
    ],
    ["an instance's life", { instances: instance("C", { state: "stopped" }) }, ["start-instance C"]],
    [
      "a volume's attachment",
      { volumes: WHOLE.volumes.map((one) => (one.node === "A" ? { ...one, instanceId: null } : one)) },
      ["attach-volume A"],
    ],
    [
      "the end of a replacement that was interrupted",
      { interfaces: WHOLE.interfaces.map((one) => (one.node === "A" ? { ...one, replaced: "i-old" } : one)) },
      ["end-replacement A"],
    ],
  ];
  test.each(lacking)("mends a cluster that lacks %s", (_, found, steps) => {
    expect(up({ ...WHOLE, ...found })).toEqual(steps);
  });

  test("lets in whom it is told to, and nobody out", () => {
    expect(up(WHOLE, { clientCidrs: ["10.0.0.0/8"] })).toEqual(["open-port 10.0.0.0/8"]);
  });

  test("takes no public addresses where they are not wanted", () => {
    const record = { ...RECORD, isPrivate: true };
    const found = { ...WHOLE, record, addresses: [] };
    expect(up(found, { record })).toEqual([]);
  });

  test("refuses a name that is somebody else's, before the first step", () => {
    expect(() => up({ ...NOTHING, foreign: ["the IAM role raft-lite-x"] })).toThrow(
      /the IAM role raft-lite-x exists and does not belong to this cluster: choose another --name/,
    );
  });

  test("refuses a node that ran and has lost its data: the cluster would not take it", () => {
    const found = { ...WHOLE, volumes: without(WHOLE.volumes, "B") };
    expect(() => up(found)).toThrow(/the data volume of B is gone/);
  });

  test("refuses to choose between two volumes of one node", () => {
    const twin = { ...WHOLE.volumes[1]!, id: "vol-twin", instanceId: null };
    const used = { ...WHOLE, volumes: [twin, ...WHOLE.volumes] };
    expect(up(used)).toEqual([]);
    const free = { ...used, volumes: used.volumes.map((one) => ({ ...one, instanceId: null })) };
    expect(() => up(free)).toThrow(/2 data volumes carry the id B \(vol-twin, vol-B\)/);
  });

  test("takes the instance on the node's interface for it, whatever copy carries its tags", () => {
    const copy = { ...WHOLE.instances[1]!, id: "i-copy" };
    const found = { ...WHOLE, instances: [copy, ...WHOLE.instances] };
    expect(up(found)).toEqual([]);
    expect(planUp({ record: RECORD, clientCidrs: null, rolePolicy: POLICY }, found).notes).toEqual([
      "the instance i-copy carries the cluster's tag and is no node's: take the tags off it, or `raft-lite ec2 destroy` ends it too",
    ]);
    expect(planReplace("B", found)).toEqual([
      { kind: "begin-replacement", node: "B", instanceId: "i-B" },
      { kind: "terminate-instances", instances: [{ id: "i-B", node: "B" }] },
    ]);
  });

  test("tells of rules and instance types that are not as they should be, and leaves them", () => {
    const found: Found = {
      ...WHOLE,
      group: {
        id: "sg-1",
        vpcId: "vpc-1",
        rules: [...(WHOLE.group?.rules ?? []), { kind: "other", text: "tcp 22-22 from 0.0.0.0/0" }],
      },
      instances: instance("B", { instanceType: "t3.micro" }),
    };
    const { steps, notes } = planUp({ record: RECORD, clientCidrs: null, rolePolicy: POLICY }, found);
    expect(steps).toEqual([]);
    expect(notes).toEqual([
      "the security group has a rule that is not this program's: tcp 22-22 from 0.0.0.0/0",
      "B (i-B) is a t3.micro and not a t3.small: `raft-lite ec2 replace B` changes it",
    ]);
  });
});

describe("replace", () => {
  const marked = (replaced: string): Found => ({
    ...WHOLE,
    interfaces: WHOLE.interfaces.map((one) => (one.node === "A" ? { ...one, replaced } : one)),
  });

  test("marks the instance before it ends it", () => {
    expect(planReplace("A", WHOLE).map(short)).toEqual(["begin-replacement A", "terminate-instances"]);
  });

  test("goes on with a replacement that was interrupted before the end of the old instance", () => {
    expect(planReplace("A", marked("i-A")).map(short)).toEqual(["terminate-instances"]);
  });

  test("does not end the new instance of one that was interrupted later", () => {
    expect(planReplace("A", marked("i-old"))).toEqual([]);
    expect(planReplace("A", { ...marked("i-A"), instances: without(WHOLE.instances, "A") })).toEqual([]);
  });
});

describe("authorize", () => {
  test("lets the new address in before it shuts the old one out", () => {
    expect(planAuthorize(["192.0.2.1/32"], false, WHOLE).map(short)).toEqual([
      "open-port 192.0.2.1/32",
      "close-port 198.51.100.7/32",
    ]);
  });

  test("leaves the others in where it is told to", () => {
    expect(planAuthorize(["192.0.2.1/32"], true, WHOLE).map(short)).toEqual(["open-port 192.0.2.1/32"]);
  });

  test("has nothing to do for an address that is in", () => {
    expect(planAuthorize(["198.51.100.7/32"], false, WHOLE)).toEqual([]);
  });
});

describe("destroy", () => {
  test("takes away what uses something before that, and the record last", () => {
    expect(planDestroy(WHOLE, true).map(short)).toEqual([
      "terminate-instances",
      ...IDS.map((id) => `release-address eipalloc-${id}`),
      ...IDS.map((id) => `delete-interface ${id}`),
      ...IDS.map((id) => `delete-volume ${id}`),
      "delete-group",
      "delete-profile",
      "delete-role",
      "delete-bucket",
      "delete-secret",
      "delete-record",
    ]);
  });

  test("keeps data volumes unless told otherwise", () => {
    expect(
      planDestroy(WHOLE, false)
        .map(short)
        .filter((step) => step.startsWith("delete-volume")),
    ).toEqual([]);
    expect(planDestroy({ ...NOTHING, volumes: WHOLE.volumes }, false)).toEqual([]);
  });

  test("has nothing to do where nothing is", () => {
    expect(planDestroy(NOTHING, true)).toEqual([]);
  });
});

test("every step has its words", () => {
  const names = resourceNames("lab", "123456789012", "us-east-1");
  const steps = [
    ...planUp({ record: RECORD, clientCidrs: ["0.0.0.0/0"], rolePolicy: POLICY }, NOTHING).steps,
    ...planDestroy(WHOLE, true),
    ...planReplace("A", WHOLE),
  ];
  const texts = steps.map((step) => stepText(step, names)).map(({ sign, what }) => `${sign} ${what}`);
  expect(new Set(texts).size).toBe(texts.length);
  expect(texts).toContain("+ port 8000 open to 0.0.0.0/0");
  expect(texts).toContain("- data volume of B with all it holds (vol-B, 10 GB)");
});
