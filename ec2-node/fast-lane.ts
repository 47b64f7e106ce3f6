import { METHODS, STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import type { LaneRequest } from "./lane-request.ts";
import { KnownHeaders, readHead } from "./lane-request.ts";
import { PlainResponse } from "./plain-response.ts";
import type { SharedReads } from "./shared-reads.ts";
import { readShared } from "./shared-reads.ts";

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
  /** A connection that has not begun a request within this time is closed. */
  readonly firstWithinMs: number;
  /** One that has, and has none under way, is closed after this time; so is one whose client reads no more. */
  readonly keepAliveMs: number;
  /** A request's body must be whole within this time. */
  readonly bodyWithinMs: number;
  /** So long after its last answer a connection is open for what is still coming: closing would destroy the answer. */
  readonly lingerMs: number;
}

export class FastLane {
  readonly #options: FastLaneOptions;
  readonly #open = new Set<LaneConnection>();
  readonly #lookMs: number;
  #looking: NodeJS.Timeout | undefined;
  #closing = false;

  constructor(options: FastLaneOptions) {
    this.#options = options;
    this.#lookMs = Math.min(MOST_LOOK_MS, options.firstWithinMs / 4, options.keepAliveMs / 4);
  }

  get isClosing(): boolean {
    return this.#closing;
  }

