import { setTimeout as sleep } from "node:timers/promises";
import type { Random } from "../../sim/random.ts";
import type { EdgeNode } from "../edge/support/edge-node.ts";
import { MiniflareEdge } from "../edge/support/miniflare-edge.ts";
import type { Lab } from "../process/support/lab-room.ts";
import { until } from "../process/support/until.ts";
import type { Fault } from "./faults.ts";
import { Faults } from "./faults.ts";
import { PromiseWatch } from "./promise-watch.ts";
import type { Runs } from "./runs.ts";
import type { Stage } from "./stage.ts";

/** The handout's timing, or one that costs less. */
const TIMINGS = [
  { RAFT_HEARTBEAT: "50", RAFT_ELECTION_TIMEOUT: "150-300" },
  { RAFT_HEARTBEAT: "100", RAFT_ELECTION_TIMEOUT: "500-1000" },
];

/** Three Durable Objects: each loses its memory at any moment, or is stopped, or the whole runtime is killed. */
export async function edgeStage(lab: Lab, random: Random, runs: Runs): Promise<Stage<EdgeNode>> {
  const edge = await MiniflareEdge.open(lab, { vars: random.pick(TIMINGS) });
  const watch = new PromiseWatch(edge);
  const faults = new Faults(edge.cluster, kinds(edge, watch, runs), random.fork("faults"));
  return { cluster: edge.cluster, faults, broken: () => watch.verdict() };
}

function kinds(
  edge: MiniflareEdge,
  watch: PromiseWatch,
  runs: Runs,
): readonly [Fault<EdgeNode>, ...Fault<EdgeNode>[]] {
  // The whole runtime may be gone for a moment.
  const insist = (what: string, node: EdgeNode, act: () => Promise<void>) => {
    return until(`${what} of ${node.id}`, () => act().then(() => true as const));
  };
  // Deaths come one by one, or nobody could say which of two it was that a node has come back from.
  let last: Promise<void> = Promise.resolve();
  const inTurn = (die: (node: EdgeNode, forMs: number) => Promise<void>): Fault<EdgeNode>["strike"] => {
    return (node, forMs) => {
      last = last.then(() => die(node, forMs));
      return last;
    };
  };
  const crash: Fault<EdgeNode> = {
    name: "crash",
    lengthMs: [0, 400],
    strike: inTurn(async (node, forMs) => {
      runs.ending(node);
      await watch.look(node);
      const boot = await until(`${node.id} runs`, () => node.boot());
      // It dies a while after it has said yes, in the midst of whatever it does then.
      await insist("the crash", node, () => node.crash());
      await node.bootAfter(boot);
      await watch.look(node);
      runs.begun(node);
      await sleep(forMs);
    }),
  };
  const kill = async (node: EdgeNode, forMs: number) => {
    for (const each of edge.cluster.nodes) runs.ending(each);
    await watch.look(node);
    await edge.stop();
    await sleep(forMs);
    await edge.start();
    await watch.look(node);
    for (const each of edge.cluster.nodes) runs.begun(each);
  };
  return [
    {
      name: "stop",
      lengthMs: [400, 2600],
      async strike(node, forMs) {
        runs.ending(node);
        await watch.look(node);
        await insist("the stop", node, () => node.kill());
        await sleep(forMs);
        await insist("the start", node, () => node.start());
        await watch.look(node);
        runs.begun(node);
      },
    },
    crash,
    crash,
    {
      name: "runtime killed",
      lengthMs: [0, 300],
      strike: inTurn(kill),
    },
  ];
}
