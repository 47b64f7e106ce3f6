import type { RecordedVoter } from "./records.ts";

/** How many of them must agree. */
export function quorumOf(voters: readonly RecordedVoter[]): number {
  return Math.floor(voters.length / 2) + 1;
}

/** For people. */
export function nameOf(voter: RecordedVoter): string {
  return voter === null ? "a slot that nobody has taken" : voter[0];
}
