import { RaftLiteError } from "../errors.ts";
import { encodeOperations } from "../store/operations.ts";
import type { OperationResult } from "../store/results.ts";
import type { HttpContext, RouteHandler } from "./context.ts";
import { readBody } from "./context.ts";
import { decodeText } from "./json.ts";
import { parseBatch } from "./kv-batch.ts";
import { kvProblem, kvReply } from "./kv-reply.ts";
import { kvWrite } from "./kv-write.ts";
import { CLIENT_BODY_LIMIT_BYTES } from "./limits.ts";
import { encodePlainBatch } from "./plain-batch.ts";

/** POST /v1/kv: many operations in one entry of the log, with a result each. */
export function kvBatchRoute(context: HttpContext): RouteHandler {
  return (request) =>
    kvWrite(
      context,
      request,
      () => {
        const body = readBody(context, request, CLIENT_BODY_LIMIT_BYTES);
        return body instanceof Promise ? body.then(encodeBatch) : encodeBatch(body);
      },
      ({ ok, results }) => {
        if (ok) return kvReply(context, `{"ok":true,"results":[${resultTexts(results)}]}`);
        const at = results.findIndex(({ code }) => code === "cas-failed");
        const message = `nothing was done: cas of operation ${at} does not hold`;
        const details = { operation: at, results };
        return kvProblem(context, new RaftLiteError("cas-failed", message, { status: 409, details }));
      },
    );
}

function encodeBatch(body: Uint8Array): Uint8Array {
  return encodePlainBatch(body) ?? encodeOperations(parseBatch(decodeText(body)));
}

/** JSON of the results, without the brackets. Nothing in them needs to be escaped, and most are as the one before. */
function resultTexts(results: readonly OperationResult[]): string {
  let before: OperationResult | undefined;
  let text = "";
  return results
    .map((result) => {
      if (result !== before) text = resultText(result);
      before = result;
      return text;
    })
    .join(",");
}

function resultText({ ok, ModifyIndex, code }: OperationResult): string {
  const head = `{"ok":${ok},"ModifyIndex":${ModifyIndex}`;
  return code === undefined ? `${head}}` : `${head},"code":"${code}"}`;
}
