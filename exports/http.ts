/** `raft-lite/http`: a node's whole HTTP face as one function from a fetch Request to a Response. */
export type { StoreReader } from "../shared/http/context.ts";
export type { HandlerOptions, OwnRoutes } from "../shared/http/handler.ts";
export { createHandler } from "../shared/http/handler.ts";
export type { HttpHost } from "../shared/http/host.ts";
export { webHost } from "../shared/http/host.ts";
export { CLIENT_BODY_LIMIT_BYTES, RAFT_BODY_LIMIT_BYTES } from "../shared/http/limits.ts";
