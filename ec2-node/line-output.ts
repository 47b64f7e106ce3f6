import type { Writable } from "node:stream";

interface MaybeTerminal extends Writable {
  readonly isTTY?: boolean;
  readonly _handle?: { setBlocking?(blocking: boolean): void };
}

/**
 * Writes lines to stdout without ever waiting for whoever reads them. What a slow reader does not take is kept up to
 * a limit, beyond that whole lines are dropped and their number is said later; when the reader has gone (EPIPE, a full
 * disk) everything is dropped. A node's log must not be able to stop the node.
 */
export class LineOutput {
  readonly #stream: Writable;
  readonly #limit: number;
  readonly #dropNotice: (lines: number) => string;
  #dropped = 0;
  #closed = false;

  constructor(stream: Writable, limit: number, dropNotice: (lines: number) => string) {
    this.#stream = stream;
    this.#limit = limit;
    this.#dropNotice = dropNotice;
    stream.on("error", () => {
      this.#closed = true;
    });
    // Node makes terminals blocking, so that CTRL+S in one would stop the event loop (seen with Node 24 on Linux);
    // there is no public way to say otherwise. Pipes are not blocking on Linux, files never make us wait.
    const terminal = stream as MaybeTerminal;
    if (terminal.isTTY) terminal._handle?.setBlocking?.(false);
  }

  write(line: string): void {
    if (this.#closed) return;
    if (this.#stream.writableLength > this.#limit) {
      this.#dropped++;
      return;
    }
    if (this.#dropped > 0) {
      this.#stream.write(`${this.#dropNotice(this.#dropped)}\n`);
      this.#dropped = 0;
    }
    this.#stream.write(`${line}\n`);
  }

  /** Resolves when all is written, the reader has gone, or `withinMs` have passed. */
  flush(withinMs: number): Promise<void> {
    if (this.#closed || this.#stream.writableLength === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const timeout = setTimeout(resolve, withinMs);
      const done = () => {
        clearTimeout(timeout);
        resolve();
      };
      this.#stream.once("error", done);
      this.#stream.write("", done);
    });
  }
}
