/** What `raft-lite ec2` can do. Whoever loads this file loads the AWS SDK. */
export { realTools } from "../tools.ts";
export { authorize } from "./authorize.ts";
export { command } from "./command.ts";
export { destroy } from "./destroy.ts";
export { doctor } from "./doctor.ts";
export { logs } from "./logs.ts";
export { replace } from "./replace.ts";
export { status } from "./status.ts";
export { up } from "./up.ts";
export { update } from "./update.ts";
