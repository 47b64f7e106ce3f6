import { RaftLiteError } from "../shared/errors.ts";
import { guards } from "../shared/http/auth.ts";
import { webHost } from "../shared/http/host.ts";
import { problemReply, unexpected } from "../shared/http/problem.ts";
import { jsonReply } from "../shared/http/reply.ts";
import type { Config } from "./config.ts";

/** What can be done to a node from outside, to see what the others make of it. Each may be repeated. */
export interface ChaosActions {
  /** The node hears and tells nobody, over eviction and restart, until `start`. */
  stop(): Promise<void>;
  start(): Promise<void>;
  /** The object dies soon after this resolves, and comes back with what it had stored. */
  crash(): Promise<void>;
}

/** Answers POST /chaos/stop, /chaos/start and /chaos/crash; null for any other path. Behind the clients' token. */
export function chaosRoutes(
  config: Pick<Config, "secret" | "token">,
  actions: ChaosActions,
): (request: Request) => Promise<Response | null> {
  const guard = guards(config);
  return async (request) => {
    const name = /^\/chaos\/([a-z]+)$/.exec(new URL(request.url).pathname)?.[1];
    if (name !== "stop" && name !== "start" && name !== "crash") return null;
    try {
      guard.client(request);
      if (request.method !== "POST") {
        const details = { allow: ["POST"] };
        throw new RaftLiteError("method-not-allowed", "this route takes POST", { status: 405, details });
      }
      await actions[name]();
      return jsonReply(webHost, { ok: true });
    } catch (error) {
      return problemReply(webHost, error instanceof RaftLiteError ? error : unexpected(error));
    }
  };
}
