import type { NodeApi } from "../node/api.ts";
import type { HttpHost } from "./host.ts";
import { checkContentLength } from "./limits.ts";

/** What GET reads from: the state machine's view of what this node has applied. */
export interface ValueReader {
  get(key: string): { readonly value: Uint8Array } | null;
}

/** What the routes work with. */
export interface HttpContext {
  readonly node: NodeApi;
  readonly store: ValueReader;
  readonly host: HttpHost;
  readonly onPeerRequest: (request: Request, peer: string) => void;
}

/** A request as the router hands it on. */
export interface RoutedRequest extends Request {
  /** Decoded; an array where a parameter was given more than once. */
  readonly query: Readonly<Record<string, string | string[] | undefined>>;
}

export type RouteHandler = (request: RoutedRequest) => Response | Promise<Response>;

/** The body's bytes, refused with 413 as early as its size can be known. */
export function readBody(
  context: HttpContext,
  request: RoutedRequest,
  limitBytes: number,
): Promise<Uint8Array> {
  checkContentLength(request, limitBytes);
  return context.host.readBody(request, limitBytes);
}
