import { RaftLiteError } from "../errors.ts";
import type { NodeContext, RouteHandler } from "./context.ts";
import { expositionText, METRICS_TYPE } from "./metrics.ts";
import { logLimit } from "./parameters.ts";
import { jsonReply } from "./reply.ts";

/** GET /status: one snapshot, the lab's seven fields first and in the lab's order. */
export function statusRoute({ node, host }: NodeContext): RouteHandler {
  return (request) => {
    const status = node.status(logLimit(request));
    return jsonReply(host, {
      node: status.node,
      state: status.state,
      term: status.term,
      leader: status.leader,
      log: status.log.map(({ term, cmd }) => ({ term, cmd })),
      commitIndex: status.commitIndex,
      logStart: status.logStart,
      raft: status.raft,
    });
  };
}

/** GET /v1/status/leader, as Consul: the leader's address, "" when none is known. */
export function leaderRoute({ node, host }: NodeContext): RouteHandler {
  return () => {
    const { leader } = node.addresses();
    return jsonReply(host, leader === null ? "" : withoutScheme(leader));
  };
}

/** GET /v1/status/peers, as Consul: every member's address, this node's too. */
export function peersRoute({ node, host }: NodeContext): RouteHandler {
  return () => jsonReply(host, node.addresses().peers.map(withoutScheme));
}

/** GET /health: for load balancers and for whoever replaces machines. */
export function healthRoute({ node, host }: NodeContext): RouteHandler {
  return () => {
    const health = node.health();
    if (health.healthy) {
      return jsonReply(host, { ok: true, node: node.id, ...(health.quiet && { quiet: true }) });
    }
    throw new RaftLiteError("unhealthy", health.reason, {
      status: 503,
      details: { node: node.id, reason: health.reason },
    });
  };
}

/** GET /metrics. */
export function metricsRoute({ node, host }: NodeContext): RouteHandler {
  return () =>
    host.respond(expositionText(node.metrics()), { status: 200, headers: { "content-type": METRICS_TYPE } });
}

/** A path prefix stays: it is what tells the Durable Objects behind one Worker apart. */
function withoutScheme(url: string): string {
  return url.replace(/^https?:\/\//i, "").replace(/\/$/, "");
}
