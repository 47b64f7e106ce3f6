import { printable } from "../printable.ts";
import type { Outcome } from "./errors.ts";
import type { Exchanged, Reply } from "./exchange.ts";
import { members, parseJson } from "./json.ts";
import { networkReason } from "./never-sent.ts";

/**
 * What may be done about a request that brought no answer.
 *
 * - `read`: it changes nothing, and may be sent as often as one likes.
 * - `write`: sent again only when it is certain that the earlier one changed nothing and never will.
 * - `guarded-write`: carries the index of what it replaces, and an index never comes back. So a second copy can do
 *   nothing that the first has not done, and may be sent. Only its refusal then tells nothing: perhaps it was the
 *   first copy that moved the index.
 */
export type Safety = "read" | "write" | "guarded-write";

/** What one request that did not bring the answer means for the call. */
export interface Verdict {
  readonly outcome: Outcome;
  /** The same request may be made again, and it may help. */
  readonly again: boolean;
  /** Not before then; 0 where another node may be asked at once. */
  readonly pauseMs: number;
  /** Ask others first for a while. */
  readonly nodeFailed: boolean;
  readonly code: string;
  readonly status: number;
  /** One line, without the node's name. */
  readonly said: string;
  /** HTTP status of the reply; null without one. */
  readonly replyStatus: number | null;
  readonly details: Readonly<Record<string, unknown>>;
  readonly cause: unknown;
}

export type Unanswered = Exclude<Exchanged, { type: "over" }>;

/**
 * Judges a reply that is not an answer, and a request without a reply. `retryUnknown`: the caller wants a write sent
 * again although it may then be carried out twice.
 */
export function judge(
  exchanged: Unanswered,
  safety: Safety,
  retryUnknown: boolean,
  patienceMs: number,
): Verdict {
  const found =
    exchanged.type === "reply" ? judgeReply(exchanged.reply) : judgeSilence(exchanged, patienceMs);
  const outcome = safety === "read" ? "none" : found.outcome;
  return {
    ...found,
    outcome,
    again: found.again && (outcome === "none" || safety === "guarded-write" || retryUnknown),
  };
}

function judgeSilence(exchanged: Exclude<Unanswered, { type: "reply" }>, patienceMs: number): Verdict {
  const silence = {
    again: true,
    pauseMs: 0,
    nodeFailed: true,
    status: 503,
    replyStatus: null,
    details: {},
  };
  if (exchanged.type === "late") {
    const said = `no answer within ${Math.round(patienceMs)} ms`;
    return { ...silence, outcome: "unknown", code: "timeout", said, cause: undefined };
  }
  const { cause } = exchanged;
  const outcome = exchanged.type === "unsent" ? "none" : "unknown";
  return { ...silence, outcome, code: "unreachable", said: networkReason(cause), cause };
}

function judgeReply({ status, headers, body }: Reply): Verdict {
  const said = members(parseJson(body));
  const { code, detail } = said;
  const isNode = typeof code === "string";
  const reply = {
    nodeFailed: status >= 500,
    pauseMs: status === 429 || status >= 500 ? retryAfterMs(headers) : 0,
    code: isNode ? code : status >= 500 ? "unreachable" : "no-node",
    status: status >= 400 ? status : 502,
    said: isNode ? `${status} ${wordsOf(detail, code)}` : `HTTP ${status}, which is no answer of a node`,
    replyStatus: status,
    details: isNode ? details(said) : {},
    cause: undefined,
  };
  // "4xx and 429 mean certainly not executed." 408 is what a proxy says that waited for a node in vain.
  if (status >= 400 && status < 500 && (isNode || status !== 408)) {
    return { ...reply, outcome: "none", again: status === 429 || code === "not-leader" };
  }
  // Without a node's word nothing is known: a proxy answers so whatever the node behind it has done.
  const outcome = isNode && said.outcome === "none" ? "none" : "unknown";
  return { ...reply, outcome, again: status >= 500 || status === 408 };
}

/** Short enough to be read: whoever answers, it becomes part of an error's message. */
function wordsOf(detail: unknown, code: string): string {
  return printable((typeof detail === "string" ? detail : code).slice(0, 300));
}

/** What the problem details (RFC 9457) say beyond what stands in the error itself. */
function details(problem: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const own = new Set(["ok", "error", "code", "title", "status", "detail", "outcome"]);
  return Object.fromEntries(Object.entries(problem).filter(([name]) => !own.has(name)));
}

/** Seconds; a date is not taken from a clock that may differ from ours. 0 without the header. */
function retryAfterMs(headers: Headers): number {
  const seconds = /^\d{1,6}$/.exec(headers.get("retry-after") ?? "")?.[0];
  return seconds === undefined ? 0 : Number(seconds) * 1000;
}
