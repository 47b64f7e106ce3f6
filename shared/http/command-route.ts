import { RaftLiteError } from "../errors.ts";
import type { RequestOptions } from "../node/api.ts";
import { isRefusal, refusalError } from "../refusal.ts";
import { TEXT_SCHEMA } from "../storage/entry.ts";
import { acceptCommand } from "../store/commands.ts";
import { showValue } from "../store/results.ts";
import type { HttpContext, NodeContext, RoutedRequest, RouteHandler } from "./context.ts";
import { readBody } from "./context.ts";
import { decodeText, kindOf, parseObject } from "./json.ts";
import { CLIENT_BODY_LIMIT_BYTES } from "./limits.ts";
import type { Outcome } from "./outcome.ts";
import { withOutcome } from "./outcome.ts";
import { requestOptions } from "./parameters.ts";
import { jsonReply } from "./reply.ts";

const EXAMPLE = '{"cmd":"SET x=5"}';

/** POST /command: the lab's route. A GET is a linearizable read and leaves no entry; all else is committed first. */
export function commandRoute(context: HttpContext): RouteHandler {
  return async (request) => {
    let outcome: Outcome = "none";
    try {
      const options = requestOptions(request);
      const { command, bytes } = acceptCommand(await commandText(context, request, EXAMPLE));
      if (command.verb === "GET") return await readKey(context, command.key, options);
      outcome = "unknown";
      const { ordinal, term, leader, result } = await context.node.execute(TEXT_SCHEMA, bytes, options);
      if (isRefusal(result)) throw refusalError(result);
      return jsonReply(context.host, { ok: true, index: ordinal, term, leader, result });
    } catch (error) {
      throw withOutcome(error, outcome);
    }
  };
}

async function readKey(
  { node, store, host }: HttpContext,
  key: string,
  options: RequestOptions,
): Promise<Response> {
  const { ordinal, term, leader } = await node.read(options);
  const found = store.get(key);
  const result = found === null ? null : showValue(found.value);
  return jsonReply(host, { ok: true, index: ordinal, term, leader, result });
}

/** The one command in the body, under either of its names. `example`: such a body, for whoever sent another. */
export async function commandText(
  context: NodeContext,
  request: RoutedRequest,
  example: string,
): Promise<string> {
  const text = decodeText(await readBody(context, request, CLIENT_BODY_LIMIT_BYTES));
  const body = parseObject(text, example);
  const names = ["cmd", "command"].filter((name) => Object.hasOwn(body, name));
  const name = names[0];
  if (name === undefined) throw badField(`the field "cmd" is missing; send e.g. ${example}`);
  if (names.length > 1) throw badField('"cmd" and "command" are two names of one field: send only one');
  const command = body[name];
  if (typeof command !== "string") {
    throw badField(`the field "${name}" must be a string, not ${kindOf(command)}; send e.g. ${example}`);
  }
  return command;
}

function badField(message: string): RaftLiteError {
  return new RaftLiteError("bad-field", message, { status: 400 });
}
