import { RaftLiteError } from "../errors.ts";

/** Clients' requests: etcd's and Consul's values stay below this too, and one entry must fit a peer exchange. */
export const CLIENT_BODY_LIMIT_BYTES = 1_048_576;
/** The nodes' own routes, which carry batches of entries. */
export const RAFT_BODY_LIMIT_BYTES = 16 * 1_048_576;

export function bodyTooLarge(limitBytes: number): RaftLiteError {
  return new RaftLiteError("body-too-large", `the request body is larger than ${limitBytes} bytes`, {
    status: 413,
    details: { limitBytes },
  });
}

/** The sender went away, or its connection broke, before the body was complete. */
export function bodyIncomplete(cause: unknown): RaftLiteError {
  return new RaftLiteError("body-incomplete", "the request body broke off", { status: 400, cause });
}

/** Refuses by the announced length, before a byte of the body is read. */
export function checkContentLength(request: Request, limitBytes: number): void {
  const announced = request.headers.get("content-length");
  if (announced !== null && Number(announced) > limitBytes) throw bodyTooLarge(limitBytes);
}
