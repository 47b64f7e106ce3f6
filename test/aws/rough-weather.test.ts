import { afterEach, describe, expect, test } from "vitest";
import { CLUSTER_TAG } from "../../ec2-node/aws/names.ts";
import type { RaftLiteError } from "../../shared/errors.ts";
import { Random } from "../../sim/random.ts";
import type { Run } from "./support/deployment.ts";
import { Deployment } from "./support/deployment.ts";
import { ingress, inventory, leaks, shape, untagged } from "./support/inventory.ts";
import { mockClients } from "./support/mock-clients.ts";

const RUNS = 200;
/** Runs of one command until it has come through. */
const PATIENCE = 12;

let mocked: ReturnType<typeof mockClients> | undefined;
afterEach(() => mocked?.restore());

/** What only time or the user can mend, by the codes of errors. */
const WEATHER = [
  "no-capacity",
  "launch-failed",
  "instance-ended",
  "not-ready",
  "aws-busy",
  "changed-meanwhile",
];

/** A cloud that has its ways, and a program that dies now and then. */
function roughDeployment(seed: number, random: Random): Deployment {
  mocked?.restore();
  const d = new Deployment({
    seed,
    pace: {
      callMs: random.pick([5, 40, 400]),
      startMs: random.int(2_000, 60_000),
      terminateMs: random.int(1_000, 90_000),
      interfaceFreeMs: random.int(0, 30_000),
      groupFreeMs: random.int(0, 40_000),
      volumeCreateMs: random.int(0, 10_000),
      attachMs: random.int(0, 15_000),
      detachMs: random.int(0, 15_000),
      profileSeenMs: random.int(0, 20_000),
      seenMs: [0, random.pick([0, 1_000, 15_000])],
      goneSeenMs: random.pick([0, 3_000, 20_000]),
      flickerMs: random.pick([0, 500, 10_000]),
    },
  });
  const { misbehaviour, ec2 } = d.cloud;
  misbehaviour.throttled = random.pick([0, 0.02, 0.15]);
  misbehaviour.unanswered = random.pick([0, 0, 0.02]);
  if (random.chance(0.3)) misbehaviour.withoutCapacity({ times: random.int(1, 9) });
  let deaths = random.chance(0.3) ? random.int(1, 2) : 0;
  ec2.instances.fateOf = () => {
    if (deaths === 0 || random.chance(0.5)) return null;
    deaths -= 1;
    return {
      afterMs: random.int(0, 20_000),
      code: "Server.InternalError",
      message: "Internal error on launch",
    };
  };
  mocked = mockClients(d.cloud);
  return d;
}

/** Runs a command until it has come through, killing it at random on the way. */
async function insist(
  d: Deployment,
  random: Random,
  command: () => Promise<Run>,
  isThrough: (run: Run) => boolean,
) {
  const said: string[] = [];
  for (let attempt = 1; attempt <= PATIENCE; attempt++) {
    if (attempt <= 4 && random.chance(0.6)) {
      d.cloud.misbehaviour.crash = { call: random.int(1, 120), moment: random.pick(["before", "after"]) };
    }
    const run = await command();
    said.push(`${run.stdout}${run.error === null ? "" : `${run.error.name}: ${run.error.message}`}`);
    if (run.code === 0 && isThrough(run)) return;
    // What patience mends is not for the user to hear of.
    expect(run.code, said.at(-1)).not.toBe(1);
    if (run.error !== null && !d.cloud.hasDied) {
      expect(WEATHER, said.at(-1)).toContain((run.error as RaftLiteError).code);
    }
    d.comeBack(random.int(1_000, 60_000));
  }
  throw new Error(`not through after ${PATIENCE} runs:\n${said.slice(-2).join("\n----\n")}`);
}

describe("whatever the weather, the same cluster comes about and goes away", () => {
  test.each(Array.from({ length: RUNS }, (_, seed) => seed))("seed %i", async (seed) => {
    const random = new Random(seed, "weather");
    const d = roughDeployment(seed, random);
    const hasNothingToDo = ({ stdout }: Run): boolean => stdout.includes("nothing to do");
    await insist(d, random, () => d.up(), hasNothingToDo);
    d.comeBack();
    expectWhole(d);
    const node = random.pick(["A", "B", "C"]);
    const before = placesOf(d);
    await insist(
      d,
      random,
      () => d.replace(node),
      () => true,
    );
    // A death while the last call was answered leaves nothing undone; a launch that died does.
    await insist(d, random, () => d.up(), hasNothingToDo);
    d.comeBack();
    expectWhole(d);
    expect(placesOf(d)).toEqual(before);
    const secret = d.cloud.ssm.parameters.get("/raft-lite/raft-lite/secret")?.value ?? "";
    expect(leaks(d.cloud, secret)).toEqual([]);
    await insist(
      d,
      random,
      () => d.destroy({ deleteData: true }),
      () => true,
    );
    expect(inventory(d.cloud)).toEqual([]);
  });
});

/** What a node keeps whatever happens to its instance. */
function placesOf(d: Deployment): string[] {
  return d.nodes
    .nodes()
    .map(({ instance, told }) => {
      const address = d.cloud.ec2.interfaces.publicOf(instance.interfaceId)?.address;
      return `${told.id} ${instance.interfaceId} ${address} ${told.volumeId}`;
    })
    .toSorted();
}

function expectWhole(d: Deployment): void {
  expect(shape(d.cloud)).toEqual(WHOLE);
  expect(untagged(d.cloud, CLUSTER_TAG, "raft-lite")).toEqual([]);
  expect(ingress(d.cloud).map((rule) => rule.split(" ").slice(-2).join(" "))).toEqual([
    expect.stringMatching(/^7000-7000 sg-/),
    "8000-8000 198.51.100.7/32",
  ]);
  const nodes = d.nodes.nodes().map(({ told, problem }) => `${told.id} ${problem}`);
  expect(nodes.toSorted()).toEqual(["A null", "B null", "C null"]);
}

const OWN = "raft-lite-raft-lite";
const WHOLE = [
  ...["A", "B", "C"].flatMap((id) => [
    `address of ${id}: associated`,
    `instance of ${id}: running`,
    `interface of ${id}: in-use`,
    // The root volume carries no node's id.
    `volume of ${id}: in-use`,
    "volume: in-use",
  ]),
  `bucket ${OWN}-123456789012-us-east-1: closed`,
  `group: ${OWN}`,
  `object ${OWN}-123456789012-us-east-1/bundles/da43af24c37eae760a89dd66f1553f3ac54b6a7d20046be4a28bd79fcc5798a9.tar.gz`,
  "parameter /raft-lite/raft-lite/cluster: String",
  "parameter /raft-lite/raft-lite/secret: SecureString",
  `profile ${OWN}-us-east-1: ${OWN}-us-east-1`,
  `role ${OWN}-us-east-1: node`,
].toSorted();
