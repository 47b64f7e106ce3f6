import { decodeText } from "../shared/http/json.ts";
import type { ExchangeBody } from "../shared/node/ports.ts";

/**
 * What travels on a connection that two nodes keep for their exchanges: frames, one for a request and one for its
 * reply. A frame is its body's length (4 bytes), a status as in HTTP (2 bytes, 0 in a request), the body's form (1
 * byte: text or bytes), and the body; numbers are big-endian.
 */

/** Name of the protocol in the `upgrade` header; another layout of frames needs another number. */
export const PEER_PROTOCOL = "raft-lite-exchange/1";

const HEADER_BYTES = 7;
const TEXT = 0;
const BYTES = 1;

export function encodeFrame(status: number, body: ExchangeBody): Buffer {
  const isText = typeof body === "string";
  const length = isText ? Buffer.byteLength(body) : body.length;
  const frame = Buffer.allocUnsafe(HEADER_BYTES + length);
  frame.writeUInt32BE(length, 0);
  frame.writeUInt16BE(status, 4);
  frame[6] = isText ? TEXT : BYTES;
  if (isText) frame.write(body, HEADER_BYTES);
  else frame.set(body, HEADER_BYTES);
  return frame;
}

export interface FrameSink {
  frame(status: number, body: ExchangeBody): void;
  /** A frame's text is not UTF-8; nothing that follows is read. */
  badText(error: unknown): void;
  /** A frame announces more than the limit; nothing that follows is read. */
  tooLarge(): void;
}

/** Puts frames together from what a socket brings. */
export class FrameReader {
  readonly #sink: FrameSink;
  readonly #limitBytes: number;
  /** The beginning of a frame that is not whole. */
  #parts: Buffer[] = [];
  #size = 0;
  /** Length of the frame that is being read, its header included; 0 while that is not known. */
  #wanted = 0;
  #broken = false;

  constructor(limitBytes: number, sink: FrameSink) {
    this.#limitBytes = limitBytes;
    this.#sink = sink;
  }

  /** Part of a frame has come, and the rest has not. */
  get isBetween(): boolean {
    return this.#size > 0;
  }

  push(chunk: Buffer): void {
    if (this.#broken) return;
    if (this.#size > 0) {
      this.#parts.push(chunk);
      this.#size += chunk.length;
      if (this.#size < Math.max(this.#wanted, HEADER_BYTES)) return;
      this.#read(Buffer.concat(this.#parts, this.#size));
    } else {
      this.#read(chunk);
    }
  }

  #read(bytes: Buffer): void {
    let at = 0;
    this.#parts = [];
    this.#size = 0;
    this.#wanted = 0;
    while (at + HEADER_BYTES <= bytes.length) {
      const length = bytes.readUInt32BE(at);
      if (length > this.#limitBytes) {
        this.#broken = true;
        this.#sink.tooLarge();
        return;
      }
      const end = at + HEADER_BYTES + length;
      if (end > bytes.length) {
        this.#wanted = end - at;
        break;
      }
      this.#frame(bytes, at, end);
      if (this.#broken) return;
      at = end;
    }
    if (at === bytes.length) return;
    this.#parts = [at === 0 ? bytes : bytes.subarray(at)];
    this.#size = bytes.length - at;
  }

  #frame(bytes: Buffer, at: number, end: number): void {
    const status = bytes.readUInt16BE(at + 4);
    const body = bytes.subarray(at + HEADER_BYTES, end);
    if (bytes[at + 6] === BYTES) {
      this.#sink.frame(status, body);
      return;
    }
    let text: string;
    try {
      text = decodeText(body);
    } catch (error) {
      this.#broken = true;
      this.#sink.badText(error);
      return;
    }
    this.#sink.frame(status, text);
  }
}
