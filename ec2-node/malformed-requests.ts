import type { IncomingMessage, ServerResponse } from "node:http";
import { STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";

interface Exchange {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
}

/**
 * Answers what is not HTTP, too slow or too long in its headers, in the same form as every other error. Only where it
 * is sure to be read as the answer to that: bytes too many behind a write are met while the write is under way, and
 * its client would take "certainly not executed" for its own.
 */
export class MalformedRequests {
  /** Of each connection what has been read and is not answered yet, in its order. */
  readonly #unanswered = new WeakMap<Duplex, Exchange[]>();

  /** A request is here. */
  note(req: IncomingMessage, res: ServerResponse): void {
    const { socket } = req;
    const exchange = { req, res };
    const exchanges = this.#unanswered.get(socket) ?? [];
    exchanges.push(exchange);
    this.#unanswered.set(socket, exchanges);
    res.once("close", () => exchanges.splice(exchanges.indexOf(exchange), 1));
  }

  /** What came on this connection cannot be read; nothing more will be. */
  refuse(error: NodeJS.ErrnoException, socket: Duplex): void {
    const whole = this.#unanswered.get(socket)?.findLast(({ req }) => req.complete);
    if (whole !== undefined) whole.res.once("close", () => socket.destroy());
    else if (!socket.writable || error.code === "ECONNRESET") socket.destroy();
    else socket.end(replyTo(error));
  }
}

function replyTo(error: NodeJS.ErrnoException): string {
  const [status, code, detail] = malformed(error.code);
  const title = STATUS_CODES[status] ?? "";
  const body = JSON.stringify({ ok: false, error: title, code, title, status, detail });
  const head = [
    `HTTP/1.1 ${status} ${title}`,
    "content-type: application/problem+json",
    `content-length: ${Buffer.byteLength(body)}`,
    "connection: close",
  ];
  return `${head.join("\r\n")}\r\n\r\n${body}`;
}

function malformed(code: string | undefined): readonly [status: number, code: string, detail: string] {
  if (code === "HPE_HEADER_OVERFLOW")
    return [431, "headers-too-large", "the request's headers are too large"];
  if (code === "ERR_HTTP_REQUEST_TIMEOUT")
    return [408, "request-timeout", "the request took too long to arrive"];
  // curl sends what it is given, spaces aside.
  if (code === "HPE_INVALID_URL")
    return [400, "bad-url", "the URL must be percent-encoded, e.g. /v1/kv/%C3%A4 for the key \u00e4"];
  return [400, "bad-http", "this is not an HTTP/1.1 request"];
}
