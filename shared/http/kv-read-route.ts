import { RaftLiteError } from "../errors.ts";
import type { NodeApi, RequestOptions } from "../node/api.ts";
import { quote } from "../store/quote.ts";
import type { HttpContext, RouteHandler } from "./context.ts";
import { KvLists } from "./kv-lists.ts";
import type { Blocking, ReadRequest } from "./kv-parameters.ts";
import { readRequest } from "./kv-parameters.ts";
import { currentIndex, kvProblem, kvReply, rawReply, rowText } from "./kv-reply.ts";
import { Pacer } from "./pacer.ts";
import { requestOptions } from "./parameters.ts";

/** GET /v1/kv/KEY, as Consul: a row, its bytes, or all rows or keys below; at once or after the next change. */
export function kvReadRoute(context: HttpContext): RouteHandler {
  const pacer = new Pacer();
  const lists = new KvLists(context, pacer);
  return async (request) => {
    const asked = readRequest(context.host, request);
    const options = requestOptions(request);
    const { key, form } = asked;
    // A signal is made when it is first asked for, and costs more than the rest of a read.
    const signal = asked.blocking ? request.signal : undefined;
    const hasWaited = await untilReadable(context, asked, options, signal);
    if (form.type === "rows" || form.type === "keys") return await lists.reply(key, form);
    if (!hasWaited) return answerOne(context, key, form.type === "raw");
    // Thousands may have waited for the same key, or the same leader.
    await pacer.turn();
    pacer.done(STEPS_PER_ANSWER);
    return answerOne(context, key, form.type === "raw");
  };
}

/** A reply costs about as much as it takes to look at so many rows. */
const STEPS_PER_ANSWER = 8;

/** What a read needs to wait; the simulator runs it too. */
export interface ReadContext extends Pick<HttpContext, "store"> {
  readonly node: Pick<NodeApi, "read" | "wait">;
}

/** Waits until the store may be looked at, for what was asked. Whether it was held back until a change. */
export async function untilReadable(
  context: ReadContext,
  asked: ReadRequest,
  options: RequestOptions,
  signal?: AbortSignal,
): Promise<boolean> {
  if (!asked.isStale) await context.node.read(options);
  return asked.blocking !== null && (await untilChanged(context, asked, asked.blocking, signal));
}

/**
 * The read before it was linearizable, and what the node applies while it waits is committed: what stands in the store
 * whenever the wait ends, for whatever reason, is an answer that the read could have got between its beginning and now.
 * Whether it had to wait.
 */
async function untilChanged(
  context: ReadContext,
  { key, form }: ReadRequest,
  { index, waitMs }: Blocking,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const { node, store } = context;
  // Above what this node has: the index is another cluster's, or the node that gave it was ahead. Nothing to wait for.
  if (index === 0 || index > currentIndex(context)) return false;
  const isPrefix = form.type === "rows" || form.type === "keys";
  if (isPrefix ? store.hasChangedUnder(key, index) : store.lastChangeOf(key) > index) return false;
  const end = await node.wait(
    (wake) => (isPrefix ? store.onChangeUnder(key, wake) : store.onChange(key, wake)),
    { waitMs, signal },
  );
  if (end !== "aborted") return true;
  throw new RaftLiteError("client-closed-request", "the client has closed the connection", { status: 499 });
}

function answerOne(context: HttpContext, key: string, isRaw: boolean): Response {
  const found = context.store.get(key);
  if (found === null) {
    const message = `there is no key ${quote(key)}`;
    return kvProblem(context, new RaftLiteError("key-not-found", message, { status: 404 }));
  }
  return isRaw ? rawReply(context, found.value) : kvReply(context, `[${rowText({ key, ...found })}]`);
}
