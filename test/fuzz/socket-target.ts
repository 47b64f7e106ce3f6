import { setTimeout as sleep } from "node:timers/promises";
import type { Reply, SentRequest } from "./portable/request.ts";
import type { Pending, Target } from "./portable/target.ts";
import { SocketClient } from "./socket-client.ts";

export interface SocketOptions {
  readonly ids: readonly string[];
  readonly ports: readonly number[];
  readonly secret: string | null;
  readonly token: string | null;
}

/**
 * Processes behind real sockets, spoken to byte by byte: no client stands in between. Connections are kept open and used
 * again, as a client's are, except for what does not hold to HTTP.
 */
export function socketTarget({ ids, ports, secret, token }: SocketOptions): Target {
  const idle = ports.map((): SocketClient[] => []);
  let count = 0;

  return {
    ids,
    secret,
    token,
    keepsPaths: true,
    longestPassMs: 300,
    send,
    until: async (isTrue, limitMs) => {
      const end = performance.now() + limitMs;
      while (!isTrue()) {
        if (performance.now() > end) return false;
        await sleep(1);
      }
      return true;
    },
    pass: (ms) => sleep(ms),
    now: () => performance.now(),
  };

  function send(node: number, request: SentRequest): Pending {
    const kept = idle[node]!;
    const client = kept.pop() ?? new SocketClient(ports[node]!);
    const pending: { reply: Reply | null; failure: unknown; abandon: () => void } = {
      reply: null,
      failure: undefined,
      abandon: () => client.destroy(),
    };
    // Now and then in pieces, as a network may bring it.
    client.exchange(request, ++count % 4 === 0).then(
      (reply) => {
        pending.reply = reply;
        if (client.isReusable) kept.push(client);
        else client.destroy();
      },
      (error: unknown) => {
        pending.failure = error;
      },
    );
    return pending;
  }
}
