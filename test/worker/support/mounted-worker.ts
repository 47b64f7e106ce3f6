import { createRaftWorker } from "../../../worker/create-raft-worker.ts";

export { RaftObject } from "../../../worker/main.ts";

/** The cluster below a path, as a Worker serves it that has other things to do as well. */
export default createRaftWorker({ path: "/deep/raft" });
