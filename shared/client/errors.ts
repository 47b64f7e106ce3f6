import { RaftLiteError } from "../errors.ts";

/**
 * Whether a call may have changed the store. `none`: certainly not, and nothing of it can still arrive. `unknown`: it
 * may have been carried out, or may yet be.
 */
export type Outcome = "none" | "unknown";

/** One request to one node that did not bring the answer. */
export interface Attempt {
  /** The node's URL, as it was given. */
  readonly node: string;
  /** HTTP status of its reply; null when no whole reply came. */
  readonly status: number | null;
  /** What the node or the network said, in one line. */
  readonly said: string;
  readonly outcome: Outcome;
}

interface ClientErrorOptions {
  readonly status: number;
  readonly attempts?: readonly Attempt[];
  readonly details?: Readonly<Record<string, unknown>>;
  readonly retryAfterMs?: number;
  readonly cause?: unknown;
}

/**
 * Why a call of the client failed. `code` is the node's own where a node said no, and else one of `unreachable`,
 * `timeout`, `no-node` (what answered is no node of ours) and `bad-…` for input that was refused before anything was
 * sent. `status` is the HTTP status of the node's reply, 503 where none came, 400 or 413 for bad input; `details`
 * holds what else the node's reply said.
 */
export class ClientError extends RaftLiteError {
  override readonly name: string = "ClientError";
  readonly outcome: Outcome;
  /** The newest of the requests that were made, oldest first. */
  readonly attempts: readonly Attempt[];
  /** How long the node asked to be left alone (`retry-after`); 0: it did not say. */
  readonly retryAfterMs: number;

  constructor(code: string, message: string, outcome: Outcome, options: ClientErrorOptions) {
    const { status, details = {}, cause } = options;
    super(code, message, { status, details: { ...details, outcome }, cause });
    this.outcome = outcome;
    this.attempts = options.attempts ?? [];
    this.retryAfterMs = options.retryAfterMs ?? 0;
  }
}

/**
 * A write of which nobody can say whether it took place. It was not sent again, because a second copy could undo what
 * somebody else has written since. Read before you write again, or write with `cas`.
 */
export class UnknownOutcomeError extends ClientError {
  override readonly name = "UnknownOutcomeError";
  declare readonly outcome: "unknown";

  constructor(code: string, message: string, options: ClientErrorOptions) {
    super(code, message, "unknown", options);
  }
}

/** Refused before anything was sent. */
export function badInput(code: string, message: string, status: 400 | 413 = 400): ClientError {
  return new ClientError(code, message, "none", { status });
}
