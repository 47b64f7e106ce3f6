import { RaftLiteError } from "../shared/errors.ts";
import { webHost } from "../shared/http/host.ts";
import { problemReply } from "../shared/http/problem.ts";
import type { ConfiguredNode } from "./config.ts";
import { drain } from "./drain.ts";
import type { Env } from "./env.ts";
import { Front } from "./front.ts";
import { loadConfig } from "./load-config.ts";

/** The platform repeats what certainly did not arrive, and never has anything carried out twice. Once is enough. */
const retry = { maxRetries: 1, timeoutMs: 2000 };

/**
 * The Worker in front of the cluster's objects. What is wrong with its configuration is said in the log at once, and to
 * everyone who asks (500 `bad-configuration`).
 */
export function createWorker(env: Env): { fetch(request: Request): Promise<Response> } {
  const config = loadConfig(env);
  if (config instanceof RaftLiteError) {
    return {
      async fetch(request) {
        await drain(request);
        return problemReply(webHost, config);
      },
    };
  }
  const front = new Front(config, (node, request) => call(env, node, request));
  return { fetch: (request) => front.handle(request) };
}

function call({ RAFT }: Env, { id, url, location }: ConfiguredNode, request: Request): Promise<Response> {
  if (url !== null) {
    // A node answers for itself: whoever sends elsewhere is none of ours, and must not get the client's token passed on.
    return fetch(
      request.url.replace(/^[a-z]+:\/\/[^/]+/i, url),
      new Request(request, { redirect: "manual" }),
    );
  }
  return RAFT.getByName(id, location === null ? { retry } : { retry, locationHint: location }).fetch(request);
}
