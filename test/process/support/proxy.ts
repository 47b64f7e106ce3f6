import { once } from "node:events";
import type { AddressInfo, Server, Socket } from "node:net";
import { connect, createServer } from "node:net";
import { DelayLine } from "./delay-line.ts";

/** The wire from one node to another. `silent`: whatever is sent vanishes, as behind a firewall that drops. */
export type Wire = "open" | "silent";

/** A TCP proxy in front of one port, for one direction of calls; the reply to a call comes back through it too. */
export class TcpProxy {
  readonly url: string;
  readonly #server: Server;
  readonly #pairs = new Set<{ readonly near: Socket; readonly far: Socket }>();
  #wire: Wire = "open";
  #delayMs = 0;
  #passed = 0;
  #watch: (sent: string) => void = () => {};

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on("connection", (near: Socket) => this.#join(near, port));
  }

  static async open(port: number): Promise<TcpProxy> {
    const server = createServer({ allowHalfOpen: true }).listen({ host: "127.0.0.1", port: 0 });
    await once(server, "listening");
    return new TcpProxy(server, port);
  }

  #join(near: Socket, port: number): void {
    const far = connect({ host: "127.0.0.1", port, allowHalfOpen: true });
    const pair = { near, far };
    this.#pairs.add(pair);
    const there = new DelayLine();
    const back = new DelayLine();
    let tail = "";
    near.on("data", (chunk: Buffer) => {
      // Words may be cut by the chunks they come in.
      const text = tail + chunk.toString("latin1");
      tail = text.slice(-100);
      this.#watch(text);
      there.pass(this.#delayMs, () => this.#write(far, chunk));
    });
    far.on("data", (chunk: Buffer) => {
      back.pass(this.#delayMs, () => this.#write(near, chunk));
    });
    for (const [one, other, line] of [
      [near, far, there],
      [far, near, back],
    ] as const) {
      one.on("error", () => {});
      one.on("end", () => {
        line.pass(this.#delayMs, () => {
          if (this.#wire === "open") other.end();
        });
      });
      one.on("close", () => {
        line.pass(this.#delayMs, () => {
          if (this.#wire === "open") other.destroy();
          if (near.destroyed && far.destroyed) this.#pairs.delete(pair);
        });
      });
    }
  }

  #write(to: Socket, chunk: Buffer): void {
    if (this.#wire !== "open") return;
    this.#passed++;
    to.write(chunk);
  }

  /** How often something has come through, in either direction. */
  get passed(): number {
    return this.#passed;
  }

  /** From now on everything takes so long in each direction, and stays in its order. */
  delay(ms: number): void {
    this.#delayMs = ms;
  }

  get wire(): Wire {
    return this.#wire;
  }

  /** Sees everything that is sent before it is passed on, and may change the wire just in time. */
  watch(look: (sent: string) => void): void {
    this.#watch = look;
  }

  silence(): void {
    this.#wire = "silent";
  }

  /** Connections of before are reset: half of what they carried is lost. */
  heal(): void {
    this.#wire = "open";
    for (const { near, far } of this.#pairs) {
      near.resetAndDestroy();
      far.resetAndDestroy();
    }
    this.#pairs.clear();
  }

  async close(): Promise<void> {
    this.heal();
    await once(this.#server.close(), "close");
  }
}
