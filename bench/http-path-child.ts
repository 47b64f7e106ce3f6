import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { pathToFileURL } from "node:url";
import { sendNodeResponse } from "srvx/node";
import { fetchRequest, nodeHttpHost } from "../ec2-node/http-host.ts";
import { listen } from "../ec2-node/server.ts";
import { HttpTransport } from "../ec2-node/transport.ts";
import { createHandler } from "../shared/http/handler.ts";
import type { HttpHost } from "../shared/http/host.ts";
import { webHost } from "../shared/http/host.ts";
import type { NodeApi } from "../shared/node/api.ts";
import { KeyValueStore } from "../shared/store/key-value-store.ts";

/** The processes of bench/http-path.ts: one way in, or one way out, in each. */

export interface FromChild {
  readonly port: number;
  readonly count: number;
  /** User and system time of the process: since its start, or over the calls that are counted. */
  readonly cpuUs: number;
}

const REPLY = { ok: true, index: 0, term: 3, leader: "A", result: "OK" };
const JSON_HEADERS = { "content-type": "application/json" };
const strictUtf8 = new TextDecoder("utf-8", { fatal: true });

/** The least that any handler of POST /command does, so that only the ways in differ. */
function leastHandler(host: HttpHost): (request: Request) => Promise<Response> {
  return async (request) => {
    check(await host.readBody(request, 1_048_576));
    return host.respond(JSON.stringify(REPLY), { status: 200, headers: { ...JSON_HEADERS } });
  };
}

function check(body: Uint8Array): void {
  if (typeof JSON.parse(strictUtf8.decode(body)).cmd !== "string") throw new TypeError("no command");
}

const fakeNode = {
  execute: async () => ({ index: 7, ordinal: 0, term: 3, leader: "A", result: "OK" }),
} as unknown as NodeApi;

/** Each starts to listen and resolves with its port. */
export const SERVERS: Readonly<Record<string, (honoDirectory: string) => Promise<number>>> = {
  "node:http by hand": () => listenWith(byHand),
  "an adapter of our own, 30 lines": () => listenWith(thinAdapter),
  srvx: () => listenWith(viaSrvx(nodeHttpHost)),
  "srvx, body as a web stream": () => listenWith(viaSrvx({ ...nodeHttpHost, readBody: webHost.readBody })),
  "srvx, body as a web stream, undici's Response": () => listenWith(viaSrvx(webHost)),
  "@hono/node-server": async (directory) => {
    const path = createRequire(pathToFileURL(`${directory}/`)).resolve("@hono/node-server");
    const { getRequestListener } = await import(pathToFileURL(path).href);
    const arrayBuffer = async (request: Request): Promise<Uint8Array> =>
      new Uint8Array(await request.arrayBuffer());
    // Made after the import, which replaces the global Response by a cheaper one.
    const respond = (body: string | null, init: ResponseInit): Response =>
      new globalThis.Response(body, init);
    return await listenWith(getRequestListener(leastHandler({ readBody: arrayBuffer, respond })));
  },
  "undici's Request and Response": () => listenWith(viaUndici),
  "this project's server and handler": () => wholeHandler(nodeHttpHost),
  "the same without the Node host's short way": () => wholeHandler(webHost),
};

function byHand(req: IncomingMessage, res: ServerResponse): void {
  const chunks: Buffer[] = [];
  req.on("data", (chunk: Buffer) => void chunks.push(chunk));
  req.on("end", () => {
    check(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks));
    const body = JSON.stringify(REPLY);
    res.writeHead(200, { ...JSON_HEADERS, "content-length": Buffer.byteLength(body) }).end(body);
  });
}

/** As little of a Request and a Response as a router and routes need; nothing behind the types but these members. */
function thinAdapter(req: IncomingMessage, res: ServerResponse): void {
  const request = {
    method: req.method,
    url: `http://${req.headers.host}${req.url}`,
    headers: { get: (name: string) => req.headers[name] ?? null },
    runtime: { node: { req, res } },
  } as unknown as Request;
  void thinHandler(request).then((response) => {
    const { body, status, headers } = response as unknown as ThinResponse;
    res.writeHead(status, { ...headers, "content-length": Buffer.byteLength(body) }).end(body);
  });
}

interface ThinResponse {
  readonly body: string;
  readonly status: number;
  readonly headers: Record<string, string>;
}

const thinHandler = leastHandler({
  readBody: nodeHttpHost.readBody,
  respond: (body, init) => ({ body, ...init }) as unknown as Response,
});

function viaSrvx(host: HttpHost): RequestListener {
  const handler = leastHandler(host);
  return (req, res) =>
    void handler(fetchRequest(req, res)).then((response) => sendNodeResponse(res, response));
}

const undiciHandler = leastHandler(webHost);

function viaUndici(req: IncomingMessage, res: ServerResponse): void {
  const init = { method: "POST", headers: req.headers, body: Readable.toWeb(req), duplex: "half" };
  const request = new Request(`http://${req.headers.host}${req.url}`, init as unknown as RequestInit);
  void undiciHandler(request).then(async (response) => {
    const body = Buffer.from(await response.arrayBuffer());
    res
      .writeHead(response.status, { ...Object.fromEntries(response.headers), "content-length": body.length })
      .end(body);
  });
}

async function wholeHandler(host: HttpHost): Promise<number> {
  const handler = createHandler(fakeNode, new KeyValueStore(), { host });
  return (await listen({ host: "127.0.0.1", port: 0, handler })).port;
}

async function listenWith(listener: RequestListener): Promise<number> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

const transport = new HttpTransport();
const EXCHANGE = '{"clusterId":null,"messages":[]}';

/** Each makes one call and reads its reply. */
export const CALLERS: Readonly<Record<string, (address: string) => Promise<unknown>>> = {
  "this project's transport, node:http": (address) => transport.post(address, EXCHANGE, 1000),
  fetch: async (address) => {
    const init = { method: "POST", body: EXCHANGE, headers: JSON_HEADERS, signal: AbortSignal.timeout(1000) };
    return await (await fetch(`${address}/raft`, init)).text();
  },
};

function cpuUs(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

function tell(message: Partial<FromChild>): void {
  process.send?.({ port: 0, count: 0, cpuUs: 0, ...message } satisfies FromChild);
}

async function serve(name: string, honoDirectory: string): Promise<void> {
  tell({ port: await SERVERS[name]!(honoDirectory) });
  process.on("message", () => tell({ cpuUs: cpuUs() }));
}

function call(name: string, address: string, durationMs: number, atOnce: number): void {
  process.on("message", async () => {
    const [started, cpuBefore] = [performance.now(), cpuUs()];
    let count = 0;
    const loop = async (): Promise<void> => {
      for (; performance.now() - started < durationMs; count++) await CALLERS[name]!(address);
    };
    await Promise.all(Array.from({ length: atOnce }, loop));
    tell({ count, cpuUs: cpuUs() - cpuBefore });
  });
}

const [mode, name = "", first = "", durationMs, atOnce] = process.argv.slice(2);
if (process.send !== undefined && mode === "serve") await serve(name, first);
if (process.send !== undefined && mode === "call") call(name, first, Number(durationMs), Number(atOnce));
