import { setTimeout as sleep } from "node:timers/promises";
import type { EdgeNode } from "../edge/support/edge-node.ts";
import type { MiniflareEdge } from "../edge/support/miniflare-edge.ts";
import { until } from "../process/support/until.ts";
import type { Fault } from "./faults.ts";
import type { PromiseWatch } from "./promise-watch.ts";
import type { Runs } from "./runs.ts";

type Strike = Fault<EdgeNode>["strike"];

/** What can befall a node that is a Durable Object. */
export interface ObjectStrikes {
  /** It hears and tells nobody for a while. */
  readonly stop: Strike;
  /** Its memory goes; nothing is done to it before `forMs` after it has come back. */
  readonly crash: Strike;
  /** All objects end at once, and the runtime is started again after a while. */
  readonly killRuntime: Strike;
}

/** `watch` looks at what the node has stored before and after each of them. */
export function objectStrikes(edge: MiniflareEdge, watch: PromiseWatch, runs: Runs): ObjectStrikes {
  // The whole runtime may be gone for a moment.
  const insist = (what: string, node: EdgeNode, act: () => Promise<void>) => {
    return until(`${what} of ${node.id}`, () => act().then(() => true as const));
  };
  // Deaths come one by one, or nobody could say which of two it was that a node has come back from.
  let last: Promise<void> = Promise.resolve();
  const inTurn = (die: Strike): Strike => {
    return (node, forMs) => {
      last = last.then(() => die(node, forMs));
      return last;
    };
  };
  return {
    async stop(node, forMs) {
      runs.ending(node);
      await watch.look(node);
      await insist("the stop", node, () => node.kill());
      await sleep(forMs);
      await insist("the start", node, () => node.start());
      await watch.look(node);
      runs.begun(node);
    },
    crash: inTurn(async (node, forMs) => {
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
    killRuntime: inTurn(async (node, forMs) => {
      for (const each of edge.cluster.nodes) runs.ending(each);
      await watch.look(node);
      await edge.stop();
      await sleep(forMs);
      await edge.start();
      await watch.look(node);
      for (const each of edge.cluster.nodes) runs.begun(each);
    }),
  };
}
