import { startNode } from "raft-lite/node-host";
import { tally } from "./tally.ts";

// node tally-node.ts A 9001 B=127.0.0.1:9002 C=127.0.0.1:9003
const [id = "A", port = "9001", ...peers] = process.argv.slice(2);

const node = await startNode({
  id,
  port: Number(port),
  peers,
  dataDir: `.tally/${id}`,
  stateMachine: tally.create(),
  log: console.log,
  // Beside the node's own routes, of which POST /command takes `add {"client":"me","number":1,"by":5}`.
  async fetch({ url, method }, node) {
    if (method !== "GET" || new URL(url).pathname !== "/tally") return undefined;
    return Response.json(await node.read(({ state: { count, queue } }) => ({ count, queue })));
  },
});
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => node.stop());
