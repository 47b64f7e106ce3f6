import { request } from "node:http";
import type { Socket } from "node:net";
import type { ExchangeBody, TransportReply } from "../shared/node/ports.ts";
import { TransportError } from "../shared/node/ports.ts";
import { encodeFrame, FrameReader, PEER_PROTOCOL } from "./peer-frames.ts";

/** Where a peer is asked for a stream, and with what. */
export interface StreamTarget {
  readonly host: string;
  readonly port: string;
  readonly path: string;
  /** Value of the authorization header; undefined for none. */
  readonly authorization: string | undefined;
}

export interface StreamHooks {
  /** It can carry the next call. */
  readonly onIdle: (stream: PeerStream) => void;
  /** It has ended, for whatever reason. */
  readonly onEnd: (stream: PeerStream) => void;
}

interface Call {
  resolve(reply: TransportReply): void;
  reject(error: TransportError): void;
  readonly timeoutMs: number;
  /** By `performance.now()`. */
  readonly deadline: number;
}

/** TCP's own: finds a peer whose machine vanished. */
const TCP_KEEP_ALIVE_MS = 5_000;

/**
 * A connection kept for exchanges with one peer: HTTP's upgrade, then frames. It carries one call at a time, as a
 * connection of HTTP does, so that what waits for a slow disk never stands in the way of a heartbeat; next to HTTP it
 * saves the heads of requests and replies and the objects that are made of them.
 */
export class PeerStream {
  readonly #socket: Socket;
  readonly #address: string;
  readonly #hooks: StreamHooks;
  #call: Call | null = null;
  /** Goes off at the deadline of a call that is over, mostly, and is then set for the one under way. */
  #timer: NodeJS.Timeout | null = null;
  #timerAt = 0;
  #failure: TransportError | null = null;

  constructor(socket: Socket, address: string, replyLimitBytes: number, hooks: StreamHooks) {
    this.#socket = socket;
    this.#address = address;
    this.#hooks = hooks;
    const reader = new FrameReader(replyLimitBytes, {
      frame: (status, body) => this.#finish(status, body),
      badText: () => this.#fail("broken", "the reply is not UTF-8"),
      tooLarge: () => this.#fail("broken", `the reply is larger than ${replyLimitBytes} bytes`),
    });
    socket.setNoDelay(true).setKeepAlive(true, TCP_KEEP_ALIVE_MS).setTimeout(0);
    socket.on("data", (chunk: Buffer) => reader.push(chunk));
    socket.on("error", (error) => this.#fail("broken", error.message));
    socket.on("close", () => this.#fail("broken", "the connection closed before the whole reply came"));
  }

  /** Makes one call; none may be under way. Rejects with a TransportError. */
  post(body: ExchangeBody, timeoutMs: number): Promise<TransportReply> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== null) throw this.#failure;
      const deadline = performance.now() + timeoutMs;
      this.#call = { resolve, reject, timeoutMs, deadline };
      if (this.#timer === null || this.#timerAt > deadline) this.#arm(deadline, timeoutMs);
      this.#socket.write(encodeFrame(0, body));
    });
  }

  #arm(at: number, delayMs: number): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timerAt = at;
    this.#timer = setTimeout(this.#onTimer, Math.ceil(delayMs));
  }

  readonly #onTimer = (): void => {
    this.#timer = null;
    const call = this.#call;
    if (call === null) return;
    const leftMs = call.deadline - performance.now();
    if (leftMs > 0) this.#arm(call.deadline, leftMs);
    else this.#fail("timeout", `no reply within ${call.timeoutMs} ms`);
  };

  destroy(why: string): void {
    this.#fail("broken", why);
  }

  #finish(status: number, body: ExchangeBody): void {
    const call = this.#call;
    if (call === null) {
      this.#fail("broken", "a reply came that nobody asked for");
      return;
    }
    this.#call = null;
    call.resolve({ status, body });
    this.#hooks.onIdle(this);
  }

  #fail(failure: "timeout" | "broken", why: string): void {
    if (this.#failure !== null) return;
    this.#failure = new TransportError(failure, `${this.#address}: ${why}`);
    // What may still arrive belongs to nobody.
    this.#socket.destroy();
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#hooks.onEnd(this);
    const call = this.#call;
    this.#call = null;
    call?.reject(this.#failure);
  }
}

/** A peer that gives no stream: it answers otherwise, or not at all. */
export type NoStream = "plain" | "silent";

/**
 * Asks a peer for a stream. Resolves with its socket; with `plain` when the peer answers otherwise: then it, or whoever
 * stands in front of it, speaks plain HTTP only; with `silent` when it was reached and says nothing for half of the
 * time: something on the way may swallow what it does not know, and nothing of the call has been sent yet. Rejects with
 * the error of the connection, or with a TransportError of `timeout` where nobody was reached.
 */
export function openStream(
  target: StreamTarget,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Socket | NoStream> {
  const { host, port, path, authorization } = target;
  return new Promise((resolve, reject) => {
    const headers = {
      connection: "upgrade",
      upgrade: PEER_PROTOCOL,
      ...(authorization !== undefined && { authorization }),
    };
    const call = request({ agent: false, host, port, path, method: "GET", headers, signal });
    let isConnected = false;
    const giveUp = () => {
      if (isConnected) {
        resolve("silent");
        call.destroy();
      } else if (performance.now() < end) timer = setTimeout(giveUp, end - performance.now());
      else call.destroy(new TransportError("timeout", `no reply within ${timeoutMs} ms`));
    };
    const end = performance.now() + timeoutMs;
    let timer = setTimeout(giveUp, timeoutMs / 2);
    call.on("socket", (socket) => {
      socket.once("connect", () => {
        isConnected = true;
      });
    });
    call.on("upgrade", (_reply, socket) => resolve(socket as Socket));
    call.on("response", (reply) => {
      resolve("plain");
      reply.destroy();
    });
    call.on("error", reject);
    call.on("close", () => clearTimeout(timer));
    call.end();
  });
}
