import { describe, expect, test } from "vitest";
import type { RaftLiteError } from "../../shared/errors.ts";
import type { Deployment } from "./support/deployment.ts";
import { inventory } from "./support/inventory.ts";
import { onCloud } from "./support/on-cloud.ts";

/** What somebody has done at AWS's console. */

async function running(): Promise<Deployment> {
  const d = onCloud();
  expect((await d.up()).code).toBe(0);
  return d;
}

const nodeOf = (d: Deployment, id: string) => d.nodes.nodes().find(({ told }) => told.id === id)!;

/** The volume of one node is deleted, and the instance of another ended: no majority is left. */
async function deprived(): Promise<Deployment> {
  const d = await running();
  const [a, b] = [nodeOf(d, "A"), nodeOf(d, "B")];
  d.cloud.ec2.instances.end(b.instance, { Code: "Server.ScheduledStop", Message: "The hardware fails." });
  d.cloud.ec2.volumes.all.delete(a.told.volumeId);
  await d.comeBack(600_000);
  return d;
}

describe("a node whose data is gone does not keep the others from coming back", () => {
  test("by up, which says at its end that one is missing", async () => {
    const d = await deprived();
    expect((await d.status()).code).toBe(1);
    const { stdout, error } = await d.up();
    expect(stdout).toContain("note: the data volume of A is gone");
    expect((error as RaftLiteError).code).toBe("data-volume-lost");
    expect(nodeOf(d, "B").problem).toBeNull();
    expect((await d.status()).code).toBe(0);
    // Nothing else is to be done, so that is all there is to say.
    expect(((await d.up()).error as RaftLiteError).code).toBe("data-volume-lost");
  });

  test("by replace", async () => {
    const d = await deprived();
    expect((await d.replace("B", { force: true })).code).toBe(0);
    expect(nodeOf(d, "B").problem).toBeNull();
    expect(((await d.replace("A", { force: true })).error as RaftLiteError).code).toBe("data-volume-lost");
  });
});

test("a volume without a node's id is no node's, is told of, and goes with the data", async () => {
  const d = await running();
  const volume = {
    AvailabilityZone: "us-east-1a",
    Size: 8,
    VolumeType: "gp3",
    TagSpecifications: [{ ResourceType: "volume", Tags: [{ Key: "raft-cluster", Value: "raft-lite" }] }],
  };
  const { VolumeId } = (await d.cloud.handle("ec2", "CreateVolume", volume)) as unknown as {
    VolumeId: string;
  };
  await d.comeBack();
  expect((await d.up()).stdout).toContain("nothing to do");
  expect((await d.destroy()).stdout).toContain(`kept: data volume ${VolumeId} (of no node, 8 GB`);
  expect((await d.up()).code).toBe(0);
  expect((await d.destroy({ deleteData: true })).code).toBe(0);
  expect(inventory(d.cloud)).toEqual([]);
});

describe("what is made again under its old name, and is another to those that had it", () => {
  test("the secret: nodes that restart one by one would not hear each other", async () => {
    const d = await running();
    d.cloud.ssm.parameters.delete("/raft-lite/raft-lite/secret");
    const { code, stdout } = await d.up();
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /note: the cluster's secret is gone.* restart all at once: aws ec2 reboot-instances --instance-ids i-\w+ i-\w+ i-\w+\n/,
    );
  });

  test("the instance profile: the instances keep the old one, which is worth nothing", async () => {
    const d = await running();
    d.cloud.iam.profiles.clear();
    const { code, stdout } = await d.up();
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /note: the instance profile is gone.*A, B, C still have the old one.*replace NODE/,
    );
  });

  test("before there are instances, neither is worth a word", async () => {
    const { stdout } = await onCloud().up();
    expect(stdout).not.toContain("note:");
  });
});

describe("the record", () => {
  const RECORD = "/raft-lite/raft-lite/cluster";

  test("where it cannot be read, the line says how to go on; without it the tags tell what there is", async () => {
    const d = await running();
    d.cloud.ssm.parameters.get(RECORD)!.value = "{}";
    const { error } = await d.destroy();
    expect((error as RaftLiteError).code).toBe("record-unreadable");
    expect(error?.message).toMatch(/or delete it, and `raft-lite ec2 up` and `destroy` go by the tags/);
    d.cloud.ssm.parameters.delete(RECORD);
    const instances = d.cloud.ec2.instances.all.size;
    expect((await d.up()).code).toBe(0);
    expect(d.cloud.ec2.instances.all.size).toBe(instances);
    expect((await d.up()).stdout).toContain("nothing to do");
    d.cloud.ssm.parameters.delete(RECORD);
    expect((await d.destroy({ deleteData: true })).code).toBe(0);
    expect(inventory(d.cloud)).toEqual([]);
  });
});
