import type { Attempt } from "./errors.ts";
import { ClientError, UnknownOutcomeError } from "./errors.ts";
import type { Message, Reply, Send } from "./exchange.ts";
import { exchange } from "./exchange.ts";
import { Limit } from "./limit.ts";
import type { KnownNode, Nodes, Preference } from "./nodes.ts";
import { searchLeader } from "./search.ts";
import type { Safety, Verdict } from "./verdict.ts";
import { judge } from "./verdict.ts";

/** What one client's calls share. */
export interface Connection {
  readonly nodes: Nodes;
  readonly send: Send;
  /** Those of every request. */
  readonly headers: Readonly<Record<string, string>>;
}

/** What a reply says, once it is known to be an answer. */
export interface Answer<Value> {
  readonly value: Value;
  /** The write's own condition did not hold. */
  readonly refused?: boolean;
  /** The leader's id, where the reply names it. */
  readonly leader?: string;
}

/** One call of the client's, which may take several requests. */
export interface Call<Value> {
  readonly message: Message;
  readonly safety: Safety;
  readonly ask: Preference | KnownNode;
  /** How long a node may hold the request back because it was asked to. */
  readonly holdMs?: number;
  /** null for a reply that is no answer to this call. */
  readonly read: (reply: Reply) => Answer<Value> | null;
}

export interface Terms {
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
  readonly retryUnknown: boolean;
  /** No second request, whatever the first one brings. */
  readonly isOnce?: boolean;
}

/** Longest wait that a node accepts (`?timeout=`). */
const LONGEST_NODE_WAIT_MS = 60_000;
/** A read that takes longer than this is tried elsewhere: its node may stand still. */
const READ_PATIENCE_MS = 2_000;
/** A node's own answer, which says what became of a write, must come before we stop listening for it. */
const ON_THE_WAY_MS = 500;
const FIRST_PAUSE_MS = 25;
const LONGEST_PAUSE_MS = 1_000;
const KEPT_ATTEMPTS = 20;

/**
 * Carries out one call: asks one node after the other, as long as that is safe and there is time.
 *
 * Rejects with the signal's reason when the call was aborted and certainly changed nothing, with UnknownOutcomeError
 * when nobody knows whether it did, and with ClientError otherwise.
 */
export async function perform<Value>(
  connection: Connection,
  call: Call<Value>,
  terms: Terms,
): Promise<Value> {
  terms.signal?.throwIfAborted();
  const limit = new Limit(terms.timeoutMs, terms.signal);
  try {
    if (call.ask === "leader" && connection.nodes.beginSearch(performance.now())) {
      await searchLeader(connection.nodes, connection.send, connection.headers, limit);
    }
    return await new OngoingCall(connection, call, terms, limit).run();
  } finally {
    limit.dispose();
  }
}

class OngoingCall<Value> {
  readonly #connection: Connection;
  readonly #call: Call<Value>;
  readonly #terms: Terms;
  readonly #limit: Limit;
  readonly #attempts: Attempt[] = [];
  /** Nodes that had their turn since the last pause. */
  readonly #tried = new Set<KnownNode>();
  #rounds = 0;
  /** Some request of this call may have been carried out, or may yet be. */
  #isUnknown = false;
  #last: Verdict | null = null;

  constructor(connection: Connection, call: Call<Value>, terms: Terms, limit: Limit) {
    this.#connection = connection;
    this.#call = call;
    this.#terms = terms;
    this.#limit = limit;
  }

  async run(): Promise<Value> {
    for (;;) {
      const node = await this.#nextNode();
      if (node === null) throw this.#ended(this.#last);
      const answer = await this.#ask(node);
      if (answer === null) continue;
      if (answer.refused && this.#isUnknown) throw this.#unsettled();
      return answer.value;
    }
  }

  /** Whose turn it is, after a pause when it takes one; null when there is no time left. */
  async #nextNode(): Promise<KnownNode | null> {
    const { ask } = this.#call;
    if (this.#last !== null && this.#last.pauseMs > 0) await this.#limit.sleep(this.#last.pauseMs);
    let node = this.#pick(ask);
    if (node === null) {
      const pauseMs = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** this.#rounds++);
      // Clients that lost the same node do not all come back at the same moment.
      await this.#limit.sleep(pauseMs * (0.5 + Math.random() / 2));
      this.#tried.clear();
      node = this.#pick(ask);
    }
    return this.#limit.reason === null ? node : null;
  }

  #pick(ask: Preference | KnownNode): KnownNode | null {
    if (typeof ask === "string") return this.#connection.nodes.pick(this.#tried, ask, performance.now());
    return this.#tried.has(ask) ? null : ask;
  }

