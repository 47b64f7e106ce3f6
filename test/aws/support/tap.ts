import type { IncomingMessage, ServerResponse } from "node:http";
import { Agent, createServer, request as httpRequest } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";

/** What the tap answers in place of the server. */
export interface OwnAnswer {
  readonly status: number;
  readonly body: string;
}

/** Sits between programs and an HTTP server on this machine: counts, cuts, delays, and answers by itself. */
export interface Tap {
  readonly port: number;
  /** Requests so far. */
  count: number;
  /** Calls `cut` before the request reaches the server, or once it has had its effect; no answer is passed on. */
  cutAt: { readonly request: number; readonly moment: "before" | "after"; readonly cut: () => void } | null;
  /** Every answer is held back that long. */
  delayMs: number;
  /** Asked before every request, with its body. */
  answer: (body: string, request: number) => OwnAnswer | null;
  close(): Promise<void>;
}

/** A tap on a free port in front of `port` of the loopback. */
export async function openTap(port: number): Promise<Tap> {
  const agent = new Agent({ keepAlive: true });
  const server = createServer(
    (incoming, outgoing) => void serve(incoming, outgoing).catch(() => outgoing.destroy()),
  );
  const tap: Tap = {
    port: 0,
    count: 0,
    cutAt: null,
    delayMs: 0,
    answer: () => null,
    async close() {
      server.closeAllConnections();
      agent.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return Object.assign(tap, { port: (server.address() as AddressInfo).port });

  async function serve(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const body = await buffer(incoming);
    tap.count += 1;
    const number = tap.count;
    const own = tap.answer(body.toString("latin1"), number);
    if (own !== null) {
      outgoing.writeHead(own.status, { "content-type": "text/xml" }).end(own.body);
      return;
    }
    const cut = tap.cutAt?.request === number ? tap.cutAt : null;
    if (cut?.moment === "before") {
      cut.cut();
      outgoing.destroy();
      return;
    }
    const { method, url, headers } = incoming;
    const answered = await forward({ method, path: url, headers, body });
    if (tap.delayMs > 0) await new Promise((resolve) => setTimeout(resolve, tap.delayMs));
    if (cut !== null) {
      cut.cut();
      outgoing.destroy();
      return;
    }
    outgoing.writeHead(answered.status, answered.headers).end(answered.body);
  }

  async function forward(asked: {
    method: string | undefined;
    path: string | undefined;
    headers: IncomingMessage["headers"];
    body: Buffer;
  }): Promise<{ status: number; headers: IncomingMessage["headers"]; body: Buffer }> {
    const { method = "GET", path = "/", body } = asked;
    const { "transfer-encoding": _, ...headers } = asked.headers;
    const answered = await new Promise<IncomingMessage>((resolve, reject) => {
      const own = { ...headers, "content-length": String(body.length) };
      httpRequest({ host: "127.0.0.1", port, method, path, headers: own, agent }, resolve)
        .on("error", reject)
        .end(body);
    });
    const { "transfer-encoding": __, ...back } = answered.headers;
    const content = await buffer(answered);
    return { status: answered.statusCode ?? 502, headers: back, body: content };
  }
}
