import { RaftLiteError } from "./errors.ts";

/**
 * What a state machine returns for a command that it could not carry out: nothing was changed. A result like any
 * other, alike on all nodes, and plain data, to travel as JSON. Whoever asked for the command gets it as an error.
 */
export interface Refusal {
  /** As a RaftLiteError's `code`. */
  readonly refused: string;
  readonly message: string;
  /** HTTP status to answer with. */
  readonly status: number;
}

export function refusal(error: RaftLiteError): Refusal {
  return { refused: error.code, message: error.message, status: error.status };
}

export function isRefusal(result: unknown): result is Refusal {
  if (typeof result !== "object" || result === null) return false;
  const { refused, message, status } = result as Partial<Refusal>;
  return typeof refused === "string" && typeof message === "string" && typeof status === "number";
}

/**
 * What its client is told. The log holds the command, and it will never do anything: outcome none. Only where the state
 * machine calls it a fault of its own (5xx) something may have come of it.
 */
export function refusalError({ refused, message, status }: Refusal): RaftLiteError {
  const outcome = status < 500 ? "none" : "unknown";
  return new RaftLiteError(refused, message, { status, details: { outcome } });
}
