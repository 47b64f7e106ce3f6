import { RaftLiteError } from "../errors.ts";
import type { HttpContext, RouteHandler } from "./context.ts";
import { readBody } from "./context.ts";
import { decodeText } from "./json.ts";
import { parseBatch } from "./kv-batch.ts";
import { kvProblem, kvReply } from "./kv-reply.ts";
import { kvWrite } from "./kv-write.ts";
import { CLIENT_BODY_LIMIT_BYTES } from "./limits.ts";
import { jsonText } from "./reply.ts";

/** POST /v1/kv: many operations in one entry of the log, with a result each. */
export function kvBatchRoute(context: HttpContext): RouteHandler {
  return (request) =>
    kvWrite(
      context,
      request,
      async () => parseBatch(decodeText(await readBody(context, request, CLIENT_BODY_LIMIT_BYTES))),
      ({ ok, results }) => {
        if (ok) return kvReply(context, jsonText({ ok, results }));
        const at = results.findIndex(({ code }) => code === "cas-failed");
        const message = `nothing was done: cas of operation ${at} does not hold`;
        const details = { operation: at, results };
        return kvProblem(context, new RaftLiteError("cas-failed", message, { status: 409, details }));
      },
    );
}
