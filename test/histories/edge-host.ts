import type { Random } from "../../sim/random.ts";
import type { EdgeNode } from "../edge/support/edge-node.ts";
import { MiniflareEdge } from "../edge/support/miniflare-edge.ts";
import type { Lab } from "../process/support/lab-room.ts";
import type { Fault } from "./faults.ts";
import { Faults } from "./faults.ts";
import { objectStrikes } from "./object-strikes.ts";
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
  const strikes = objectStrikes(edge, watch, runs);
  const crash: Fault<EdgeNode> = { name: "crash", lengthMs: [0, 400], strike: strikes.crash };
  return [
    { name: "stop", lengthMs: [400, 2600], strike: strikes.stop },
    crash,
    crash,
    { name: "runtime killed", lengthMs: [0, 300], strike: strikes.killRuntime },
  ];
}
