import { afterEach, describe, expect, test } from "vitest";
import { CLUSTER_TAG, REPLACED_TAG } from "../../ec2-node/aws/names.ts";
import type { Run } from "./support/deployment.ts";
import { bundleOf, Deployment } from "./support/deployment.ts";
import type { CloudOptions } from "./support/fake-cloud.ts";
import { ingress, shape, untagged } from "./support/inventory.ts";
import { mockClients } from "./support/mock-clients.ts";

/** Some hundred runs of a command each. */
const LIMIT_MS = 200_000;
const MOMENTS = ["before", "after"] as const;

let mocked: ReturnType<typeof mockClients> | undefined;
afterEach(() => mocked?.restore());

function deployment(options: CloudOptions = {}): Deployment {
  mocked?.restore();
  const made = new Deployment(options);
  mocked = mockClients(made.cloud);
  return made;
}

/** All that can be told of a cluster but its ids. */
function state({ cloud, nodes }: Deployment) {
  const problems = nodes.nodes().map(({ problem }) => problem);
  return {
    shape: shape(cloud),
    untagged: untagged(cloud, CLUSTER_TAG, "raft-lite"),
    ingress: ingress(cloud).map((rule) => rule.replace(/sg-\w+/, "the group")),
    disks: [...nodes.disks.values()].toSorted(),
    problems,
    // Nothing was made twice on the way.
    made: ["i", "vol", "eni", "eipalloc", "sg"].map((kind) => [kind, cloud.world.made.get(kind)]),
  };
}

/**
 * The command is run to its end; then, from the same beginning, killed at each of its calls and run again. Where
 * `isOver`, it had done all that it was asked for, and does it once more.
 */
async function sweep(
  prepare: (d: Deployment) => Promise<void>,
  command: (d: Deployment) => Promise<Run>,
  isOver: (d: Deployment) => boolean = () => false,
) {
  const whole = deployment();
  await prepare(whole);
  whole.comeBack();
  const ended = await command(whole);
  expect(ended.error).toBeNull();
  const calls = whole.cloud.callsOfRun;
  const wanted = state(whole);
  for (let call = 1; call <= calls; call++) {
    for (const moment of MOMENTS) {
      const d = deployment();
      await prepare(d);
      d.comeBack();
      d.cloud.misbehaviour.crash = { call, moment };
      const killed = await command(d);
      const at = d.cloud.calls.at(-1);
      const where = `killed ${moment} call ${call} (${at?.service} ${at?.operation})`;
      expect(killed.code, where).toBeNull();
      const made = isOver(d) ? {} : { made: wanted.made };
      d.comeBack();
      const again = await command(d);
      expect(again.error, where).toBeNull();
      expect(state(d), where).toMatchObject({ ...wanted, made: expect.anything(), ...made });
    }
  }
  return { wanted };
}

describe("killed at any call and run again, it ends in the same state", () => {
  test("up", { timeout: LIMIT_MS }, async () => {
    await sweep(
      async () => {},
      (d) => d.up(),
    );
  });

  test("destroy", { timeout: LIMIT_MS }, async () => {
    await sweep(
      async (d) => void (await d.up()),
      (d) => d.destroy(),
    );
  });

  test("destroy --delete-data", { timeout: LIMIT_MS }, async () => {
    const { wanted } = await sweep(
      async (d) => void (await d.up()),
      (d) => d.destroy({ deleteData: true }),
    );
    expect(wanted).toMatchObject({ shape: [], ingress: [] });
  });

  test("replace", { timeout: LIMIT_MS }, async () => {
    await sweep(
      async (d) => void (await d.up()),
      (d) => d.replace("B"),
      ({ cloud }) => [...cloud.ec2.interfaces.all.values()].some(({ tags }) => tags.get(REPLACED_TAG) === ""),
    );
  });

  test("update", { timeout: LIMIT_MS }, async () => {
    await sweep(
      async (d) => {
        await d.up();
        d.bundle = bundleOf("second");
      },
      (d) => d.update(),
    );
  });

  test("update --rollback", { timeout: LIMIT_MS }, async () => {
    await sweep(
      async (d) => {
        await d.up();
        d.bundle = bundleOf("second");
        await d.update();
      },
      (d) => d.update({ rollback: true }),
    );
  });

  test("authorize", { timeout: LIMIT_MS }, async () => {
    await sweep(
      async (d) => {
        await d.up();
        d.nodes.operator = "192.0.2.9";
      },
      (d) => d.authorize(),
    );
  });
});

