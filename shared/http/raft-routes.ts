import { RaftLiteError } from "../errors.ts";
import type { ExchangeReply, SingleMessageType } from "../node/api.ts";
import type { NodeContext, RoutedRequest, RouteHandler } from "./context.ts";
import { readBody } from "./context.ts";
import { decodeText } from "./json.ts";
import { RAFT_BODY_LIMIT_BYTES } from "./limits.ts";
import { PROBLEM_TYPE } from "./problem.ts";

/** POST /raft: the nodes' exchange, a batch of messages each way. */
export function exchangeRoute(context: NodeContext): RouteHandler {
  return (request) => take(context, request, (body) => context.node.exchange(body));
}

/** POST /requestVote and its like: one message by the paper's name, for curl and for learning. */
export function singleRoute(context: NodeContext, type: SingleMessageType): RouteHandler {
  return (request) => take(context, request, (body) => context.node.single(type, body));
}

/** POST /installSnapshot. A follower catches up from the log alone, which is kept whole as yet. */
export function snapshotRoute(): RouteHandler {
  return () => {
    throw new RaftLiteError(
      "snapshots-not-supported",
      "this release keeps the whole log and takes no snapshots",
      {
        status: 501,
        details: { outcome: "none" },
      },
    );
  };
}

async function take(
  context: NodeContext,
  request: RoutedRequest,
  hand: (body: string) => Promise<ExchangeReply>,
): Promise<Response> {
  const reply = await hand(decodeText(await readBody(context, request, RAFT_BODY_LIMIT_BYTES)));
  if (reply.peer !== null) context.onPeerRequest(request, reply.peer);
  const type = reply.status < 400 ? "application/json" : PROBLEM_TYPE;
  return context.host.respond(reply.body, { status: reply.status, headers: { "content-type": type } });
}
