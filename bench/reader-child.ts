import type { Socket } from "node:net";
import { connect } from "node:net";
import { monotonicMs } from "./monotonic.ts";

/**
 * Blocking readers: a process of its own with a socket each. Told what to read, every one of them asks for it after the
 * index it last saw, and asks again when it is answered, as a watch does.
 */

export type ToReaders =
  | {
      readonly type: "open";
      readonly port: number;
      /** Path and query of each, without index and wait. */
      readonly targets: readonly string[];
      readonly index: number;
      /** They do not wait, but read once: what a connection costs by itself. */
      readonly isIdle: boolean;
    }
  | { readonly type: "expect"; readonly count: number }
  | { readonly type: "close" };

export type FromReaders =
  /** All have been answered once, or wait. */
  | { readonly type: "opened" }
  /** As many as were expected have been answered since: when, by the monotonic clock of the machine, in milliseconds. */
  | { readonly type: "woken"; readonly atMs: readonly number[] }
  | { readonly type: "closed" }
  | { readonly type: "failed"; readonly message: string };

const WAIT = "wait=600s";
/** Connections that are opened at a time: a listening socket's queue is bounded. */
const OPENED_AT_ONCE = 100;

class Readers {
  readonly #report: (message: FromReaders) => void;
  #sockets: Socket[] = [];
  #expected = 0;
  #atMs: number[] = [];

  constructor(report: (message: FromReaders) => void) {
    this.#report = report;
  }

  async open({ port, targets, index, isIdle }: Extract<ToReaders, { type: "open" }>): Promise<void> {
    for (let from = 0; from < targets.length; from += OPENED_AT_ONCE) {
      const group = targets.slice(from, from + OPENED_AT_ONCE);
      await Promise.all(group.map((target) => this.#open(port, target, index, isIdle)));
    }
    this.#report({ type: "opened" });
  }

  #open(port: number, target: string, first: number, isIdle: boolean): Promise<void> {
    return new Promise((resolve) => {
      let index = first;
      let received = "";
      const ask = () => {
        const query = isIdle ? "" : `${target.includes("?") ? "&" : "?"}index=${index}&${WAIT}`;
        socket.write(`GET ${target}${query} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n`);
      };
      const socket = connect({ host: "127.0.0.1", port, noDelay: true }, () => {
        ask();
        if (!isIdle) resolve();
      });
      socket.setEncoding("latin1");
      socket.on("data", (text: string) => {
        received += text;
        const reply = wholeReply(received);
        if (reply === null) return;
        received = "";
        const at = monotonicMs();
        if (isIdle) return resolve();
        index = reply.index;
        ask();
        this.#woken(at);
      });
      socket.on("error", (error) => this.#report({ type: "failed", message: error.message }));
      this.#sockets.push(socket);
    });
  }

  expect(count: number): void {
    this.#expected = count;
    this.#atMs = [];
  }

  #woken(atMs: number): void {
    this.#atMs.push(atMs);
    if (this.#atMs.length === this.#expected) this.#report({ type: "woken", atMs: this.#atMs });
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#sockets = [];
    this.#report({ type: "closed" });
  }
}

/** What a reply with a content-length tells, once it is whole. */
function wholeReply(received: string): { readonly index: number } | null {
  const headEnd = received.indexOf("\r\n\r\n");
  if (headEnd < 0) return null;
  const head = received.slice(0, headEnd);
  const length = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1]);
  if (received.length < headEnd + 4 + length) return null;
  return { index: Number(/\r\nx-consul-index: (\d+)/i.exec(head)?.[1]) };
}

const readers = new Readers((message) => process.send?.(message));
process.on("message", (message: ToReaders) => {
  if (message.type === "open") void readers.open(message);
  else if (message.type === "expect") readers.expect(message.count);
  else readers.close();
});
