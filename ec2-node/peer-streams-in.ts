import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { guards } from "../shared/http/auth.ts";
import { bodyTooLarge, RAFT_BODY_LIMIT_BYTES } from "../shared/http/limits.ts";
import type { ExchangeReply } from "../shared/node/api.ts";
import { problemReply } from "../shared/node/exchanges.ts";
import type { ExchangeBody } from "../shared/node/ports.ts";
import { encodeFrame, FrameReader, PEER_PROTOCOL } from "./peer-frames.ts";

export interface PeerStreamsInOptions {
  /** Whoever asks for a stream must show it, where set. */
  readonly secret: string | undefined;
  /** Takes in the body of one exchange; never rejects. */
  readonly exchange: (body: ExchangeBody) => Promise<ExchangeReply>;
  /** A member of the cluster speaks on this connection; told with every exchange. */
  readonly onPeer: (socket: Socket, peer: string) => void;
}

/** A frame that has begun must be whole within this time, as an HTTP request must. */
const FRAME_WITHIN_MS = 60_000;
const TCP_KEEP_ALIVE_MS = 5_000;
/** Whoever was refused has this long to read why. */
const LINGER_MS = 2_000;

/** The incoming end of peers' streams (peer-stream.ts). */
export class PeerStreamsIn {
  readonly #options: PeerStreamsInOptions;
  readonly #open = new Set<Socket>();
  #closed = false;

  constructor(options: PeerStreamsInOptions) {
    this.#options = options;
  }

  /** Whether this request asks for a stream and may have one. Any other goes the way of all requests. */
  accepts(request: IncomingMessage): boolean {
    if (request.headers.upgrade?.toLowerCase() !== PEER_PROTOCOL) return false;
    if (request.method !== "GET" || request.url !== "/raft") return false;
    const { authorization = "" } = request.headers;
    try {
      guards({ secret: this.#options.secret }).raft(
        new Request("http://node/raft", { headers: { authorization } }),
      );
      return true;
    } catch {
      return false;
    }
  }

  /** Takes over the connection of a request that was accepted; `head` is what came behind it. */
  take(socket: Socket, head: Buffer): void {
    if (this.#closed) {
      // The server waits for its connections to end, and cannot end this one itself any more.
      socket.destroy();
      return;
    }
    this.#open.add(socket);
    let isBusy = false;
    let timer: NodeJS.Timeout | undefined;
    const refuse = (error: unknown) => {
      const { status, body } = problemReply(error);
      socket.end(encodeFrame(status, body));
      setTimeout(() => socket.destroy(), LINGER_MS).unref();
    };
    const free = () => {
      isBusy = false;
    };
    const answer = (reply: ExchangeReply) => {
      if (socket.destroyed) return;
      if (reply.peer !== null) this.#options.onPeer(socket, reply.peer);
      // Whoever does not read its replies is not kept any more of them.
      if (socket.write(encodeFrame(reply.status, reply.body))) free();
      else socket.once("drain", free);
    };
    const reader = new FrameReader(RAFT_BODY_LIMIT_BYTES, {
      frame: (_status, body) => {
        // One call at a time: whoever sends another one speaks some other protocol.
        if (isBusy) {
          socket.destroy();
          return;
        }
        isBusy = true;
        void this.#options.exchange(body).then(answer);
      },
      badText: (error) => refuse(error),
      tooLarge: () => refuse(bodyTooLarge(RAFT_BODY_LIMIT_BYTES)),
    });
    const read = (chunk: Buffer) => {
      reader.push(chunk);
      if (reader.isBetween) timer ??= setTimeout(() => socket.destroy(), FRAME_WITHIN_MS);
      else if (timer !== undefined) {
        clearTimeout(timer);
        timer = undefined;
      }
    };
    socket.setTimeout(0).setNoDelay(true).setKeepAlive(true, TCP_KEEP_ALIVE_MS);
    socket.on("data", read);
    // A server's connections may be half open; this one has nothing more to say to a caller that has gone.
    socket.on("end", () => socket.destroy());
    socket.on("error", () => socket.destroy());
    socket.on("close", () => {
      clearTimeout(timer);
      this.#open.delete(socket);
    });
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: ${PEER_PROTOCOL}\r\n\r\n`,
    );
    if (head.length > 0) read(head);
  }

  close(): void {
    this.#closed = true;
    for (const socket of this.#open) socket.destroy();
  }
}
