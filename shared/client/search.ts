import type { Send } from "./exchange.ts";
import { exchange } from "./exchange.ts";
import { members, parseJson } from "./json.ts";
import { Limit } from "./limit.ts";
import type { KnownNode, Nodes } from "./nodes.ts";

/** A call does not wait longer than this to learn who leads: to be forwarded costs less. */
const LONGEST_SEARCH_MS = 500;

/**
 * Asks all nodes who they are and who leads, and returns as soon as a leader has answered for itself, or when all have
 * answered or the time is up. On the way it learns who is away, by requests that may fail without harm.
 */
export async function searchLeader(
  nodes: Nodes,
  send: Send,
  headers: Readonly<Record<string, string>>,
  outer: Limit,
): Promise<void> {
  const limit = new Limit(Math.min(LONGEST_SEARCH_MS, outer.remainingMs / 4), outer.signal);
  // Of two that believe they lead, the one of the newer term does.
  let newestTerm = -1;
  const startedAt = performance.now();
  const ask = async (node: KnownNode): Promise<void> => {
    const message = { method: "GET", target: "/status?log=0", headers } as const;
    const exchanged = await exchange(send, node.url, message, LONGEST_SEARCH_MS, limit);
    // A leader was found before this one answered, or the caller has gone: nothing is known of it.
    if (exchanged.type === "over" && limit.reason === "aborted") return;
    const now = performance.now();
    if (exchanged.type !== "reply") return nodes.recordFailure(node, now - startedAt, now);
    const { node: id, state, term } = members(parseJson(exchanged.reply.body));
    if (typeof id !== "string" || typeof term !== "number") return;
    node.id = id;
    nodes.recordAnswer(node);
    if (term < newestTerm) return;
    newestTerm = term;
    if (state !== "Leader") return;
    nodes.recordLeader(node, now);
    limit.abort();
  };
  try {
    await Promise.all(nodes.all.map(ask));
  } finally {
    limit.dispose();
  }
}
