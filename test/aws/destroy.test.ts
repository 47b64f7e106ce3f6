import { describe, expect, test } from "vitest";
import { inventory } from "./support/inventory.ts";
import { onCloud } from "./support/on-cloud.ts";

describe("destroy", () => {
  test("leaves the data volumes, says so, and has nothing to do when it is repeated", async () => {
    const d = onCloud();
    await d.up();
    const { code, stdout } = await d.destroy();
    expect(code).toBe(0);
    expect(stdout.match(/^kept: data volume vol-\w+ \([ABC], 10 GB, us-east-1[abc]\)/gm)).toHaveLength(3);
    expect(stdout).toContain("nothing tagged raft-cluster=raft-lite is left but the data volumes");
    expect(inventory(d.cloud).map(({ kind, state }) => `${kind} ${state}`)).toEqual(
      Array(3).fill("volume available"),
    );
    expect(await d.destroy()).toMatchObject({ code: 0, stdout: expect.stringContaining("nothing to do") });
    expect(await d.destroy({ deleteData: true })).toMatchObject({ code: 0 });
    expect(inventory(d.cloud)).toEqual([]);
  });

  test("a later up takes the kept volumes over, each for its own node", async () => {
    const d = onCloud();
    await d.up();
    const owners = new Map(d.nodes.disks);
    await d.destroy();
    expect((await d.up()).code).toBe(0);
    expect(d.nodes.nodes().map(({ problem }) => problem)).toEqual([null, null, null]);
    for (const { told } of d.nodes.nodes()) expect(owners.get(told.volumeId)).toBe(told.id);
    expect(d.nodes.disks).toEqual(owners);
  });

  test("kept volumes have their size: another one is refused, not forgotten", async () => {
    const d = onCloud();
    await d.up();
    await d.destroy();
    const { error } = await d.up({ wishes: { dataGb: 50 } });
    expect(error?.message).toMatch(/has left data volumes of 10 GB.*leave --data-gb away/);
    expect((await d.up({ wishes: { dataGb: 10 } })).code).toBe(0);
  });

  test("kept volumes of some nodes only are refused: a node without its data would be refused by the others", async () => {
    const d = onCloud();
    await d.up();
    await d.destroy();
    const [first] = d.cloud.ec2.volumes.all.keys();
    d.cloud.ec2.volumes.all.delete(first!);
    const { error } = await d.up();
    expect(error?.message).toMatch(/has left the data volumes .*--delete-data/);
  });

  test("asks first, and changes nothing where the answer is no", async () => {
    const d = onCloud();
    await d.up();
    const before = inventory(d.cloud);
    d.answer = false;
    expect(await d.destroy({ yes: false })).toMatchObject({ code: 1 });
    expect(d.questions).toEqual(["Take all of this away?"]);
    expect(inventory(d.cloud)).toEqual(before);
  });

  test("waits for what lets go late: interfaces of ended instances, the group of deleted interfaces", async () => {
    const d = onCloud({ pace: { terminateMs: 80_000, interfaceFreeMs: 60_000, groupFreeMs: 60_000 } });
    await d.up();
    expect((await d.destroy({ deleteData: true })).error).toBeNull();
    expect(inventory(d.cloud)).toEqual([]);
  });

  test("a group that others use stays, is named with the way on, and goes later", async () => {
    const d = onCloud();
    await d.up();
    const { network, interfaces } = d.cloud.ec2;
    const [group] = [...network.groups.values()].filter(({ name }) => name !== "default");
    const [own] = interfaces.all.values();
    const foreign = {
      ...own!,
      ...d.cloud.world.resource("eni", new Map()),
      attachment: null,
      groups: [group!.id],
    };
    interfaces.all.set(foreign.id, foreign);
    const { error, stdout } = await d.destroy();
    expect(error?.message).toContain("DependencyViolation");
    expect(stdout).toMatch(/\d+ of \d+ steps are done.*ec2 destroy --region us-east-1.* goes on from there/);
    interfaces.all.delete(foreign.id);
    expect(await d.destroy()).toMatchObject({ code: 0 });
  });

  test("of several thousand bundles, all go", async () => {
    const d = onCloud();
    await d.up();
    const [bucket] = d.cloud.s3.buckets.values();
    const [stored] = bucket!.objects.values();
    for (let index = 0; index < 20; index++) bucket!.objects.set(`bundles/${index}`, stored!);
    expect(await d.destroy({ deleteData: true })).toMatchObject({ code: 0 });
    expect(inventory(d.cloud)).toEqual([]);
  });

  test("where there is nothing, there is nothing to do", async () => {
    const d = onCloud();
    expect(await d.destroy()).toMatchObject({
      code: 0,
      stdout: expect.stringContaining("nothing to do: nothing tagged raft-cluster=raft-lite is left"),
    });
  });
});
