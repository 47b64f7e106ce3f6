import type { Socket } from "node:net";
import { connect } from "node:net";

/** A TCP client that says exactly what it is told to, for what no HTTP client would send. */
export class RawClient {
  readonly socket: Socket;
  #received = "";
  #ended = false;
  readonly #waiting = new Set<() => void>();

  /** `closes: false`: it keeps its side open when the server has closed the other. */
  constructor(port: number, { closes = true } = {}) {
    this.socket = connect({ port, host: "127.0.0.1", allowHalfOpen: !closes });
    this.socket.setEncoding("latin1");
    this.socket.on("data", (text: string) => {
      this.#received += text;
      this.#wake();
    });
    // A reset ends a conversation as a close does; what came before it is what tests look at.
    this.socket.on("error", () => undefined);
    this.socket.on("close", () => {
      this.#ended = true;
      this.#wake();
    });
  }

  /** Everything that came so far. */
  get received(): string {
    return this.#received;
  }

  send(...parts: (string | Uint8Array)[]): void {
    for (const part of parts) this.socket.write(part);
  }

  /** Resolves once what came matches; rejects when the connection ends without. */
  async receive(pattern: RegExp): Promise<string> {
    while (!pattern.test(this.#received)) {
      if (this.#ended) throw new Error(`closed before ${pattern}: ${this.#received}`);
      await this.#change();
    }
    return this.#received;
  }

  /** Resolves when the connection has ended, whichever way. */
  async end(): Promise<string> {
    while (!this.#ended) await this.#change();
    return this.#received;
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#waiting.add(resolve));
  }

  #wake(): void {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }
}