describe("killed at any call of one command, another one goes on from there", () => {
  test("up, then destroy --delete-data: nothing is left", { timeout: LIMIT_MS }, async () => {
    const whole = deployment();
    await whole.up();
    for (let call = 1; call <= whole.cloud.callsOfRun; call++) {
      for (const moment of MOMENTS) {
        const d = deployment();
        d.cloud.misbehaviour.crash = { call, moment };
        await d.up();
        d.comeBack();
        const where = `killed ${moment} call ${call}`;
        expect(await d.destroy({ deleteData: true }), where).toMatchObject({ code: 0, error: null });
        expect(shape(d.cloud), where).toEqual([]);
      }
    }
  });

  test("destroy, then up: the cluster is back, with its data", { timeout: LIMIT_MS }, async () => {
    const whole = deployment();
    await whole.up();
    whole.comeBack();
    await whole.destroy();
    for (let call = 1; call <= whole.cloud.callsOfRun; call++) {
      const d = deployment();
      await d.up();
      const disks = new Map(d.nodes.disks);
      d.comeBack();
      d.cloud.misbehaviour.crash = { call, moment: "after" };
      await d.destroy();
      d.comeBack();
      const where = `killed after call ${call}`;
      expect(await d.up(), where).toMatchObject({ code: 0, error: null });
      expect(
        d.nodes.nodes().map(({ problem }) => problem),
        where,
      ).toEqual([null, null, null]);
      expect(d.nodes.disks, where).toEqual(disks);
    }
  });
});

describe("two at once, the second somewhat later", () => {
  const LATER_MS = [0, 40, 100, 300, 700, 1_500, 3_000, 6_000, 15_000, 30_000];

  test.each(LATER_MS)("up by %i ms: one cluster", async (ms) => {
    const one = deployment();
    await one.up();
    const { made: _, ...wanted } = state(one);
    const both = deployment();
    // Both may allocate an address for the same node; the next run releases the second.
    both.cloud.ec2.catalogue.maxElasticIps = 10;
    const runs = await Promise.all([both.up(), both.cloud.clock.sleep(ms).then(() => both.up())]);
    expect(runs.map(({ error }) => error)).toEqual([null, null]);
    both.comeBack();
    expect((await both.up()).error).toBeNull();
    expect((await both.up()).stdout).toContain("nothing to do");
    expect(state(both)).toMatchObject(wanted);
  });

  test.each(LATER_MS)("destroy by %i ms: nothing is left", async (ms) => {
    const d = deployment();
    await d.up();
    const destroy = () => d.destroy({ deleteData: true });
    const runs = await Promise.all([destroy(), d.cloud.clock.sleep(ms).then(destroy)]);
    expect(runs.map(({ error }) => error)).toEqual([null, null]);
    expect(shape(d.cloud)).toEqual([]);
  });
});

describe("killed while what it made is not seen yet, and run again at once", () => {
  const slow = { pace: { seenMs: [10_000, 10_000], profileSeenMs: 20_000 } } as const;
  const creates = /^(Create|Run|Add|Authorize|Put|Associate)/;

  async function calls(): Promise<number[]> {
    const d = deployment(slow);
    expect((await d.up()).error).toBeNull();
    return d.cloud.calls.filter(({ operation }) => creates.test(operation)).map(({ number }) => number);
  }

  test("up makes nothing twice", { timeout: LIMIT_MS }, async () => {
    const whole = deployment();
    await whole.up();
    const wanted = state(whole);
    for (const call of await calls()) {
      const d = deployment(slow);
      d.cloud.misbehaviour.crash = { call, moment: "after" };
      await d.up();
      const at = d.cloud.calls.find(({ number }) => number === call);
      const where = `killed after call ${call} (${at?.service} ${at?.operation})`;
      d.comeBack(1_000);
      expect((await d.up()).error, where).toBeNull();
      d.comeBack();
      // An address too many is released: no token names the one that was not seen.
      expect((await d.up()).error, where).toBeNull();
      expect((await d.up()).stdout, where).toContain("nothing to do");
      const others = wanted.made.filter(([kind]) => kind !== "eipalloc");
      expect(state(d), where).toMatchObject({ ...wanted, made: expect.arrayContaining(others) });
      expect(d.cloud.world.made.get("eipalloc"), where).toBeLessThanOrEqual(4);
    }
  });
});
