import { RaftLiteError } from "../../shared/errors.ts";
import { requestJson } from "./http-json.ts";

/** What the table needs of a node's /status. */
export interface ReportedStatus {
  readonly node: string;
  readonly state: string;
  readonly term: number;
  readonly leader: string | null;
  /** How many of clients' commands its log holds, from the beginning of time. */
  readonly logLength: number;
  readonly commitIndex: number;
  readonly lastIndex: number;
  readonly clusterSize: number;
  readonly peers: readonly ReportedPeer[];
  /** It has fallen silent until somebody needs it. */
  readonly quiet: boolean;
  /** Why it does not take part. */
  readonly problem: string | null;
}

export interface ReportedPeer {
  readonly id: string | null;
  readonly address: string;
  readonly lag: number | null;
}

/** One node as it was found: what it says, or why it says nothing. */
export type NodeReport =
  | { readonly url: string; readonly status: ReportedStatus; readonly healthy: boolean }
  | { readonly url: string; readonly status: null; readonly reason: string };

/** Asks the node at `url` how it is. Never rejects. */
export async function reportOf(url: string, token: string | null, timeoutMs: number): Promise<NodeReport> {
  const request = { method: "GET", token, timeoutMs } as const;
  try {
    const [reply, health] = await Promise.all([
      requestJson(`${url}/status?log=1`, request),
      requestJson(`${url}/health`, request),
    ]);
    if (reply.status === 401)
      return { url, status: null, reason: "asks for a token: give it by --token-file" };
    const status = reply.status === 200 ? readStatus(reply.body) : null;
    if (status === null) return { url, status: null, reason: `is no node of ours (HTTP ${reply.status})` };
    return { url, status, healthy: health.status === 200 };
  } catch (error) {
    const details = error instanceof RaftLiteError ? error.details : {};
    return { url, status: null, reason: String(details.reason ?? error) };
  }
}

/** null when `body` is not a node's status: something else may be listening at that port. */
export function readStatus(body: unknown): ReportedStatus | null {
  const status = members(body);
  const raft = members(status.raft);
  const { node, state, term, leader, log, logStart, commitIndex } = status;
  if (typeof node !== "string" || typeof state !== "string") return null;
  if (!isNumber(term) || !isNumber(commitIndex) || !Array.isArray(log)) return null;
  const peers = Array.isArray(raft.peers) ? raft.peers.map(readPeer).filter((peer) => peer !== null) : [];
  return {
    node,
    state,
    term,
    leader: typeof leader === "string" ? leader : null,
    logLength: (isNumber(logStart) ? logStart : 0) + log.length,
    commitIndex,
    lastIndex: isNumber(raft.lastIndex) ? raft.lastIndex : 0,
    clusterSize: isNumber(raft.clusterSize) ? raft.clusterSize : peers.length + 1,
    peers,
    quiet: raft.quiet === true,
    problem: typeof raft.problem === "string" ? raft.problem : null,
  };
}

function readPeer(value: unknown): ReportedPeer | null {
  const { id, address, lag } = members(value);
  if (typeof address !== "string") return null;
  return { id: typeof id === "string" ? id : null, address, lag: isNumber(lag) ? lag : null };
}

function members(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

function isNumber(value: unknown): value is number {
  return typeof value === "number";
}
