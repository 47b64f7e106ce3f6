import { Cluster } from "./cluster.ts";
import type { Lab } from "./lab.ts";
import type { LabNode } from "./node.ts";
import type { TcpProxy } from "./proxy.ts";

/** A cluster whose nodes reach each other through a wire for each direction. */
export interface WiredCluster {
  readonly cluster: Cluster;
  /** Cuts both directions between two nodes: what is sent vanishes. */
  cut(one: LabNode, other: LabNode): void;
  heal(): void;
}

export async function wired(lab: Lab, ids: string, flags: readonly string[] = []): Promise<WiredCluster> {
  const ports = await lab.ports(ids.length);
  const wires = new Map<string, TcpProxy>();
  const words = new Map<string, readonly string[]>();
  for (const from of ids) {
    const others = [...ids].filter((id) => id !== from);
    for (const to of others) wires.set(from + to, await lab.proxy(ports[ids.indexOf(to)]!));
    const peers = others.map((to) => wires.get(from + to)!.url).join(",");
    words.set(from, [...flags, "--peers", peers]);
  }
  const nodes = [...ids].map((id, at) => lab.node({ id, port: ports[at]!, words: words.get(id)! }));
  return {
    cluster: new Cluster(nodes),
    cut(one, other) {
      wires.get(one.id + other.id)?.silence();
      wires.get(other.id + one.id)?.silence();
    },
    heal() {
      for (const wire of wires.values()) if (wire.wire === "silent") wire.heal();
    },
  };
}
