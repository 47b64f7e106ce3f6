import { env } from "cloudflare:workers";
import { createWorker } from "./create-worker.ts";
import type { Env } from "./env.ts";

export { RaftObject } from "./raft-object.ts";

export default createWorker(env as Env);
