import { setTimeout as sleep } from "node:timers/promises";
import type { Random } from "../../sim/random.ts";
import type { Lab } from "../process/support/lab-room.ts";
import type { LabNode } from "../process/support/node.ts";
import type { WiredCluster } from "../process/support/wires.ts";
import { wired } from "../process/support/wires.ts";
import type { Fault } from "./faults.ts";
import { Faults } from "./faults.ts";
import type { Runs } from "./runs.ts";
import type { Stage } from "./stage.ts";

/** Three processes, each reaching each other one through a wire of its own: killed, stopped, cut off. */
export async function processStage(lab: Lab, random: Random, runs: Runs): Promise<Stage<LabNode>> {
  const network = await wired(lab, "ABC", random.chance(0.5) ? ["--lab-timing"] : []);
  const faults = new Faults(network.cluster, kinds(network, random, runs), random.fork("faults"));
  network.cluster.start();
  return { cluster: network.cluster, faults };
}

function kinds(
  { cluster, cut, heal }: WiredCluster,
  random: Random,
  runs: Runs,
): readonly [Fault<LabNode>, ...Fault<LabNode>[]] {
  const cutFrom = async (node: LabNode, others: readonly LabNode[], forMs: number) => {
    for (const other of others) cut(node, other);
    await sleep(forMs);
    heal();
  };
  return [
    {
      name: "kill",
      lengthMs: [50, 1200],
      async strike(node, forMs) {
        await node.kill();
        await sleep(forMs);
        runs.begun(node);
        node.start();
      },
    },
    {
      name: "pause",
      lengthMs: [400, 2600],
      async strike(node, forMs) {
        node.process.signal("SIGSTOP");
        await sleep(forMs);
        node.process.signal("SIGCONT");
      },
    },
    { name: "cut off", lengthMs: [400, 2600], strike: (node, ms) => cutFrom(node, cluster.others(node), ms) },
    {
      name: "cut from one",
      lengthMs: [400, 2000],
      strike: (node, ms) => cutFrom(node, [random.pick(cluster.others(node))], ms),
    },
  ];
}
