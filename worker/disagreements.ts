import type { NodeStatus } from "../shared/node/api.ts";
import type { NodeId } from "../shared/raft/types.ts";
import type { ConfiguredNode } from "./config.ts";

/** A node that RAFT_NODES and the log do not agree about; `message` is one line. */
export interface Disagreement {
  readonly id: NodeId;
  readonly address: string | null;
  readonly message: string;
}

/**
 * What RAFT_NODES says otherwise than the log, which is where the members are: nothing of it counts. Empty while there is
 * no cluster yet, or a place in it is open that a listed node may come to take. `raft`: of a node among `nodes`.
 */
export function disagreements(
  nodes: readonly ConfiguredNode[],
  self: NodeId,
  raft: Pick<NodeStatus["raft"], "clusterId" | "peers">,
): Disagreement[] {
  const ids = raft.peers.map(({ id }) => id);
  if (raft.clusterId === null || ids.includes(null)) return [];
  const listed = new Set<NodeId | null>(nodes.map(({ id }) => id));
  const missing = raft.peers.flatMap(({ id, address }): Disagreement[] => {
    if (id === null || listed.has(id)) return [];
    const message = `RAFT_NODES does not name node ${id}, which is a member, at ${address}: it stays one, name it again`;
    return [{ id, address, message }];
  });
  const names = [self, ...ids].sort().join(", ");
  const surplus = nodes.flatMap(({ id, url }): Disagreement[] => {
    if (id === self || ids.includes(id)) return [];
    const message = `RAFT_NODES names node ${id}, which is no member: it takes no part, the members are ${names}`;
    return [{ id, address: url, message }];
  });
  return [...missing, ...surplus];
}
