import type { Cluster } from "../process/support/cluster.ts";
import type { TestNode } from "../process/support/test-node.ts";
import type { Faults } from "./faults.ts";

/** Three real nodes that have been started, and what befalls them. */
export interface Stage<Node extends TestNode = TestNode> {
  readonly cluster: Cluster<Node>;
  readonly faults: Faults<Node>;
  /** What only this host's nodes could have broken; null when nothing is. */
  readonly broken?: () => Promise<string | null>;
}
