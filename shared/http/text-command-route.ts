import { isRefusal, refusalError } from "../refusal.ts";
import { TEXT_SCHEMA } from "../storage/entry.ts";
import { commandText } from "./command-route.ts";
import type { NodeContext, RouteHandler } from "./context.ts";
import type { Outcome } from "./outcome.ts";
import { withOutcome } from "./outcome.ts";
import { requestOptions } from "./parameters.ts";
import { jsonReply } from "./reply.ts";

/** POST /command where the state machine is another one than the key-value store: every text is a command to commit. */
export function textCommandRoute(
  context: NodeContext,
  acceptText: (text: string) => Uint8Array,
): RouteHandler {
  return async (request) => {
    let outcome: Outcome = "none";
    try {
      const options = requestOptions(request);
      const bytes = acceptText(await commandText(context, request, '{"cmd":"..."}'));
      outcome = "unknown";
      const { ordinal, term, leader, result } = await context.node.execute(TEXT_SCHEMA, bytes, options);
      if (isRefusal(result)) throw refusalError(result);
      return jsonReply(context.host, { ok: true, index: ordinal, term, leader, result: result ?? null });
    } catch (error) {
      throw withOutcome(error, outcome);
    }
  };
}
