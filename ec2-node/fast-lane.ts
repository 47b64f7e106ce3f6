import { METHODS, STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import type { KnownHeaders, LaneRequest } from "./lane-request.ts";
import { readHead } from "./lane-request.ts";
import { PlainResponse } from "./plain-response.ts";

/**
 * The short way for the requests that come by the thousand: reads and writes of keys over kept-open connections, read
 * from the socket and answered to it. node:http takes two and a half times the processor for the same
 * (docs/performance.md).
 *
 * Every connection begins here. With the first request that is not of the plainest form (lane-request.ts) it goes over
 * to node:http for good, with all it has brought and nothing of it read: whatever is long, odd, malformed or slow to
 * come is met there, by limits and timeouts that have been proven.
 */
export interface FastLaneOptions {
  /** Never rejects. */
  readonly handler: (request: Request) => Promise<Response>;
  /** Takes the connection over; what has come is unread in it. */
  readonly leave: (socket: Socket) => void;
  /** The first request of a connection is here. */
  readonly onUsed: (socket: Socket) => void;
  /** A connection without a request under way is closed after this time. */
  readonly keepAliveMs: number;
  /** A request's body must be whole within this time. */
  readonly bodyWithinMs: number;
}

export class FastLane {
  readonly #options: FastLaneOptions;
  readonly #open = new Set<LaneConnection>();
  #closing = false;

  constructor(options: FastLaneOptions) {
    this.#options = options;
  }

  get isClosing(): boolean {
    return this.#closing;
  }

  take(socket: Socket): void {
    const connection = new LaneConnection(socket, this.#options, this);
    this.#open.add(connection);
  }

  forget(connection: LaneConnection): void {
    this.#open.delete(connection);
  }

  /** From now on a connection ends with the answer that is under way. */
  lastAnswers(): void {
    this.#closing = true;
  }

  /** Closes the connections without a request under way. */
  closeIdle(): void {
    for (const connection of this.#open) if (!connection.isBusy) connection.destroy();
  }

  closeAll(): void {
    for (const connection of this.#open) connection.destroy();
  }
}

/** So much may come before the answer to what came first; then the sender waits. */
const MOST_AHEAD_BYTES = 1 << 20;

class LaneConnection {
  readonly #socket: Socket;
  readonly #options: FastLaneOptions;
  readonly #lane: FastLane;
  readonly #known: KnownHeaders = { text: "", headers: null };
  /** What has come and is not used yet. */
  #kept: Buffer | null = null;
  /** The request that waits for its body, and where that lies in `#kept`. */
  #begun: { readonly request: LaneRequest; readonly bodyAt: number; readonly end: number } | null = null;
  #bodyTimer: NodeJS.Timeout | undefined;
  #hasEnded = false;
  isBusy = false;

  constructor(socket: Socket, options: FastLaneOptions, lane: FastLane) {
    this.#socket = socket;
    this.#options = options;
    this.#lane = lane;
    socket.setTimeout(options.keepAliveMs);
    socket.on("data", this.#onData).on("end", this.#onEnd).on("timeout", this.#onTimeout);
    socket.on("error", this.#onError).on("close", this.#onClose);
  }

  destroy(): void {
    this.#socket.destroy();
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#kept = this.#kept === null ? chunk : Buffer.concat([this.#kept, chunk]);
    if (!this.isBusy) this.#read();
    else if (this.#kept.length > MOST_AHEAD_BYTES) this.#socket.pause();
  };

  readonly #onEnd = (): void => {
    this.#hasEnded = true;
    if (!this.isBusy) this.#socket.end();
  };

  readonly #onTimeout = (): void => {
    if (!this.isBusy) this.#socket.destroy();
  };

  readonly #onError = (): void => {
    this.#socket.destroy();
  };

  readonly #onClose = (): void => {
    clearTimeout(this.#bodyTimer);
    this.#lane.forget(this);
  };

  /** Begins with what has been kept, if that is a whole request. */
  #read(): void {
    const bytes = this.#kept;
    if (bytes === null) return;
    if (this.#begun === null) {
      const head = readHead(bytes, this.#known);
      if (head.type === "other") {
        this.#leave(bytes);
        return;
      }
      this.#options.onUsed(this.#socket);
      this.#begun = { request: head.request, bodyAt: head.bodyAt, end: head.bodyAt + head.bodyBytes };
    }
    const { request, bodyAt, end } = this.#begun;
    if (bytes.length < end) {
      this.#bodyTimer ??= setTimeout(this.#onError, this.#options.bodyWithinMs);
      return;
    }
    clearTimeout(this.#bodyTimer);
    this.#bodyTimer = undefined;
    this.#begun = null;
    this.#kept = bytes.length === end ? null : bytes.subarray(end);
    request.body = bytes.subarray(bodyAt, end);
    this.#answer(request);
  }

  #answer(request: LaneRequest): void {
    this.isBusy = true;
    this.#options.handler(request as unknown as Request).then(
      (response) => this.#send(response),
      () => this.#socket.destroy(),
    );
  }

  #send(response: Response): void {
    if (response instanceof PlainResponse && !(response.content instanceof ReadableStream)) {
      this.#write(response.code, response.fields, response.content ?? "");
      return;
    }
    response.arrayBuffer().then(
      (body) => this.#write(response.status, Object.fromEntries(response.headers), new Uint8Array(body)),
      () => this.#socket.destroy(),
    );
  }

  #write(status: number, fields: Readonly<Record<string, string>>, body: string | Uint8Array): void {
    const socket = this.#socket;
    if (socket.destroyed) return;
    // Whoever sent more than it announced reads its answer, and not another one to the rest.
    const isLast = this.#lane.isClosing || this.#hasEnded || !mayBeRequest(this.#kept);
    const length = typeof body === "string" ? Buffer.byteLength(body) : body.length;
    const head = headText(status, fields, length, isLast ? 0 : this.#options.keepAliveMs);
    let isTaken: boolean;
    if (typeof body === "string") {
      // Text with as many bytes as characters is ASCII, which is the same in both and cheaper in one.
      isTaken = socket.write(head + body, length === body.length ? "latin1" : "utf8");
    } else {
      socket.cork();
      socket.write(head, "latin1");
      isTaken = socket.write(body);
      socket.uncork();
    }
    if (isLast) socket.end();
    else if (isTaken) this.#next();
    // Whoever does not read its answers is not asked for more.
    else socket.once("drain", () => this.#next());
  }

  #next(): void {
    this.isBusy = false;
    if (this.#socket.isPaused()) this.#socket.resume();
    if (this.#hasEnded) this.#socket.end();
    else this.#read();
  }

  #leave(bytes: Buffer): void {
    const socket = this.#socket;
    socket.off("data", this.#onData).off("end", this.#onEnd).off("timeout", this.#onTimeout);
    socket.off("error", this.#onError).off("close", this.#onClose);
    socket.setTimeout(0);
    this.#lane.forget(this);
    socket.unshift(bytes);
    this.#options.leave(socket);
  }
}

const METHOD_WORDS = METHODS.map((method) => `${method} `);

/** Whether what has come may go on to be a request, good or bad. */
function mayBeRequest(bytes: Buffer | null): boolean {
  if (bytes === null) return true;
  const start = bytes.toString("latin1", 0, 32);
  return METHOD_WORDS.some((word) => start.startsWith(word) || word.startsWith(start));
}

function headText(
  status: number,
  fields: Readonly<Record<string, string>>,
  length: number,
  keepAliveMs: number,
): string {
  let head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}\r\n`;
  for (const name in fields) head += `${name}: ${fields[name]}\r\n`;
  head += `content-length: ${length}\r\ndate: ${httpDate()}\r\n`;
  return keepAliveMs === 0
    ? `${head}connection: close\r\n\r\n`
    : `${head}connection: keep-alive\r\nkeep-alive: timeout=${Math.floor(keepAliveMs / 1000)}\r\n\r\n`;
}

let dateText = "";
let dateSecond = 0;

/** RFC 9110, 5.6.7; made once a second. */
function httpDate(): string {
  const second = Math.floor(Date.now() / 1000);
  if (second !== dateSecond) {
    dateSecond = second;
    dateText = new Date(second * 1000).toUTCString();
  }
  return dateText;
}
