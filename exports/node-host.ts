/** `raft-lite/node-host`: a node of a cluster within a Node process, started by one call. */
export type { HostedNode } from "../ec2-node/start-node.ts";
export { startNode } from "../ec2-node/start-node.ts";
export type { StartNodeOptions } from "../ec2-node/start-node-options.ts";
export type { Timings } from "../shared/node/defaults.ts";
export { defaultTimings, labTimings } from "../shared/node/defaults.ts";
export type { EmbeddedNode } from "../shared/node/embedded-node.ts";
export { KeyValueStore } from "../shared/store/key-value-store.ts";