  /** null: no answer, and another request may be made. */
  async #ask(node: KnownNode): Promise<Answer<Value> | null> {
    const { nodes, send, headers } = this.#connection;
    const { message, safety, holdMs = 0, read } = this.#call;
    // Half of what is left: a node that is cut off from the others must not use up the time of those that are not.
    const longestMs = safety === "read" ? READ_PATIENCE_MS : LONGEST_NODE_WAIT_MS;
    const waitMs = Math.max(1, Math.floor(Math.min(longestMs, this.#limit.remainingMs / 2)));
    const patienceMs = waitMs + holdMs + ON_THE_WAY_MS;
    const target = `${message.target}${message.target.includes("?") ? "&" : "?"}timeout=${waitMs}`;
    const sent = { ...message, target, headers: { ...headers, ...message.headers } };
    this.#tried.add(node);
    const startedAt = performance.now();
    const exchanged = await exchange(send, node.url, sent, patienceMs, this.#limit);
    if (exchanged.type === "over") {
      const outcome = safety === "read" ? "none" : "unknown";
      this.#note({ node: node.url, status: null, said: "no answer until then", outcome });
      throw this.#ended(null);
    }
    const answer = exchanged.type === "reply" ? read(exchanged.reply) : null;
    if (answer !== null) {
      nodes.recordAnswer(node);
      if (answer.leader !== undefined) nodes.recordLeaderId(answer.leader, performance.now());
      return answer;
    }
    const now = performance.now();
    const verdict = judge(exchanged, safety, this.#terms.retryUnknown, patienceMs);
    this.#last = verdict;
    const { outcome, said } = verdict;
    this.#note({ node: node.url, status: verdict.replyStatus, said, outcome });
    if (verdict.nodeFailed) nodes.recordFailure(node, now - startedAt, now);
    if (typeof verdict.details.leader === "string") nodes.recordLeaderId(verdict.details.leader, now);
    // Nothing can come of waiting for what lies beyond the end.
    const isLast = !verdict.again || this.#terms.isOnce === true;
    if (isLast || verdict.pauseMs >= this.#limit.remainingMs) throw this.#error("", verdict);
    return null;
  }

  #note(attempt: Attempt): void {
    this.#attempts.push(attempt);
    if (this.#attempts.length > KEPT_ATTEMPTS) this.#attempts.shift();
    if (attempt.outcome === "unknown") this.#isUnknown = true;
  }

  // ---- how it ends without an answer ----

  /** The time is up, or the caller has gone. `last`: what was said before the pause in which it ended. */
  #ended(last: Verdict | null): unknown {
    const { signal, timeoutMs } = this.#terms;
    if (this.#limit.reason === "aborted") {
      if (!this.#isUnknown) return signal?.reason;
      return this.#error(": the call was aborted", { code: "aborted", cause: signal?.reason });
    }
    return this.#error(`: no answer within ${timeoutMs} ms`, last ?? { code: "timeout" });
  }

  /** The condition of a write that was sent twice did not hold the second time. */
  #unsettled(): ClientError {
    return this.#error(": its condition does not hold any more, perhaps by its own doing", {
      code: "unsettled",
      status: 409,
    });
  }

  #error(why: string, found: Pick<Verdict, "code"> & Partial<Verdict>): ClientError {
    const { code, status = 503, details = {}, cause, pauseMs = 0 } = found;
    const options = { status, details, cause, attempts: this.#attempts, retryAfterMs: pauseMs };
    const said = new Map(this.#attempts.map((attempt) => [attempt.node, attempt.said]));
    const heard = [...said].map(([node, words]) => `; ${node}: ${words}`).join("");
    if (this.#isUnknown) {
      const message = `the write may have been carried out, or may yet be${why}${heard}`;
      return new UnknownOutcomeError(code, message, options);
    }
    const what = this.#call.safety === "read" ? "the read failed" : "the write was not carried out";
    return new ClientError(code, `${what}${why}${heard}`, "none", options);
  }
}
