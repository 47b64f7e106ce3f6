import type { Socket } from "node:net";
import { authorization } from "../shared/http/auth.ts";
import type { ExchangeBody, Transport, TransportReply } from "../shared/node/ports.ts";
import { TransportError } from "../shared/node/ports.ts";
import type { NoStream } from "./peer-stream.ts";
import { openStream, PeerStream } from "./peer-stream.ts";
import type { HttpTransportOptions, Target } from "./transport.ts";
import { classify, HttpTransport, parseTarget, REPLY_LIMIT_BYTES } from "./transport.ts";

/** A peer that speaks plain HTTP only is asked again for a stream after this time: it may have been replaced. */
const PLAIN_FOR_MS = 60_000;
/** One that said nothing may only have been busy, or stopped for a moment. */
const SILENT_FOR_MS = 5_000;

interface Peer {
  readonly target: Target;
  /** null where nobody is asked for a stream: behind TLS or a path prefix stands no node process itself. */
  readonly path: string | null;
  readonly idle: PeerStream[];
  /** Calls go over plain HTTP until then, by `performance.now()`. */
  plainUntil: number;
}

/**
 * Calls peers over streams where they speak them (peer-stream.ts), and over plain HTTP where they do not: Durable
 * Objects, and whatever stands behind a proxy. Like HttpTransport it never repeats a call that may have arrived.
 */
export class PeerTransport implements Transport {
  readonly #plain: HttpTransport;
  readonly #authorization: string | undefined;
  readonly #peers = new Map<string, Peer>();
  readonly #streams = new Set<PeerStream>();
  readonly #end = new AbortController();

  /** Throws as HttpTransport does. */
  constructor(options: HttpTransportOptions = {}) {
    this.#plain = new HttpTransport(options);
    this.#authorization = options.secret === undefined ? undefined : authorization(options.secret);
  }

  /** Over a stream, whose protocol knows packed exchanges. */
  carriesBytes(address: string): boolean {
    const peer = this.#peers.get(address);
    return peer !== undefined && peer.idle.length > 0;
  }

  post(address: string, body: ExchangeBody, timeoutMs: number): Promise<TransportReply> {
    const peer = this.#peers.get(address);
    const stream = peer?.idle.pop();
    return stream === undefined ? this.#begin(address, body, timeoutMs) : stream.post(body, timeoutMs);
  }

  async #begin(address: string, body: ExchangeBody, timeoutMs: number): Promise<TransportReply> {
    const peer = this.#peer(address);
    const startedAt = performance.now();
    if (peer.path === null || startedAt < peer.plainUntil || this.#end.signal.aborted) {
      return await this.#plain.post(address, body, timeoutMs);
    }
    const socket = await this.#open(address, peer, peer.path, timeoutMs);
    const leftMs = startedAt + timeoutMs - performance.now();
    if (typeof socket !== "string") return await this.#streamOn(socket, address, peer).post(body, leftMs);
    peer.plainUntil = performance.now() + (socket === "plain" ? PLAIN_FOR_MS : SILENT_FOR_MS);
    return await this.#plain.post(address, body, leftMs);
  }

  async #open(address: string, peer: Peer, path: string, timeoutMs: number): Promise<Socket | NoStream> {
    const { host, port } = peer.target;
    const target = { host, port, path, authorization: this.#authorization };
    try {
      return await openStream(target, timeoutMs, this.#end.signal);
    } catch (error) {
      if (this.#end.signal.aborted) throw new TransportError("broken", "the transport was closed");
      throw classify(address, error as Error);
    }
  }

  #streamOn(socket: Socket, address: string, { idle }: Peer): PeerStream {
    const stream = new PeerStream(socket, address, REPLY_LIMIT_BYTES, {
      onIdle: (free) => idle.push(free),
      onEnd: (ended) => {
        this.#streams.delete(ended);
        const position = idle.indexOf(ended);
        if (position >= 0) idle.splice(position, 1);
      },
    });
    this.#streams.add(stream);
    if (this.#end.signal.aborted) stream.destroy("the transport was closed");
    return stream;
  }

  /** Breaks off what is under way and closes every connection. Later calls are refused as `broken`. */
  close(): void {
    this.#end.abort();
    for (const stream of this.#streams) stream.destroy("the transport was closed");
    this.#plain.close();
  }

  #peer(address: string): Peer {
    const known = this.#peers.get(address);
    if (known !== undefined) return known;
    const target = parseTarget(address);
    const isNodeItself = !target.tls && target.path === "/raft";
    const peer = { target, path: isNodeItself ? target.path : null, idle: [], plainUntil: 0 };
    this.#peers.set(address, peer);
    return peer;
  }
}