  /** Returns the socket that the connection has from now on. */
  take(accepted: Socket): Socket {
    const connection = new LaneConnection(accepted, this.#options, this);
    this.#open.add(connection);
    this.#looking ??= setInterval(() => this.#look(), this.#lookMs).unref();
    return connection.socket;
  }

  forget(connection: LaneConnection): void {
    this.#open.delete(connection);
    if (this.#open.size > 0) return;
    clearInterval(this.#looking);
    this.#looking = undefined;
  }

  /** One timer for all: a socket's own would be set anew with every read and write. */
  #look(): void {
    for (const connection of this.#open) connection.look(this.#lookMs);
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

/** From one look at all connections to the next; one that is idle is closed up to two of these late. */
const MOST_LOOK_MS = 1_000;

/** So much may come before the answer to what came first; then the sender waits. */
const MOST_AHEAD_BYTES = 1 << 20;

class LaneConnection {
  readonly socket: Socket;
  readonly #reads: SharedReads;
  readonly #options: FastLaneOptions;
  readonly #lane: FastLane;
  readonly #known = new KnownHeaders();
  /** What has come and is not used yet; `#read` makes one piece of it. */
  #pieces: Buffer[] = [];
  #keptBytes = 0;
  /** The request that waits for its body, and where that lies in what is kept. */
  #begun: { readonly request: LaneRequest; readonly bodyAt: number; readonly end: number } | null = null;
  #bodyTimer: NodeJS.Timeout | undefined;
  #isUsed = false;
  #hasEnded = false;
  /** The last answer has been sent: nothing that still comes is read. */
  #isOver = false;
  /** How long nothing has come, by looks; while a request is under way it stands still. */
  #idleMs = 0;
  isBusy = false;

  constructor(accepted: Socket, options: FastLaneOptions, lane: FastLane) {
    this.#options = options;
    this.#lane = lane;
    this.#reads = readShared(accepted, this.#onBytes);
    const { socket } = this.#reads;
    this.socket = socket;
    socket.on("end", this.#onEnd).on("timeout", this.#onError);
    socket.on("error", this.#onError).on("close", this.#onClose);
  }

  /** A look, `sinceMs` after the last: ends the connection if it has been idle for too long, and never sooner. */
  look(sinceMs: number): void {
    const { keepAliveMs, firstWithinMs } = this.#options;
    if (this.isBusy) return;
    // Counted from the first look after something has come: nobody knows how long before it that was.
    if (this.#idleMs > (this.#isUsed ? keepAliveMs : firstWithinMs)) this.destroy();
    this.#idleMs += sinceMs;
  }

  destroy(): void {
    this.socket.destroy();
  }

  /** What has come. The bytes are gone when this returns. */
  readonly #onBytes = (bytes: Buffer): void => {
    if (this.#isOver) return;
    this.#idleMs = 0;
    if (!this.isBusy && this.#pieces.length === 0) {
      this.#read(bytes, false);
      return;
    }
    this.#pieces.push(ownCopy(bytes));
    this.#keptBytes += bytes.length;
    if (this.isBusy) {
      if (this.#keptBytes > MOST_AHEAD_BYTES) this.socket.pause();
    } else if (this.#begun === null || this.#keptBytes >= this.#begun.end) this.#readKept();
  };

  readonly #onEnd = (): void => {
    this.#hasEnded = true;
    if (!this.isBusy) this.socket.end();
  };

  readonly #onError = (): void => {
    this.socket.destroy();
  };

  readonly #onClose = (): void => {
    clearTimeout(this.#bodyTimer);
    this.#lane.forget(this);
  };

  /** Goes on with what has been kept. */
  #readKept(): void {
    if (this.#keptBytes === 0) return;
    const bytes = this.#pieces.length === 1 ? this.#pieces[0]! : Buffer.concat(this.#pieces);
    this.#keep(NOTHING);
    this.#read(bytes, true);
  }

  /** Begins with all that has come and is not used yet, if that is a whole request, and keeps what is left. */
  #read(bytes: Buffer, isOwn: boolean): void {
    if (this.#begun === null) {
      const head = readHead(bytes, this.#known);
      if (head.type === "other") {
        this.#leave(bytes, isOwn);
        return;
      }
      if (!this.#isUsed) {
        this.#isUsed = true;
        this.#options.onUsed(this.socket);
      }
      this.#begun = { request: head.request, bodyAt: head.bodyAt, end: head.bodyAt + head.bodyBytes };
    }
    const { request, bodyAt, end } = this.#begun;
    if (bytes.length < end) {
      this.#keep(isOwn ? bytes : ownCopy(bytes));
      this.#bodyTimer ??= setTimeout(this.#onError, this.#options.bodyWithinMs);
      return;
    }
    if (this.#bodyTimer !== undefined) {
      clearTimeout(this.#bodyTimer);
      this.#bodyTimer = undefined;
    }
    this.#begun = null;
    if (bytes.length > end) this.#keep(isOwn ? bytes.subarray(end) : ownCopy(bytes.subarray(end)));
    if (end > bodyAt) request.body = isOwn ? bytes.subarray(bodyAt, end) : copyOf(bytes, bodyAt, end);
    this.#answer(request);
  }

  #keep(bytes: Buffer): void {
    this.#keptBytes = bytes.length;
    this.#pieces = bytes.length === 0 ? [] : [bytes];
  }

  #answer(request: LaneRequest): void {
    this.isBusy = true;
    this.#options.handler(request as unknown as Request).then(
      (response) => this.#send(response),
      () => this.socket.destroy(),
    );
  }

  #send(response: Response): void {
    if (response instanceof PlainResponse && !(response.content instanceof ReadableStream)) {
      this.#write(response.code, response.fields, response.content ?? "");
      return;
    }
    response.arrayBuffer().then(
      (body) => this.#write(response.status, Object.fromEntries(response.headers), new Uint8Array(body)),
      () => this.socket.destroy(),
    );
  }

  #write(status: number, fields: Readonly<Record<string, string>>, body: string | Uint8Array): void {
    const socket = this.socket;
    if (socket.destroyed) return;
    // Whoever sent more than it announced reads its answer, and not another one to the rest.
    const isLast = this.#lane.isClosing || this.#hasEnded || !mayBeRequest(this.#pieces);
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
    if (isLast) this.#finish();
    else if (isTaken) this.#next();
    else {
      // Whoever does not read its answers is not asked for more; and not waited for unless it reads some now and then.
      socket.setTimeout(this.#options.keepAliveMs);
      socket.once("drain", () => {
        socket.setTimeout(0);
        this.#next();
      });
    }
  }

  /** Nothing more is answered: what still comes is dropped, and not for long. */
  #finish(): void {
    const socket = this.socket;
    this.#isOver = true;
    this.#keep(NOTHING);
    socket.resume();
    socket.setTimeout(this.#options.keepAliveMs);
    socket.end(() => {
      const linger = setTimeout(() => socket.destroy(), this.#options.lingerMs);
      socket.once("close", () => clearTimeout(linger));
    });
  }

  #next(): void {
    this.isBusy = false;
    if (this.socket.isPaused()) this.socket.resume();
    if (this.#hasEnded) this.socket.end();
    else this.#readKept();
  }

  #leave(bytes: Buffer, isOwn: boolean): void {
    const socket = this.socket;
    socket.off("end", this.#onEnd).off("timeout", this.#onError);
    socket.off("error", this.#onError).off("close", this.#onClose);
    this.#reads.release();
    this.#keep(NOTHING);
    this.#lane.forget(this);
    socket.unshift(isOwn ? bytes : ownCopy(bytes));
    this.#options.leave(socket);
  }
}

const NOTHING = Buffer.alloc(0);

/** In memory of its own, as it may be kept for as long as the client likes. */
function ownCopy(bytes: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(copy);
  return copy;
}

/** Up to this length bodies lie together in pieces of memory that Node keeps for small buffers. */
const MOST_TOGETHER_BYTES = 4096;

function copyOf(bytes: Buffer, from: number, to: number): Buffer {
  const length = to - from;
  const copy = length > MOST_TOGETHER_BYTES ? Buffer.allocUnsafeSlow(length) : Buffer.allocUnsafe(length);
  bytes.copy(copy, 0, from, to);
  return copy;
}

const METHOD_WORDS = METHODS.map((method) => `${method} `);

/** Whether what has come may go on to be a request, good or bad. */
function mayBeRequest(pieces: readonly Buffer[]): boolean {
  let start = "";
  for (const piece of pieces) {
    start += piece.toString("latin1", 0, 32);
    if (start.length >= 32) break;
  }
  // Some clients send an empty line behind a body (RFC 9112, 2.2).
  start = start.replace(/^(?:\r\n)+/, "").slice(0, 32);
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
