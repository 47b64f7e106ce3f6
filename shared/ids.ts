/** Node ids: who may be called what. Shared by the command line, the routes and the nodes' exchange. */

/**
 * First segments of routes, present and planned. A node's id is itself a first segment where several nodes share one
 * address (`/A/status` under `wrangler dev`), so neither may be taken for the other.
 */
const ROUTE_SEGMENTS: ReadonlySet<string> = new Set([
  "status",
  "command",
  "client",
  "client_command",
  "v1",
  "health",
  "metrics",
  "chaos",
  "raft",
  "requestVote",
  "request_vote",
  "appendEntries",
  "append_entries",
  "installSnapshot",
  "install_snapshot",
  "timeoutNow",
  "timeout_now",
]);

const ID_PATTERN = /^[A-Za-z0-9_-]{1,32}$/;

/**
 * What is wrong with `text` as a node's id, to follow the id in a sentence; null when it is one:
 * `[A-Za-z0-9_-]{1,32}` and not the first segment of a route.
 */
export function nodeIdProblem(text: string): string | null {
  if (!ID_PATTERN.test(text)) return "is not 1 to 32 of the characters A-Z a-z 0-9 _ -";
  if (ROUTE_SEGMENTS.has(text)) return "is the name of a route";
  return null;
}

/** Whether a path that begins with this segment is a route of every node. */
export function isRouteSegment(segment: string): boolean {
  return ROUTE_SEGMENTS.has(segment);
}
