import type { Socket } from "node:net";
import { connect } from "node:net";
import type { Reply, SentRequest } from "./portable/request.ts";

/** One connection, and one request on it at a time: exactly the bytes it is given, whatever they mean. */
export class SocketClient {
  readonly #socket: Socket;
  #received = Buffer.alloc(0);
  #ended = false;
  #isPlain = true;
  #wake: () => void = () => undefined;

  constructor(port: number) {
    this.#socket = connect({ host: "127.0.0.1", port, noDelay: true });
    this.#socket.on("data", (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk]);
      this.#wake();
    });
    // Whoever refuses a body before it has come may reset the connection after the answer.
    this.#socket.on("error", () => undefined);
    this.#socket.on("close", () => {
      this.#ended = true;
      this.#wake();
    });
  }

  /** Whether the next request can go the same way. */
  get isReusable(): boolean {
    return this.#isPlain && !this.#ended && this.#received.length === 0;
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** Rejects when the connection ends before a whole reply has come. */
  async exchange(request: SentRequest, inPieces: boolean): Promise<Reply> {
    this.#isPlain = request.headers.every(
      ([name]) => !/^(content-length|transfer-encoding|connection)$/i.test(name),
    );
    const bytes = requestBytes(request);
    const cuts = inPieces ? [Math.floor(bytes.length / 3), Math.floor((2 * bytes.length) / 3)] : [];
    for (const [from, to] of [0, ...cuts].map((start, at) => [start, cuts[at] ?? bytes.length] as const)) {
      this.#socket.write(bytes.subarray(from, to));
      if (to < bytes.length) await new Promise((resolve) => setImmediate(resolve));
    }
    for (;;) {
      const found = readReply(this.#received, request.method === "HEAD", this.#ended);
      if (found !== null) {
        this.#received = this.#received.subarray(found.end);
        if (found.reply.headers.get("connection")?.toLowerCase() === "close") this.#isPlain = false;
        return found.reply;
      }
      if (this.#ended) {
        throw new Error(`no whole reply: ${JSON.stringify(this.#received.toString("latin1").slice(0, 300))}`);
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

function requestBytes({ method, target, headers, body }: SentRequest): Buffer {
  const own = headers.map(([name, value]) => `${name}: ${value}`);
  const names = headers.map(([name]) => name.toLowerCase());
  if (body !== null && !names.includes("content-length")) own.push(`content-length: ${body.length}`);
  const head = [`${method} ${target} HTTP/1.1`, "host: node.test", ...own];
  return Buffer.concat([Buffer.from(`${head.join("\r\n")}\r\n\r\n`), body ?? Buffer.alloc(0)]);
}

interface Found {
  readonly reply: Reply;
  /** Where it ends in what was received. */
  readonly end: number;
}

/** The first reply that is none of 100 to 199; null while it is not whole. */
function readReply(received: Buffer, isHead: boolean, ended: boolean): Found | null {
  const headEnd = received.indexOf("\r\n\r\n");
  if (headEnd < 0) return null;
  const [statusLine = "", ...lines] = received.subarray(0, headEnd).toString("latin1").split("\r\n");
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(statusLine)?.[1]);
  if (Number.isNaN(status)) throw new Error(`no HTTP: ${JSON.stringify(statusLine)}`);
  const from = headEnd + 4;
  if (status < 200) {
    const next = readReply(received.subarray(from), isHead, ended);
    return next && { ...next, end: next.end + from };
  }
  const headers = new Map(
    lines.map((line) => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    }),
  );
  if (isHead || status === 204) return { reply: { status, headers, bytes: new Uint8Array() }, end: from };
  if (headers.get("transfer-encoding") === "chunked") {
    const found = dechunk(received, from);
    return found && { reply: { status, headers, bytes: Uint8Array.from(found.bytes) }, end: found.end };
  }
  const length = headers.get("content-length");
  if (length === undefined && !ended) return null;
  const end = length === undefined ? received.length : from + Number(length);
  if (received.length < end) return null;
  return { reply: { status, headers, bytes: Uint8Array.from(received.subarray(from, end)) }, end };
}

function dechunk(received: Buffer, from: number): { readonly bytes: Buffer; readonly end: number } | null {
  const parts: Buffer[] = [];
  for (let at = from; ; ) {
    const lineEnd = received.indexOf("\r\n", at);
    if (lineEnd < 0) return null;
    const length = Number.parseInt(received.subarray(at, lineEnd).toString("latin1"), 16);
    if (Number.isNaN(length)) throw new Error("the reply's chunks are broken");
    at = lineEnd + 2;
    if (received.length < at + length + 2) return null;
    if (length === 0) return { bytes: Buffer.concat(parts), end: at + 2 };
    parts.push(received.subarray(at, at + length));
    at += length + 2;
  }
}
