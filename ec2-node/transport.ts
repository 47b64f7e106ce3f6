import type { ClientRequest, IncomingMessage } from "node:http";
import { Agent, request as requestHttp } from "node:http";
import { request as requestHttps, Agent as TlsAgent } from "node:https";
import { authorization, checkCredential } from "../shared/http/auth.ts";
import { RAFT_BODY_LIMIT_BYTES } from "../shared/http/limits.ts";
import type { ExchangeBody, Transport, TransportReply } from "../shared/node/ports.ts";
import { TransportError } from "../shared/node/ports.ts";

/** A reply may be a little larger than the largest request: it carries a batch of its own. */
export const REPLY_LIMIT_BYTES = RAFT_BODY_LIMIT_BYTES + 1_048_576;
/** Keeps a silently dropped connection from being found out only by the next heartbeat's timeout. */
const TCP_KEEP_ALIVE_MS = 5_000;

export interface HttpTransportOptions {
  /** The cluster's secret, sent with every call. */
  readonly secret?: string | undefined;
}

/** Where a peer is called. */
export interface Target {
  readonly tls: boolean;
  readonly host: string;
  readonly port: string;
  readonly path: string;
}

/**
 * Calls peers over kept-open HTTP/1.1 connections. node:http's client and not `fetch`, which costs three times the
 * CPU (docs/performance.md).
 *
 * It never repeats a call by itself, not even one that met a connection the peer had just closed: only the caller
 * knows whether sending again is safe, and whether what it carried is still worth sending.
 */
export class HttpTransport implements Transport {
  readonly #agent = new Agent({ keepAlive: true, keepAliveMsecs: TCP_KEEP_ALIVE_MS });
  readonly #tlsAgent = new TlsAgent({ keepAlive: true, keepAliveMsecs: TCP_KEEP_ALIVE_MS });
  readonly #targets = new Map<string, Target>();
  readonly #open = new Set<ClientRequest>();
  readonly #secret: string | undefined;
  #closed = false;

  /** Throws `bad-credential` for a secret that no header can carry. */
  constructor(options: HttpTransportOptions = {}) {
    if (options.secret !== undefined) checkCredential("secret", options.secret);
    this.#secret = options.secret;
  }

  post(address: string, body: ExchangeBody, timeoutMs: number): Promise<TransportReply> {
    return new Promise((resolve, reject) => {
      if (typeof body !== "string") throw new TransportError("broken", "only text travels by plain HTTP");
      if (this.#closed) throw new TransportError("broken", "the transport is closed");
      const target = this.#target(address);
      const call = (target.tls ? requestHttps : requestHttp)({
        agent: target.tls ? this.#tlsAgent : this.#agent,
        host: target.host,
        port: target.port,
        path: target.path,
        method: "POST",
        headers: this.#headers(body),
      });
      this.#open.add(call);
      const timer = setTimeout(() => {
        call.destroy(new TransportError("timeout", `no reply from ${address} within ${timeoutMs} ms`));
      }, timeoutMs);
      let answered = false;
      call.on("response", (reply) => {
        collect(reply, call, (whole) => {
          answered = true;
          resolve(whole);
        });
      });
      call.on("error", (cause) => reject(classify(address, cause)));
      // Comes last, whatever came before; alone only when a reply broke off half-way.
      call.on("close", () => {
        clearTimeout(timer);
        this.#open.delete(call);
        if (!answered)
          reject(classify(address, new Error("the connection closed before the whole reply came")));
      });
      call.end(body);
    });
  }

  /** Breaks off what is under way and closes every connection. Later calls are refused as `broken`. */
  close(): void {
    this.#closed = true;
    for (const call of this.#open) call.destroy(new TransportError("broken", "the transport was closed"));
    this.#agent.destroy();
    this.#tlsAgent.destroy();
  }

  #target(address: string): Target {
    const known = this.#targets.get(address);
    if (known !== undefined) return known;
    const target = parseTarget(address);
    this.#targets.set(address, target);
    return target;
  }

  #headers(body: string): Record<string, string | number> {
    const headers: Record<string, string | number> = {
      "content-type": "application/json",
      "content-length": Buffer.byteLength(body),
    };
    if (this.#secret !== undefined) headers.authorization = authorization(this.#secret);
    return headers;
  }
}

/** Throws a TransportError for what is no base URL of a node. */
export function parseTarget(address: string): Target {
  const url = URL.canParse(address) ? new URL(address) : null;
  if (url === null || (url.protocol !== "http:" && url.protocol !== "https:")) {
    throw new TransportError("broken", `${address} is not an http address`);
  }
  const tls = url.protocol === "https:";
  return {
    tls,
    host: url.hostname.replace(/^\[(.*)\]$/, "$1"),
    port: url.port === "" ? (tls ? "443" : "80") : url.port,
    path: `${url.pathname.replace(/\/$/, "")}/raft`,
  };
}

function collect(reply: IncomingMessage, call: ClientRequest, whole: (reply: TransportReply) => void): void {
  const chunks: Buffer[] = [];
  let size = 0;
  reply.on("data", (chunk: Buffer) => {
    size += chunk.length;
    if (size <= REPLY_LIMIT_BYTES) chunks.push(chunk);
    else call.destroy(new Error(`the reply is larger than ${REPLY_LIMIT_BYTES} bytes`));
  });
  reply.on("end", () => {
    const bytes = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
    whole({ status: reply.statusCode ?? 0, body: bytes.toString("utf8") });
  });
  // A reply that breaks off ends in "error", never in "end"; whoever destroyed the call has said why already.
  reply.on("error", (cause) => call.destroy(cause));
}

/** What an error of a connection means to the caller. */
export function classify(address: string, cause: Error): TransportError {
  if (cause instanceof TransportError) return cause;
  const { code } = cause as NodeJS.ErrnoException;
  const failure = code === "ECONNREFUSED" ? "refused" : "broken";
  return new TransportError(failure, `${address}: ${cause.message || code || "the call failed"}`, { cause });
}
