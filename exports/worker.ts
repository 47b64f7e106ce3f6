/**
 * `raft-lite/worker`: a cluster of Durable Objects in a Worker project of your own. Imports nothing of the platform's:
 * `DurableObject` is handed in by the program, which has it.
 */
export type { EmbeddedNode } from "../shared/node/embedded-node.ts";
export { KeyValueStore } from "../shared/store/key-value-store.ts";
export type { RaftObject, RaftObjectClass, RaftObjectOptions } from "../worker/create-raft-object.ts";
export { createRaftObject } from "../worker/create-raft-object.ts";
export type { RaftWorker, RaftWorkerOptions } from "../worker/create-raft-worker.ts";
export { createRaftWorker } from "../worker/create-raft-worker.ts";
export type { DurableObjectBase } from "../worker/platform.ts";
export type { Settings } from "../worker/settings.ts";
