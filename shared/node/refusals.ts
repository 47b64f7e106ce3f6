import { RaftLiteError } from "../errors.ts";
import type { NodeId } from "../raft/types.ts";

/** What a node says to clients and peers whom it cannot serve. */

export function notLeaderError(leader: NodeId | null, leaderUrl: string | null): RaftLiteError {
  if (leader === null) {
    return new RaftLiteError("no-leader", "No leader is known", {
      status: 503,
      details: { outcome: "none" },
    });
  }
  return new RaftLiteError("not-leader", "Not leader", { status: 403, details: { leader, leaderUrl } });
}

/** For a command that was for this node as leader only. */
export function deposedError(
  outcome: "none" | "unknown",
  leader: NodeId | null,
  leaderUrl: string | null,
): RaftLiteError {
  if (outcome === "none") return notLeaderError(leader, leaderUrl);
  const message = "this node lost its leadership; the command may have been carried out, or may yet be";
  return new RaftLiteError("not-leader", message, { status: 503, details: { outcome, leader } });
}

export function overloadedError(waiting: number): RaftLiteError {
  const message = `too much is waiting at this node (${waiting} requests): try again soon`;
  return new RaftLiteError("overloaded", message, { status: 429 });
}

export function tooLargeError(bytes: number, limitBytes: number): RaftLiteError {
  const message = `a command is at most ${limitBytes} bytes, this one is ${bytes}`;
  return new RaftLiteError("command-too-large", message, { status: 413 });
}

/** `outcome`: what a write that is refused so can be sure of. */
export function unavailableError(
  code: "stopping" | "failed",
  id: NodeId,
  outcome: "none" | "unknown",
): RaftLiteError {
  const message = code === "failed" ? `node ${id} has failed` : `node ${id} is stopping`;
  return new RaftLiteError(code, message, { status: 503, details: { outcome } });
}
