/** What objects tell the Worker in front beside their replies. It takes them off; nobody outside sees or sends them. */

/** Id of the leader that the object knows. */
export const LEADER_HEADER = "raft-lite-leader";

/** The node does not run: what was asked of it has certainly not been carried out. */
export const NOT_RUNNING_HEADER = "raft-lite-not-running";
