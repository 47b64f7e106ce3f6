import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import { post } from "../process/support/http.ts";
import type { Lab } from "../process/support/lab.ts";
import { STEADY, test } from "../process/support/lab.ts";
import { allQuiet } from "../process/support/quiet.ts";
import { until } from "../process/support/until.ts";
import type { MixedOptions } from "./support/mixed-cluster.ts";
import { MixedCluster } from "./support/mixed-cluster.ts";
import { countsOf, difference } from "./support/object-counts.ts";

/** Objects and processes fall silent together, by their leader's setting alone; counted around them, not by them. */

const IDLE_MS = 5_000;
const entry = "test/worker/support/counting-worker.ts";

/** Nobody may be deposed because the machine stood still. */
const PATIENT = { RAFT_ELECTION_TIMEOUT: "1500-2500" };

/** Objects that would never fall silent by themselves, and leave the office to a process that asks them to. */
const LED_BY_PROCESS = {
  vars: { ...PATIENT, RAFT_QUIESCE_AFTER: "off", RAFT_ELECTION_PRIORITY: "low" },
  words: [...STEADY, "--quiesce-after", "500"],
};
/** The other way round. */
const LED_BY_OBJECT = {
  vars: { ...PATIENT, RAFT_QUIESCE_AFTER: "500" },
  words: [...STEADY, "--election-priority", "low"],
};

async function open(lab: Lab, options: MixedOptions, leaders: string): Promise<MixedCluster> {
  const mixed = await MixedCluster.open(lab, { ...options, wired: true, entry });
  await until(`one of ${leaders} leads`, async () => leaders.includes((await mixed.cluster.leader()).id));
  return mixed;
}

/** Nothing at all goes between nodes, of whatever kind, and no alarm is set. */
async function expectSilence({ edge, wires, cluster }: MixedCluster): Promise<void> {
  await allQuiet(cluster);
  // What was said last may be on its way.
  const before = await until("the wires are still", async () => {
    const passed = wires.map((wire) => wire.passed);
    await sleep(200);
    const counts = await countsOf(edge);
    const isStill = wires.every((wire, at) => wire.passed === passed[at]);
    return isStill && [...counts.values()].every((one) => one.alarmIsPending === 0) && { passed, counts };
  });
  await sleep(IDLE_MS);
  expect(wires.map((wire) => wire.passed)).toEqual(before.passed);
  for (const [id, idle] of difference(await countsOf(edge), before.counts)) {
    expect(idle, id).toMatchObject({ calls: 0, alarmsSet: 0, rowsWritten: 0 });
  }
}

test.concurrent.for([
  { objects: "AB", processes: "C", ...LED_BY_PROCESS, leaders: "C" },
  { objects: "A", processes: "BC", ...LED_BY_PROCESS, leaders: "BC" },
  { objects: "AB", processes: "C", ...LED_BY_OBJECT, leaders: "AB" },
  { objects: "A", processes: "BC", ...LED_BY_OBJECT, leaders: "A" },
])(
  "objects $objects, processes $processes, led by one of $leaders",
  async ({ leaders, ...options }, { lab }) => {
    const mixed = await open(lab, options, leaders);
    const { cluster } = mixed;
    const leader = await cluster.leader();
    const { term } = await leader.status();
    await leader.insist("SET x=0");
    await expectSilence(mixed);
    // Whoever is asked, an object or a process, wakes all it takes, and nobody stands for election.
    for (const node of cluster.nodes) {
      await allQuiet(cluster);
      expect((await post(`${node.url}/command`, { cmd: `SET x=${node.id}` })).status).toBe(200);
      await allQuiet(cluster);
      expect(await node.get("x")).toBe(node.id);
    }
    expect(await leader.status()).toMatchObject({ state: "Leader", term });
    await expectSilence(mixed);

    await leader.kill();
    for (const node of cluster.running) {
      await node.insist(`SET y=${node.id}`);
      expect(await node.get("y")).toBe(node.id);
    }
  },
);
