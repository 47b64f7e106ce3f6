import { MiniflareEdge } from "../../edge/support/miniflare-edge.ts";
import type { Cluster } from "./cluster.ts";
import type { Lab } from "./lab-room.ts";
import type { TestNode } from "./test-node.ts";

/** A cluster of nodes A, B, … that run. */
export type StartCluster = (lab: Lab, ids: string) => Promise<Cluster<TestNode>>;

/** What the same tests run against. */
export const HOSTS: readonly (readonly [name: string, start: StartCluster])[] = [
  [
    "Node",
    async (lab, ids) => {
      const cluster = await lab.cluster(ids);
      cluster.start();
      return cluster;
    },
  ],
  [
    "workerd",
    async (lab, ids) => {
      const RAFT_NODES = [...ids].map((id) => `${id}=do`).join(",");
      return (await MiniflareEdge.open(lab, { vars: { RAFT_NODES } })).cluster;
    },
  ],
];
