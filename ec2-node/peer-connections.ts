import type { Socket } from "node:net";
import { nodeExchange } from "./http-host.ts";

/**
 * Which incoming connections belong to which peer, so that the end of the last one can be told. A connection that
 * has spoken for two peers is a proxy's: what becomes of it says nothing about either, and it is forgotten.
 */
export class PeerConnections {
  readonly #onLastClosed: (peer: string) => void;
  /** null: a proxy's. */
  readonly #peerOf = new WeakMap<Socket, string | null>();
  readonly #open = new Map<string, number>();
  #closed = false;

  /** `onLastClosed` hears of every peer whose last connection ended, whichever side ended it and why. */
  constructor(onLastClosed: (peer: string) => void) {
    this.#onLastClosed = onLastClosed;
  }

  /** The request came from `peer`: `HandlerOptions.onPeerRequest`. */
  tag(request: Request, peer: string): void {
    const socket = nodeExchange(request)?.req.socket;
    if (socket !== undefined) this.tagSocket(socket, peer);
  }

  /** The same for a connection of its own kind. */
  tagSocket(socket: Socket, peer: string): void {
    if (socket.destroyed) return;
    const known = this.#peerOf.get(socket);
    if (known === peer || known === null) return;
    if (known !== undefined) {
      this.#peerOf.set(socket, null);
      this.#leave(known);
      return;
    }
    this.#peerOf.set(socket, peer);
    this.#open.set(peer, (this.#open.get(peer) ?? 0) + 1);
    socket.once("close", () => {
      if (this.#peerOf.get(socket) !== peer || this.#leave(peer) > 0 || this.#closed) return;
      this.#onLastClosed(peer);
    });
  }

  /** From now on nothing is reported: this node is going away itself. */
  close(): void {
    this.#closed = true;
  }

  #leave(peer: string): number {
    const left = (this.#open.get(peer) ?? 0) - 1;
    if (left > 0) this.#open.set(peer, left);
    else this.#open.delete(peer);
    return left;
  }
}
