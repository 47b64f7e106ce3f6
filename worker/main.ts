import { DurableObject } from "cloudflare:workers";
import { createRaftObject } from "./create-raft-object.ts";
import { createRaftWorker } from "./create-raft-worker.ts";

/** One node of the cluster. */
export class RaftObject extends createRaftObject(DurableObject) {}

export default createRaftWorker();
