import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { createServer } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { sendNodeResponse } from "srvx/node";
import { RaftLiteError } from "../shared/errors.ts";
import { problemReply } from "../shared/http/problem.ts";
import { FastLane } from "./fast-lane.ts";
import { fetchRequest, nodeHttpHost } from "./http-host.ts";
import { MalformedRequests } from "./malformed-requests.ts";
import type { PeerStreamsIn } from "./peer-streams-in.ts";

export interface ListenOptions {
  /** Name or address of the interface, e.g. 127.0.0.1 or 0.0.0.0 for all of them. */
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** The flag that errors name; `--port` unless given. */
  readonly portFlag?: string;
  /** Never rejects: `createHandler`. */
  readonly handler: (request: Request) => Promise<Response>;
  /** Takes over the connections of peers that ask for it. */
  readonly streams?: PeerStreamsIn;
  /** The handler serves the key-value store, with `nodeHttpHost`: its plainest requests take the fast lane. */
  readonly hasFastLane?: boolean;
}

export interface HttpServer {
  /** Base URL by which this machine reaches the server. */
  readonly url: string;
  readonly port: number;
  /**
   * Answers for a moment what is just coming in, and ends each connection with its answer; then takes no more
   * connections and drops idle ones, lets what is being answered finish for `graceMs` and then drops that too. 0: all
   * of it at once. May be called again; resolves once every connection is gone.
   */
  close(graceMs?: number): Promise<void>;
}

/** A clean stop has two seconds, handing leadership over included. */
const CLOSE_GRACE_MS = 1_000;

/**
 * Of clients that send one request after the other, everyone has sent the next one by then, and reads that it was the
 * last on its connection. Closing at once would cut off whatever is under way to us.
 */
const LAST_REQUESTS_MS = 100;

/** Longer than any pause between peers. */
const KEEP_ALIVE_MS = 120_000;
const HEADERS_WITHIN_MS = 10_000;
const REQUEST_WITHIN_MS = 60_000;

/** How long a connection may go on sending after its last answer, or the one that did not wait for the body. */
const LINGER_MS = 2_000;

/**
 * Starts to listen. Throws `port-in-use`, `port-not-allowed`, `bad-host`, `bad-port` or `listen-failed`, each with
 * one line that says how to mend it.
 */
export async function listen(options: ListenOptions): Promise<HttpServer> {
  const streams = canChooseUpgrades() ? options.streams : undefined;
  const server = createServer({
    // Node's own refusal says nothing, and ends the connection with requests behind it unread; `serve` refuses it.
    requireHostHeader: false,
    shouldUpgradeCallback: (request) => streams?.accepts(request) ?? false,
    // A client has 10 s for its headers and 60 s for a whole request (16 MiB on a slow line), so that nobody holds a
    // connection by dripping bytes; waiting for an answer is not limited here.
    headersTimeout: HEADERS_WITHIN_MS,
    requestTimeout: REQUEST_WITHIN_MS,
    connectionsCheckingInterval: 2_000,
    // The client is told (`keep-alive: timeout=`) and closes first.
    keepAliveTimeout: KEEP_ALIVE_MS,
    // Finds peers whose machine vanished.
    keepAlive: true,
    keepAliveInitialDelay: 5_000,
  });
  // Browsers open connections ahead of need. Node takes one that never carried a request for a busy one.
  const unused = new Set<Socket>();
  const malformed = new MalformedRequests();
  let closing: Promise<void> | undefined;
  const answer = async (req: IncomingMessage, res: ServerResponse): Promise<Response> =>
    namesHost(req) ? options.handler(fetchRequest(req, res)) : problemReply(nodeHttpHost, missingHost());
  const serve = (req: IncomingMessage, res: ServerResponse): void => {
    unused.delete(req.socket);
    malformed.note(req, res);
    answer(req, res)
      .then((response) => {
        // It came behind the connection's last answer. Node would take the end of an answer to it, which nobody hears,
        // for the end of one to an earlier request, and end the process.
        if (req.socket.writableEnded) {
          res.destroy();
          return undefined;
        }
        // The connection ends with this answer: nobody waits for the next request any more.
        if (closing !== undefined) res.shouldKeepAlive = false;
        return send(req, res, response);
      })
      .catch((error: unknown) => res.destroy(error instanceof Error ? error : undefined));
  };
  // node:http's own, which it adds itself; a connection may be handed to it at any time.
  const [serveHttp] = server.listeners("connection") as [(socket: Socket) => void];
  const lane = new FastLane({
    handler: options.handler,
    leave: (socket) => serveHttp.call(server, socket),
    onUsed: (socket) => unused.delete(socket),
    firstWithinMs: HEADERS_WITHIN_MS,
    keepAliveMs: KEEP_ALIVE_MS,
    bodyWithinMs: REQUEST_WITHIN_MS,
    lingerMs: LINGER_MS,
  });
  server.removeAllListeners("connection").on("connection", (accepted: Socket) => {
    const socket = options.hasFastLane ? lane.take(accepted) : accepted;
    unused.add(socket);
    socket.once("close", () => unused.delete(socket));
    if (!options.hasFastLane) serveHttp.call(server, socket);
  });
  server.on("request", serve);
  // Without this listener Node asks for the body at once; readBody does, when the request has been let in.
  server.on("checkContinue", serve);
  // An expectation that nobody knows may be passed over (RFC 9110, 10.1.1); Node's own refusal says nothing.
  server.on("checkExpectation", serve);
  if (streams !== undefined) {
    server.on("upgrade", (request, socket, head) => {
      unused.delete(request.socket);
      streams.take(socket as Socket, head);
    });
  }
  server.on("clientError", (error, socket) => malformed.refuse(error, socket));
  await start(server, options);
  const { port } = server.address() as AddressInfo;
  return {
    url: baseUrl(options.host, port),
    port,
    close: (graceMs = CLOSE_GRACE_MS) => {
      closing ??= close(server, unused, lane, streams, graceMs);
      return closing;
    },
  };
}

