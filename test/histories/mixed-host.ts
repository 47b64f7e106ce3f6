import { setTimeout as sleep } from "node:timers/promises";
import type { Random } from "../../sim/random.ts";
import { EdgeNode } from "../edge/support/edge-node.ts";
import { MixedCluster } from "../edge/support/mixed-cluster.ts";
import type { Lab } from "../process/support/lab-room.ts";
import type { LabNode } from "../process/support/node.ts";
import type { TestNode } from "../process/support/test-node.ts";
import type { Fault } from "./faults.ts";
import { Faults } from "./faults.ts";
import { objectStrikes } from "./object-strikes.ts";
import { PromiseWatch } from "./promise-watch.ts";
import type { Runs } from "./runs.ts";
import type { Stage } from "./stage.ts";

const MEMBERS = [
  { objects: "AB", processes: "C" },
  { objects: "A", processes: "BC" },
] as const;

/** By how far the processes are away, each way, a heartbeat that takes longer than there and back. */
const DISTANCES = [
  { delayMs: 0, heartbeat: "50", election: "250-500" },
  { delayMs: 5, heartbeat: "100", election: "500-1000" },
  { delayMs: 100, heartbeat: "300", election: "900-1800" },
] as const;

/** Whoever is silent for longer has lost its office. */
const LONGEST_ELECTION_MS = 1800;

/** While a link is slow, each way: more than any heartbeat here allows for. */
const SLOW_MS = 200;

/** Durable Objects and processes in one cluster: each dies in the way of its kind, and what is between them fails. */
export async function mixedStage(lab: Lab, random: Random, runs: Runs): Promise<Stage> {
  const { delayMs, heartbeat, election } = random.pick(DISTANCES);
  const mixed = await MixedCluster.open(lab, {
    ...random.pick(MEMBERS),
    wired: true,
    vars: { RAFT_HEARTBEAT: heartbeat, RAFT_ELECTION_TIMEOUT: election },
    words: ["--heartbeat", heartbeat, "--election-timeout", election],
  });
  mixed.delay(delayMs);
  const { edge, cluster } = mixed;
  const watch = new PromiseWatch({
    cluster: edge.cluster,
    get lines() {
      return cluster.nodes.flatMap(({ lines }) => lines);
    },
    promiseOf: (id) => edge.promiseOf(id),
  });
  const faults = new Faults(cluster, kinds(mixed, delayMs, watch, runs), random.fork("faults"));
  return { cluster, faults, broken: () => watch.verdict() };
}

type Strike<Node extends TestNode> = Fault<Node>["strike"];

function byKind(object: Strike<EdgeNode>, process: Strike<LabNode>): Strike<TestNode> {
  return (node, forMs) => (node instanceof EdgeNode ? object(node, forMs) : process(node as LabNode, forMs));
}

function kinds(
  mixed: MixedCluster,
  delayMs: number,
  watch: PromiseWatch,
  runs: Runs,
): readonly [Fault<TestNode>, ...Fault<TestNode>[]] {
  const objects = objectStrikes(mixed.edge, watch, runs);
  const kill = async (node: LabNode, forMs: number) => {
    await node.kill();
    await sleep(forMs);
    runs.begun(node);
    node.start();
  };
  return [
    { name: "stop or kill", lengthMs: [400, 2600], strike: byKind(objects.stop, kill) },
    { name: "crash or kill", lengthMs: [0, 400], strike: byKind(objects.crash, kill) },
    {
      name: "runtime killed or pause",
      lengthMs: [0, 300],
      strike: byKind(objects.killRuntime, async ({ process }, forMs) => {
        process.signal("SIGSTOP");
        await sleep(LONGEST_ELECTION_MS + forMs);
        process.signal("SIGCONT");
      }),
    },
    {
      name: "cut off",
      lengthMs: [400, 2600],
      async strike(node, forMs) {
        const wires = mixed.wiresOf(node);
        for (const wire of wires) wire.silence();
        await sleep(forMs);
        for (const wire of wires) if (wire.wire === "silent") wire.heal();
      },
    },
    {
      name: "slow",
      lengthMs: [400, 2600],
      async strike(node, forMs) {
        const wires = mixed.wiresOf(node);
        for (const wire of wires) wire.delay(SLOW_MS);
        await sleep(forMs);
        for (const wire of wires) wire.delay(delayMs);
      },
    },
  ];
}
