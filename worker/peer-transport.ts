import { authorization } from "../shared/http/auth.ts";
import type { ExchangeBody, Transport, TransportReply } from "../shared/node/ports.ts";
import { TransportError } from "../shared/node/ports.ts";
import type { Addresses } from "./addresses.ts";
import { MOST_CONNECTIONS } from "./defaults.ts";
import { Permits } from "./permits.ts";

/** What a node offers to the other objects, by RPC. */
export interface PeerObject {
  /** One exchange; null: the node does not run, and has taken nothing of it in. */
  exchange(body: ExchangeBody): Promise<TransportReply | null>;
}

export interface PeerTransportOptions {
  readonly addresses: Addresses;
  /** A new stub: after an error the one before may be broken for good. */
  readonly stubOf: (id: string) => PeerObject;
  /** The cluster's secret, sent to nodes elsewhere. */
  readonly secret: string | undefined;
}

/**
 * Calls objects by RPC and nodes elsewhere by fetch. RPC and not fetch between objects: a packed exchange goes as it
 * is, without a request, a response and two streams being made of it; and no request from outside can pass for it.
 *
 * A call is never repeated here, nor by the platform (`retry` of the stub): only the node knows whether what it carried
 * is still worth sending, and it sends again what is.
 */
export class PeerTransport implements Transport {
  readonly #options: PeerTransportOptions;
  readonly #stubs = new Map<string, PeerObject>();
  readonly #connections = new Permits(MOST_CONNECTIONS);

  constructor(options: PeerTransportOptions) {
    this.#options = options;
  }

  carriesBytes(address: string): boolean {
    return this.#options.addresses.objectAt(address) !== null;
  }

  async post(address: string, body: ExchangeBody, timeoutMs: number): Promise<TransportReply> {
    const id = this.#options.addresses.objectAt(address);
    return id === null
      ? await this.#fetch(address, body, timeoutMs)
      : await this.#call(id, address, body, timeoutMs);
  }

  async #call(id: string, address: string, body: ExchangeBody, timeoutMs: number): Promise<TransportReply> {
    const stub = this.#stubs.get(id) ?? this.#options.stubOf(id);
    this.#stubs.set(id, stub);
    let reply: TransportReply | null;
    try {
      reply = await withDeadline(address, timeoutMs, stub.exchange(wholeBuffer(body)));
    } catch (error) {
      if (this.#stubs.get(id) === stub) this.#stubs.delete(id);
      throw broken(address, error);
    }
    if (reply === null) throw new TransportError("refused", `${address}: the node does not run`);
    return reply;
  }

  async #fetch(address: string, body: ExchangeBody, timeoutMs: number): Promise<TransportReply> {
    if (typeof body !== "string") throw new TransportError("broken", "only text travels by plain HTTP");
    const { secret } = this.#options;
    const headers: Record<string, string> = { "content-type": "application/json" };
    if (secret !== undefined) headers.authorization = authorization(secret);
    const abort = new AbortController();
    const call = async (): Promise<TransportReply> => {
      // It has been given up while it waited for a connection: nobody is to hear of it any more.
      abort.signal.throwIfAborted();
      // A node answers for itself: whoever sends elsewhere is none of ours, and must not get the secret passed on.
      const init = { method: "POST", headers, body, redirect: "manual", signal: abort.signal } as const;
      const reply = await fetch(`${address}/raft`, init);
      return { status: reply.status, body: await reply.text() };
    };
    try {
      return await withDeadline(address, timeoutMs, this.#connections.run(call));
    } catch (error) {
      abort.abort();
      // Whether anybody listened there is not to be learned from the platform's errors.
      throw broken(address, error);
    }
  }
}

function withDeadline<Reply>(address: string, timeoutMs: number, call: Promise<Reply>): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new TransportError("timeout", `no reply from ${address} within ${timeoutMs} ms`));
    }, timeoutMs);
    call.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

function broken(address: string, error: unknown): TransportError {
  if (error instanceof TransportError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new TransportError("broken", `${address}: ${message}`, { cause: error });
}

/** A view would take all of the memory behind it along. */
export function wholeBuffer(body: ExchangeBody): ExchangeBody {
  return typeof body === "string" || body.byteLength === body.buffer.byteLength ? body : body.slice();
}
