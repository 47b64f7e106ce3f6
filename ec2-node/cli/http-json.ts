import type { IncomingMessage } from "node:http";
import { request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import { RaftLiteError } from "../../shared/errors.ts";

export interface JsonRequest {
  readonly method: "GET" | "POST";
  /** Sent as JSON. */
  readonly body?: unknown;
  readonly token: string | null;
  readonly timeoutMs: number;
}

export interface JsonReply {
  readonly status: number;
  /** undefined when the reply was not JSON. */
  readonly body: unknown;
}

/** `/status` of a long log is far below it; whatever sends more is not a node. */
const LONGEST_REPLY = 64 * 2 ** 20;

/** One request of the command line's. Throws `unreachable` in one line, with `reason` and `refused` as details. */
export function requestJson(url: string, options: JsonRequest): Promise<JsonReply> {
  const { promise, resolve, reject } = Promise.withResolvers<JsonReply>();
  const body = options.body === undefined ? null : JSON.stringify(options.body);
  const request = (url.startsWith("https:") ? requestHttps : requestHttp)(url, {
    method: options.method,
    // A connection of its own, closed after the reply: nothing is left to hold the process.
    agent: false,
    signal: AbortSignal.timeout(options.timeoutMs),
    headers: {
      accept: "application/json",
      ...(body === null
        ? {}
        : { "content-type": "application/json", "content-length": Buffer.byteLength(body) }),
      ...(options.token === null ? {} : { authorization: `Bearer ${options.token}` }),
    },
  });
  request.on("response", (response) => {
    readAll(response).then(
      (text) => resolve({ status: response.statusCode ?? 0, body: parse(text) }),
      (error) => reject(unreachable(url, error, options.timeoutMs)),
    );
  });
  request.on("error", (error) => reject(unreachable(url, error, options.timeoutMs)));
  request.end(body ?? undefined);
  return promise;
}

async function readAll(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > LONGEST_REPLY) throw new Error("the reply is too long");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function unreachable(url: string, error: unknown, timeoutMs: number): RaftLiteError {
  const { code, message, name } = error as NodeJS.ErrnoException;
  const base = new URL(url).host;
  const reason =
    code === "ECONNREFUSED"
      ? "nobody listens there"
      : name === "AbortError" || name === "TimeoutError"
        ? `no answer within ${timeoutMs} ms`
        : code === "ENOTFOUND" || code === "EAI_AGAIN"
          ? "no such host"
          : message || code || "the connection failed";
  return new RaftLiteError("unreachable", `cannot reach ${base}: ${reason}`, {
    cause: error,
    details: { reason, refused: code === "ECONNREFUSED" },
  });
}
