import type { NodeApi } from "../node/api.ts";
import type { KeyValueStore } from "../store/key-value-store.ts";
import type { HttpHost } from "./host.ts";
import { checkContentLength } from "./limits.ts";

/** What reads read from: the state machine's view of what this node has applied. */
export type StoreReader = Pick<
  KeyValueStore,
  | "get"
  | "scan"
  | "scanKeys"
  | "lastChange"
  | "lastChangeOf"
  | "hasChangedUnder"
  | "onChange"
  | "onChangeUnder"
>;

/** What the routes of any node work with. */
export interface NodeContext {
  readonly node: NodeApi;
  readonly host: HttpHost;
  readonly onPeerRequest: (request: Request, peer: string) => void;
}

/** What the routes of the key-value store work with. */
export interface HttpContext extends NodeContext {
  readonly store: StoreReader;
}

/** A request as the router hands it on. */
export interface RoutedRequest extends Request {
  /** Of the query, decoded. */
  readonly parameters: URLSearchParams;
  /** The named parts of the path, as they were sent. */
  readonly params: Readonly<Record<string, string | undefined>>;
}

export type RouteHandler = (request: RoutedRequest) => Response | Promise<Response>;

/** The body's bytes, refused with 413 as early as its size can be known. */
export function readBody(
  context: NodeContext,
  request: RoutedRequest,
  limitBytes: number,
): Uint8Array | Promise<Uint8Array> {
  checkContentLength(request, limitBytes);
  return context.host.readBody(request, limitBytes);
}
