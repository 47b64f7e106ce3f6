import type { IncomingMessage, ServerResponse } from "node:http";
import { NodeRequest } from "srvx/node";
import type { HttpHost } from "../shared/http/host.ts";
import { bodyIncomplete, bodyTooLarge } from "../shared/http/limits.ts";
import { LaneRequest } from "./lane-request.ts";
import { PlainResponse } from "./plain-response.ts";

/** Node's own pair of objects behind a request that `fetchRequest` made. */
interface NodeExchange {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
}

/** A fetch request over Node's: nothing is copied and no stream is made until somebody asks for it. */
export function fetchRequest(req: IncomingMessage, res: ServerResponse): Request {
  // To the URL class a backslash is a slash, and what follows a # is not for us; clients mean the characters.
  if (req.url !== undefined && /[\\#]/.test(req.url)) {
    req.url = req.url.replaceAll("\\", "%5C").replaceAll("#", "%23");
  }
  return new NodeRequest({ req, res });
}

/** Node's objects behind a request; undefined for one that did not come through this host's server. */
export function nodeExchange(request: Request): NodeExchange | undefined {
  const { runtime } = request as Request & { runtime?: { node?: NodeExchange } };
  return runtime?.node;
}

/**
 * The Node host's short way: srvx's response, which is sent without ever becoming an undici `Response`, and the body
 * read from Node's stream. Measured in docs/performance.md.
 */
export const nodeHttpHost: HttpHost = {
  readBody(request, limitBytes) {
    if (request instanceof LaneRequest) {
      if (request.body.length > limitBytes) throw bodyTooLarge(limitBytes);
      return request.body;
    }
    const exchange = nodeExchange(request);
    if (exchange === undefined) throw new TypeError("not a request of this host's server");
    return readBody(exchange, limitBytes);
  },
  respond: (body, init) => new PlainResponse(body, init),
  sentPath(request) {
    if (request instanceof LaneRequest && request.plainPath !== undefined) return request.plainPath;
    const sent = request instanceof LaneRequest ? request.target : nodeExchange(request)?.req.url;
    return sent?.replace(/^[a-z]+:\/\/[^/?]*|\?.*$/gis, "");
  },
  plainPath: (request) => (request instanceof LaneRequest ? request.plainPath : undefined),
};

const EMPTY = new Uint8Array();

function readBody({ req, res }: NodeExchange, limitBytes: number): Promise<Uint8Array> {
  // Not answered before now, so that a refusal by length or credential spares the client from sending the body.
  if (req.headers.expect !== undefined && req.httpVersion === "1.1") res.writeContinue();
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const onData = (chunk: Buffer): void => {
      size += chunk.length;
      chunks.push(chunk);
      if (size <= limitBytes) return;
      settle();
      reject(bodyTooLarge(limitBytes));
    };
    const onEnd = (): void => {
      settle();
      resolve(chunks.length === 1 ? chunks[0]! : size === 0 ? EMPTY : Buffer.concat(chunks, size));
    };
    const onClose = (): void => {
      settle();
      reject(bodyIncomplete(req.errored));
    };
    const settle = (): void => {
      req.off("data", onData).off("end", onEnd).off("close", onClose);
    };
    // "close" follows every "error"; the empty listener only keeps the error from being thrown.
    req.on("data", onData).on("end", onEnd).on("close", onClose).on("error", ignore);
  });
}

function ignore(): void {}
