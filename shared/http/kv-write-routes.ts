import type { Operation } from "../store/operations.ts";
import { encodeOperations } from "../store/operations.ts";
import type { HttpContext, RouteHandler } from "./context.ts";
import { readBody } from "./context.ts";
import { deleteRequest, putRequest } from "./kv-parameters.ts";
import { kvReply } from "./kv-reply.ts";
import { kvWrite } from "./kv-write.ts";
import { CLIENT_BODY_LIMIT_BYTES } from "./limits.ts";

/** PUT /v1/kv/KEY, as Consul: the body is the value; `false` when its cas did not hold. */
export function kvPutRoute(context: HttpContext): RouteHandler {
  return (request) =>
    write(context, request, () => {
      const { key, cas, flags } = putRequest(context.host, request);
      const put = (value: Uint8Array) => one({ type: "put", key, value, flags, cas });
      const body = readBody(context, request, CLIENT_BODY_LIMIT_BYTES);
      return body instanceof Promise ? body.then(put) : put(body);
    });
}

/** DELETE /v1/kv/KEY, as Consul: `true` also when there was nothing to delete. */
export function kvDeleteRoute(context: HttpContext): RouteHandler {
  return (request) =>
    write(context, request, () => one({ type: "delete", ...deleteRequest(context.host, request) }));
}

function write(
  context: HttpContext,
  request: Parameters<RouteHandler>[0],
  prepare: () => Uint8Array | Promise<Uint8Array>,
): Promise<Response> {
  return kvWrite(context, request, prepare, ({ results }) =>
    kvReply(context, String(results[0]?.ok === true)),
  );
}

function one(operation: Operation): Uint8Array {
  return encodeOperations({ atomic: false, operations: [operation] });
}
