import { RaftLiteError } from "../../shared/errors.ts";

const CODE = "wrong-usage";

/**
 * A command line that cannot be carried out as typed: printed with the usage, exit code 2. So are options of a program
 * that a node is part of. `message` is one line.
 */
export function usageError(message: string): RaftLiteError {
  return new RaftLiteError(CODE, message, { status: 400 });
}

export function isUsageError(error: unknown): error is RaftLiteError {
  return error instanceof RaftLiteError && error.code === CODE;
}
