import type { Operation } from "../store/operations.ts";
import type { HttpContext, RouteHandler } from "./context.ts";
import { readBody } from "./context.ts";
import { deleteRequest, putRequest } from "./kv-parameters.ts";
import { kvReply } from "./kv-reply.ts";
import { kvWrite } from "./kv-write.ts";
import { CLIENT_BODY_LIMIT_BYTES } from "./limits.ts";

/** PUT /v1/kv/KEY, as Consul: the body is the value; `false` when its cas did not hold. */
export function kvPutRoute(context: HttpContext): RouteHandler {
  return (request) =>
    write(context, request, async () => {
      const { key, cas, flags } = putRequest(context.host, request);
      const value = await readBody(context, request, CLIENT_BODY_LIMIT_BYTES);
      return { type: "put", key, value, flags, cas };
    });
}

/** DELETE /v1/kv/KEY, as Consul: `true` also when there was nothing to delete. */
export function kvDeleteRoute(context: HttpContext): RouteHandler {
  return (request) =>
    write(context, request, async () => ({ type: "delete", ...deleteRequest(context.host, request) }));
}

function write(
  context: HttpContext,
  request: Parameters<RouteHandler>[0],
  prepare: () => Promise<Operation>,
): Promise<Response> {
  return kvWrite(
    context,
    request,
    async () => ({ atomic: false, operations: [await prepare()] }),
    ({ results }) => kvReply(context, String(results[0]?.ok === true)),
  );
}
