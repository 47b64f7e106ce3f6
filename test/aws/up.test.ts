import { describe, expect, test } from "vitest";
import { USER_DATA_LIMIT_BYTES } from "../../ec2-node/aws/user-data.ts";
import type { RaftLiteError } from "../../shared/errors.ts";
import type { Deployment } from "./support/deployment.ts";
import { ingress, inventory, leaks, untagged } from "./support/inventory.ts";
import { onCloud } from "./support/on-cloud.ts";

const SECRET = "/raft-lite/raft-lite/secret";
const READS = /^(Describe|Get|List|Head)/;

const changes = ({ cloud }: Deployment): string[] =>
  cloud.calls
    .filter(({ operation, outcome }) => !READS.test(operation) && outcome !== "DryRunOperation")
    .map(({ operation }) => operation);

const sources = (d: Deployment): string[] =>
  ingress(d.cloud).map((rule) => rule.replace(/^\S+ /, "").replace(/sg-\w+/, "itself"));

describe("up", () => {
  test("makes a cluster of three in three zones, and a second one has nothing to do", async () => {
    const d = onCloud();
    const first = await d.up();
    expect(first).toMatchObject({ code: 0, error: null });
    expect(first.stdout).toMatch(/^curl -X POST http:\/\/203\.0\.113\.\d+:8000\/command /m);
    expect(new Set([...d.cloud.ec2.instances.all.values()].map(({ zone }) => zone)).size).toBe(3);
    expect(d.nodes.nodes().map(({ problem }) => problem)).toEqual([null, null, null]);
    expect(untagged(d.cloud, "raft-cluster", "raft-lite")).toEqual([]);
    const before = changes(d).length;
    const second = await d.up();
    expect(second.code).toBe(0);
    expect(second.stdout.trimEnd().split("\n").at(-1)).toBe("nothing to do");
    expect(changes(d)).toHaveLength(before);
  });

  test("opens the clients' port to the operator alone and the nodes' to themselves, and nothing else", async () => {
    const d = onCloud();
    await d.up();
    expect(sources(d)).toEqual(["tcp 7000-7000 itself", "tcp 8000-8000 198.51.100.7/32"]);
  });

  test("opens it to everybody where that is asked for, and says so", async () => {
    const d = onCloud();
    const { stdout } = await d.up({ clientCidr: "0.0.0.0/0,10.1.0.0/16" });
    expect(sources(d)).toEqual([
      "tcp 7000-7000 itself",
      "tcp 8000-8000 0.0.0.0/0",
      "tcp 8000-8000 10.1.0.0/16",
    ]);
    expect(stdout).toContain("open to everybody");
  });

  test("refuses a wrong block of addresses before it asks AWS anything", async () => {
    const d = onCloud();
    expect((await d.up({ clientCidr: "10.1.2.3/16" })).error?.message).toContain("10.1.0.0/16");
    expect(d.cloud.calls).toEqual([]);
  });

  test("instances ask for a token of their metadata, at one hop, and every volume is encrypted gp3", async () => {
    const d = onCloud();
    await d.up();
    for (const { metadata } of d.cloud.ec2.instances.all.values()) {
      expect(metadata).toEqual({ HttpTokens: "required", HttpPutResponseHopLimit: 1 });
    }
    const volumes = [...d.cloud.ec2.volumes.all.values()];
    expect(volumes).toHaveLength(6);
    for (const volume of volumes) expect(volume).toMatchObject({ type: "gp3", isEncrypted: true });
    for (const { attachment, tags } of volumes) {
      expect(attachment?.deleteOnTermination).toBe(!tags.has("raft-id"));
    }
  });

  test("the secret is in the parameter store, encrypted, and nowhere else", async () => {
    const d = onCloud();
    await d.up();
    await d.replace("A");
    await d.authorize();
    const secret = d.cloud.ssm.parameters.get(SECRET);
    expect(secret).toMatchObject({ type: "SecureString", value: expect.stringMatching(/^[0-9a-f]{64}$/) });
    expect(leaks(d.cloud, secret!.value)).toEqual([]);
    await d.destroy();
    expect(leaks(d.cloud, secret!.value)).toEqual([]);
  });

  test("five nodes: no majority in a zone, and the user data still fits", async () => {
    const d = onCloud({ zones: ["a", "b", "c"] });
    d.cloud.ec2.catalogue.maxElasticIps = 5;
    expect((await d.up({ wishes: { nodes: 5 } })).code).toBe(0);
    const instances = [...d.cloud.ec2.instances.all.values()];
    const perZone = Map.groupBy(instances, ({ zone }) => zone);
    expect([...perZone.values()].map(({ length }) => length).toSorted()).toEqual([1, 2, 2]);
    for (const { userData } of instances)
      expect(Buffer.byteLength(userData)).toBeLessThan(USER_DATA_LIMIT_BYTES);
    expect(d.nodes.nodes().map(({ problem }) => problem)).toEqual([null, null, null, null, null]);
  });

  test("goes into the subnets that it is given", async () => {
    const d = onCloud({ hasDefaultVpc: false });
    const { network } = d.cloud.ec2;
    const vpc = network.addVpc("10.9.0.0/16", false);
    const subnets = ["a", "b", "c"].map(
      (zone, index) => network.addSubnet(vpc, `us-east-1${zone}`, `10.9.${16 * index}`, false).id,
    );
    expect((await d.up({ wishes: { subnets } })).code).toBe(0);
    expect([...d.cloud.ec2.interfaces.all.values()].map(({ subnetId }) => subnetId)).toEqual(subnets);
  });

  test("without public addresses, where none are wanted", async () => {
    const d = onCloud();
    d.nodes.operator = "172.31.200.1";
    expect((await d.up({ wishes: { isPrivate: true } })).code).toBe(0);
    expect(d.cloud.ec2.addresses.all.size).toBe(0);
    expect((await d.up()).stdout).toContain("nothing to do");
    expect((await d.destroy({ deleteData: true })).code).toBe(0);
    expect(inventory(d.cloud)).toEqual([]);
  });

  test("without public addresses from outside, asking the nodes by way of Systems Manager", async () => {
    const d = onCloud();
    expect(await d.up({ wishes: { isPrivate: true } })).toMatchObject({ code: 0, error: null });
    const { code, stdout } = await d.status();
    expect(code).toBe(0);
    expect(stdout).toContain("3 of 3 nodes follow");
    d.nodes.broken.add("B");
    expect((await d.status()).stdout).toContain(
      "B: no answer: its node does not answer on the instance either",
    );
  });

  test("in a region that a bucket must be told of, and on the other processor", async () => {
    const d = onCloud({ region: "eu-central-1" });
    expect((await d.up({ wishes: { instanceType: "t4g.small" } })).code).toBe(0);
    expect([...d.cloud.s3.buckets.keys()]).toEqual(["raft-lite-raft-lite-123456789012-eu-central-1"]);
  });

  test("--dry-run shows the plan and its cost, and changes nothing", async () => {
    const d = onCloud();
    const { code, stdout } = await d.up({ dryRun: true });
    expect(code).toBe(0);
    expect(stdout).toContain("+ instance of C");
    expect(stdout).toMatch(/\$\d+\.\d\d a month/);
    expect(changes(d)).toEqual([]);
    expect(inventory(d.cloud)).toEqual([]);
  });

  test("asks first, and changes nothing where the answer is no", async () => {
    const d = onCloud();
    d.answer = false;
    const { code, stdout } = await d.up({ yes: false });
    expect({ code, questions: d.questions.length }).toEqual({ code: 1, questions: 1 });
    expect(stdout).toContain("Nothing was changed.");
    expect(changes(d)).toEqual([]);
  });

  test("--json gives one document and nothing else on stdout", async () => {
    const d = onCloud();
    const { stdout, stderr } = await d.up({ json: true });
    expect(JSON.parse(stdout)).toMatchObject({
      cluster: "raft-lite",
      ready: true,
      nodes: [{ id: "A" }, { id: "B" }, { id: "C" }],
    });
    expect(stderr).toContain("instance of A");
  });

  test("--json gives one document of a failure, too", async () => {
    const d = onCloud();
    d.nodes.broken.add("B");
    const late = await d.up({ json: true, waitSeconds: 10 });
    expect(late.error).not.toBeNull();
    expect(JSON.parse(late.stdout)).toEqual({
      cluster: "raft-lite",
      error: { code: "not-ready", message: late.error?.message },
    });
    const refused = onCloud();
    refused.cloud.misbehaviour.denied.add("ec2:DescribeVpcs");
    const { stdout } = await refused.up({ json: true });
    expect(JSON.parse(stdout)).toMatchObject({ cluster: "raft-lite", error: { code: "not-permitted" } });
  });

  test("where a node does not come up: what its console says, all is kept, and later there is nothing to do", async () => {
    const d = onCloud();
    d.nodes.broken.add("B");
    const started = d.cloud.world.now;
    d.cloud.ec2.instances.fateOf = (instance) => {
      instance.console = `[    1.2] cloud-init: a line of ${instance.id}\n`;
      return null;
    };
    const { error, stdout } = await d.up({ waitSeconds: 120 });
    expect((error as RaftLiteError).code).toBe("not-ready");
    expect(error?.message).toMatch(/^after 120 s: B: nobody listens there\. Everything is kept/);
    const [, b] = [...d.cloud.ec2.instances.all.keys()];
    expect(stdout).toContain(`cloud-init: a line of ${b}`);
    expect(d.cloud.world.now - started).toBeLessThan(300_000);
    d.nodes.broken.clear();
    expect((await d.up()).stdout).toContain("nothing to do");
  });

  test("--wait 0 does not wait", async () => {
    const d = onCloud();
    d.nodes.broken.add("A");
    expect(await d.up({ waitSeconds: 0 })).toMatchObject({
      code: 0,
      stdout: expect.stringContaining("Not waited for"),
    });
  });

  test.each([
    ["another number of nodes", { nodes: 5 as const }, /--nodes/],
    ["another instance type", { instanceType: "m7i.large" }, /replace NODE --instance-type m7i\.large/],
    ["other volumes", { dataGb: 20 }, /--data-gb/],
    ["no public addresses", { isPrivate: true }, /--private/],
  ])("%s than the cluster has is refused, and changes nothing", async (_, wishes, says) => {
    const d = onCloud();
    await d.up();
    const before = changes(d).length;
    const { error } = await d.up({ wishes });
    expect((error as RaftLiteError).code).toBe("cluster-differs");
    expect(error?.message).toMatch(says);
    expect(changes(d)).toHaveLength(before);
  });

  test("brings back what somebody has ended, stopped, closed or detached", async () => {
    const d = onCloud();
    await d.up();
    const [a, b] = [...d.cloud.ec2.instances.all.values()];
    d.cloud.ec2.instances.end(a!, { Code: "Client.UserInitiatedShutdown", Message: "by hand" });
    d.cloud.ec2.instances.stop(b!);
    const [group] = [...d.cloud.ec2.network.groups.values()].filter(({ name }) => name !== "default");
    group!.rules = group!.rules.filter(({ fromPort }) => fromPort !== 7000);
    for (const address of d.cloud.ec2.addresses.all.values()) address.association = null;
    const { code } = await d.up();
    expect(code).toBe(0);
    expect(
      d.nodes
        .nodes()
        .map(({ told, problem }) => `${told.id} ${problem}`)
        .toSorted(),
    ).toEqual(["A null", "B null", "C null"]);
    expect(sources(d)).toContain("tcp 7000-7000 itself");
    expect((await d.up()).stdout).toContain("nothing to do");
  });

  test("leaves alone, and tells of, rules that somebody else has made", async () => {
    const d = onCloud();
    await d.up();
    const [group] = [...d.cloud.ec2.network.groups.values()].filter(({ name }) => name !== "default");
    group!.rules.push({ protocol: "tcp", fromPort: 22, toPort: 22, source: "192.0.2.0/24", description: "" });
    expect((await d.up()).stdout).toMatch(/note: .*tcp 22-22 from 192\.0\.2\.0\/24/);
    expect(sources(d)).toContain("tcp 22-22 192.0.2.0/24");
  });

  test("two clusters of one account know nothing of each other", async () => {
    const d = onCloud();
    d.cloud.ec2.catalogue.maxElasticIps = 10;
    await d.up();
    expect(await d.up({ cluster: "other" })).toMatchObject({ code: 0, error: null });
    expect((await d.up()).stdout).toContain("nothing to do");
    await d.destroy({ deleteData: true });
    expect(untagged(d.cloud, "raft-cluster", "other")).toEqual([]);
    expect((await d.up({ cluster: "other" })).stdout).toContain("nothing to do");
  });
});

describe("up, where what stands in for AWS lacks something", () => {
  test("it takes no notice of DryRun: what was made by a trial is taken away", async () => {
    const d = onCloud();
    d.cloud.misbehaviour.ignoresDryRun = true;
    expect(await d.up()).toMatchObject({ code: 0, error: null });
    d.comeBack();
    expect(inventory(d.cloud).filter(({ kind }) => kind === "instance")).toHaveLength(3);
    expect(inventory(d.cloud).filter(({ kind }) => kind === "interface")).toHaveLength(3);
    expect(await d.destroy({ deleteData: true })).toMatchObject({ code: 0 });
    expect(inventory(d.cloud)).toEqual([]);
  });

  test.each([
    [400, "InvalidAction"],
    [501, "InternalFailure"],
    [403, "UnauthorizedOperation"],
  ])("it does not tell quotas (%i %s): the allocation will", async (status, code) => {
    const d = onCloud();
    d.cloud.misbehaviour.refuse("ec2", "DescribeAccountAttributes", {
      code,
      message: "no such thing",
      status,
    });
    expect(await d.up()).toMatchObject({ code: 0, error: null });
  });
});
