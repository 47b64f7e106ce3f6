import type { Agent, IncomingHttpHeaders, OutgoingHttpHeaders } from "node:http";
import { request } from "node:http";

export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

export interface CallOptions {
  readonly method?: string;
  readonly body?: string | Uint8Array;
  readonly headers?: OutgoingHttpHeaders;
  readonly timeoutMs?: number;
  /** Without one each call has a connection of its own, as curl's have. */
  readonly agent?: Agent;
}

/** One HTTP call. Rejects when no whole reply came. */
export function call(url: string, options: CallOptions = {}): Promise<Reply> {
  const { body, headers = {}, timeoutMs = 30_000 } = options;
  const method = options.method ?? (body === undefined ? "GET" : "POST");
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers, agent: options.agent ?? false });
    const timer = setTimeout(() => sent.destroy(new Error(`no reply within ${timeoutMs} ms`)), timeoutMs);
    sent.on("response", (reply) => {
      const chunks: Buffer[] = [];
      reply.on("data", (chunk: Buffer) => chunks.push(chunk));
      reply.on("error", reject);
      reply.on("end", () => {
        const text = Buffer.concat(chunks).toString("utf8");
        resolve({ status: reply.statusCode ?? 0, headers: reply.headers, text });
      });
    });
    sent.on("error", reject);
    sent.on("close", () => {
      clearTimeout(timer);
      reject(new Error("the connection closed before a whole reply came"));
    });
    sent.end(body);
  });
}

/** A command as the lab's curl line sends it. */
export function post(url: string, body: unknown, options: CallOptions = {}): Promise<Reply> {
  const headers = { "content-type": "application/json", ...options.headers };
  return call(url, { ...options, headers, body: JSON.stringify(body) });
}