/**
 * Node 22.21 and 24.9 brought `shouldUpgradeCallback`. Without it every request that offers an upgrade, as curl's do
 * with --http2, would have to be taken over or hung up on: peers then go on with plain HTTP.
 */
function canChooseUpgrades(): boolean {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  return major > 24 || (major === 24 && minor >= 9) || (major === 22 && minor >= 21);
}

async function close(
  server: Server,
  unused: ReadonlySet<Socket>,
  lane: FastLane,
  streams: PeerStreamsIn | undefined,
  graceMs: number,
): Promise<void> {
  lane.lastAnswers();
  if (graceMs > 0) await sleep(LAST_REQUESTS_MS);
  streams?.close();
  lane.closeIdle();
  await new Promise<void>((resolve) => {
    const force = setTimeout(() => {
      lane.closeAll();
      server.closeAllConnections();
    }, graceMs);
    // Drops the connections that are idle now.
    server.close(() => {
      clearTimeout(force);
      resolve();
    });
    // The newest of those that never carried a request may be about to.
    setTimeout(
      () => {
        for (const socket of unused) socket.destroy();
      },
      Math.min(LAST_REQUESTS_MS, graceMs),
    );
  });
}

function start(server: Server, { host, port, portFlag }: ListenOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: unknown): void =>
      reject(listenError(error as NodeJS.ErrnoException, host, port, portFlag));
    server.once("error", fail);
    try {
      server.listen({ host, port, exclusive: true }, () => {
        server.off("error", fail);
        resolve();
      });
    } catch (error) {
      // A port out of range is thrown, not emitted.
      fail(error);
    }
  });
}

/** RFC 9112, 3.2. */
function namesHost({ headers, httpVersion }: IncomingMessage): boolean {
  return headers.host !== undefined || httpVersion !== "1.1";
}

function missingHost(): RaftLiteError {
  return new RaftLiteError("missing-host", "an HTTP/1.1 request names its host: send a host header", {
    status: 400,
  });
}

function send(req: IncomingMessage, res: ServerResponse, response: Response): Promise<void> {
  return req.complete ? sendNodeResponse(res, response) : sendEarly(req, res, response);
}

/**
 * Answers a request whose body is still coming (refused by length or credential). Closing now would make the
 * sender's kernel throw the answer away together with what it still wants to send, so the rest is read and dropped
 * for a while, and the answer ends when the body does.
 */
async function sendEarly(req: IncomingMessage, res: ServerResponse, response: Response): Promise<void> {
  const body = Buffer.from(await response.arrayBuffer());
  res.writeHead(response.status, { ...Object.fromEntries(response.headers), "content-length": body.length });
  // To HEAD nothing is written, and the head would wait for the end.
  res.flushHeaders();
  res.write(body);
  const linger = setTimeout(() => req.socket.destroy(), LINGER_MS);
  req.on("end", () => res.end()).on("close", () => clearTimeout(linger));
  req.on("error", () => undefined).resume();
}

function listenError(
  error: NodeJS.ErrnoException,
  host: string,
  port: number,
  flag = "--port",
): RaftLiteError {
  const make = (code: string, message: string): RaftLiteError =>
    new RaftLiteError(code, message, { details: { host, port }, cause: error });
  switch (error.code) {
    case "EADDRINUSE":
      return make(
        "port-in-use",
        `port ${port} is in use: stop what listens there, or choose another with ${flag}`,
      );
    case "EACCES":
      return make(
        "port-not-allowed",
        `port ${port} is reserved to administrators: choose one above 1023 with ${flag}`,
      );
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
    case "EAI_AGAIN":
    case "EINVAL":
      return make(
        "bad-host",
        `"${host}" is no address of this machine: use --host 0.0.0.0 to listen on all of them`,
      );
    case "ERR_SOCKET_BAD_PORT":
      return make("bad-port", `${port} is no port: choose one from 1 to 65535 with ${flag}`);
    default:
      return make("listen-failed", `cannot listen on ${host}, port ${port}: ${error.message}`);
  }
}

function baseUrl(host: string, port: number): string {
  const reachable = host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "::1" : host;
  return `http://${reachable.includes(":") ? `[${reachable}]` : reachable}:${port}`;
}
