import type { Cluster } from "./cluster.ts";
import { call } from "./http.ts";
import type { TestNode } from "./test-node.ts";
import { until } from "./until.ts";

/** Every node that runs says that it is well and has fallen silent. To ask it wakes nobody. */
export function allQuiet(cluster: Cluster<TestNode>): Promise<true> {
  return until("all are quiet", async () => {
    for (const node of cluster.running) {
      const { status, text } = await call(`${node.url}/health`);
      const { ok, quiet } = JSON.parse(text) as { ok?: boolean; quiet?: boolean };
      if (status !== 200 || ok !== true || quiet !== true) return null;
    }
    return true;
  });
}
