import { RaftLiteError } from "../errors.ts";
import type { RequestOptions } from "../node/api.ts";
import { TEXT_SCHEMA } from "../storage/entry.ts";
import { acceptCommand } from "../store/commands.ts";
import type { Refusal } from "../store/results.ts";
import { isRefusal, showValue } from "../store/results.ts";
import type { HttpContext, RoutedRequest, RouteHandler } from "./context.ts";
import { readBody } from "./context.ts";
import { decodeText, kindOf, parseObject } from "./json.ts";
import { CLIENT_BODY_LIMIT_BYTES } from "./limits.ts";
import { requestOptions } from "./parameters.ts";
import { unexpected } from "./problem.ts";
import { jsonReply } from "./reply.ts";

const EXAMPLE = '{"cmd":"SET x=5"}';

/**
 * Whether a failed command may have been carried out. `none`: certainly not, it may be sent again as it is.
 * `unknown`: it may have been, or may yet be.
 */
type Outcome = "none" | "unknown";

/** POST /command: the lab's route. A GET is a linearizable read and leaves no entry; all else is committed first. */
export function commandRoute(context: HttpContext): RouteHandler {
  return async (request) => {
    let outcome: Outcome = "none";
    try {
      const options = requestOptions(request);
      const { command, bytes } = acceptCommand(await commandText(context, request));
      if (command.verb === "GET") return await readKey(context, command.key, options);
      outcome = "unknown";
      const { ordinal, term, leader, result } = await context.node.execute(TEXT_SCHEMA, bytes, options);
      if (isRefusal(result)) throw refusedAtApply(result);
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

/** The one command in the body, under either of its names. */
async function commandText(context: HttpContext, request: RoutedRequest): Promise<string> {
  const text = decodeText(await readBody(context, request, CLIENT_BODY_LIMIT_BYTES));
  const body = parseObject(text, EXAMPLE);
  const names = ["cmd", "command"].filter((name) => Object.hasOwn(body, name));
  const name = names[0];
  if (name === undefined) throw badField(`the field "cmd" is missing; send e.g. ${EXAMPLE}`);
  if (names.length > 1) throw badField('"cmd" and "command" are two names of one field: send only one');
  const command = body[name];
  if (typeof command !== "string") {
    throw badField(`the field "${name}" must be a string, not ${kindOf(command)}; send e.g. ${EXAMPLE}`);
  }
  return command;
}

/** Every 5xx says whether the command may have been carried out; what the node itself says of it goes first. */
function withOutcome(error: unknown, outcome: Outcome): RaftLiteError {
  const known = error instanceof RaftLiteError ? error : unexpected(error);
  if (known.status < 500 || "outcome" in known.details) return known;
  const details = { ...known.details, outcome };
  return new RaftLiteError(known.code, known.message, { status: known.status, details, cause: known.cause });
}

/** The log holds the command, and the state machine found nothing in it that it could carry out. */
function refusedAtApply({ refused, message, status }: Refusal): RaftLiteError {
  return new RaftLiteError(refused, message, { status, details: { outcome: "none" } });
}

function badField(message: string): RaftLiteError {
  return new RaftLiteError("bad-field", message, { status: 400 });
}
