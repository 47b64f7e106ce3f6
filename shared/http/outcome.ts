import { RaftLiteError } from "../errors.ts";
import { unexpected } from "./problem.ts";

/**
 * Whether a failed write may have been carried out. `none`: certainly not, it may be sent again as it is. `unknown`:
 * it may have been, or may yet be.
 */
export type Outcome = "none" | "unknown";

/** Every 5xx says whether the write may have been carried out; what the node itself says of it goes first. */
export function withOutcome(error: unknown, outcome: Outcome): RaftLiteError {
  const known = error instanceof RaftLiteError ? error : unexpected(error);
  if (known.status < 500 || "outcome" in known.details) return known;
  const details = { ...known.details, outcome };
  return new RaftLiteError(known.code, known.message, { status: known.status, details, cause: known.cause });
}
