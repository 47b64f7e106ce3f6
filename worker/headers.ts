/**
 * What the Worker in front and its objects tell each other beside requests and replies. Nobody outside sees it; what
 * comes under these names from outside counts for nothing.
 */

/** Of a reply: id of the leader that the object knows. */
export const LEADER_HEADER = "raft-lite-leader";

/** Of a reply: the node does not run: what was asked of it has certainly not been carried out. */
export const NOT_RUNNING_HEADER = "raft-lite-not-running";

/** Of a request: the path under which the Worker serves the cluster. */
export const PATH_HEADER = "raft-lite-path";
