import { afterEach, describe, expect, test } from "vitest";
import { CLUSTER_TAG, REPLACED_TAG } from "../../ec2-node/aws/names.ts";
import type { Run } from "./support/deployment.ts";
import { bundleOf, Deployment } from "./support/deployment.ts";
import { ingress, shape, untagged } from "./support/inventory.ts";
import { mockClients } from "./support/mock-clients.ts";

const MOMENTS = ["before", "after"] as const;

let mocked: ReturnType<typeof mockClients> | undefined;
afterEach(() => mocked?.restore());

function deployment(): Deployment {
  mocked?.restore();
  const made = new Deployment();
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
  await whole.comeBack();
  const ended = await command(whole);
  expect(ended.error).toBeNull();
  const calls = whole.cloud.callsOfRun;
  const wanted = state(whole);
  for (let call = 1; call <= calls; call++) {
    for (const moment of MOMENTS) {
      const d = deployment();
      await prepare(d);
      await d.comeBack();
      d.cloud.misbehaviour.crash = { call, moment };
      const killed = await command(d);
      const at = d.cloud.calls.at(-1);
      const where = `killed ${moment} call ${call} (${at?.service} ${at?.operation})`;
      expect(killed.code, where).toBeNull();
      const made = isOver(d) ? {} : { made: wanted.made };
      await d.comeBack();
      const again = await command(d);
      expect(again.error, where).toBeNull();
      expect(state(d), where).toMatchObject({ ...wanted, made: expect.anything(), ...made });
    }
  }
  return { calls, wanted };
}

describe("killed at any call and run again, it ends in the same state", () => {
  test("up", async () => {
    const { calls } = await sweep(
      async () => {},
      (d) => d.up(),
    );
    console.log("up", calls);
  });

  test("destroy", async () => {
    await sweep(
      async (d) => void (await d.up()),
      (d) => d.destroy(),
    );
  });

  test("destroy --delete-data", async () => {
    const { wanted } = await sweep(
      async (d) => void (await d.up()),
      (d) => d.destroy({ deleteData: true }),
    );
    expect(wanted).toMatchObject({ shape: [], ingress: [] });
  });

  test("replace", async () => {
    await sweep(
      async (d) => void (await d.up()),
      (d) => d.replace("B"),
      ({ cloud }) => [...cloud.ec2.interfaces.all.values()].some(({ tags }) => tags.get(REPLACED_TAG) === ""),
    );
  });

  test("update", async () => {
    await sweep(
      async (d) => {
        await d.up();
        d.bundle = bundleOf("second");
      },
      (d) => d.update(),
    );
  });
});
