/** How fast a cluster beats. All in milliseconds. */
export interface Timings {
  /** The leader's heartbeat interval; its messages announce it to the others. */
  readonly heartbeatMs: number;
  /** A node that heard no leader for a random time between these two starts an election. */
  readonly electionTimeoutMinMs: number;
  readonly electionTimeoutMaxMs: number;
}

/**
 * Least ratio of the shortest election timeout to the heartbeat: two lost heartbeats in a row must not depose a
 * leader. Followers hold to it whatever they were told, by the heartbeat that the leader announces.
 */
export const MIN_HEARTBEATS_PER_ELECTION_TIMEOUT = 3;

/**
 * Heartbeats cost one small request per follower, so ten a second go unnoticed; five of them fit into the shortest
 * election timeout, which rides out a garbage collection, a slow disk or a virtual machine that lost its turn. A
 * crashed leader's closed connection is noticed without waiting for any of this.
 */
export const defaultTimings: Timings = {
  heartbeatMs: 100,
  electionTimeoutMinMs: 500,
  electionTimeoutMaxMs: 1000,
};

/** The course handout's numbers, and the paper's (9.3): for the lab and for a quiet network. */
export const labTimings: Timings = {
  heartbeatMs: 50,
  electionTimeoutMinMs: 150,
  electionTimeoutMaxMs: 300,
};

/** How long a client waits for a command or a read unless it says otherwise, and how long it may at most. */
export const DEFAULT_TIMEOUT_MS = 5_000;
export const MAX_TIMEOUT_MS = 60_000;

/**
 * Clients that may wait for a change at one node at a time; more are refused with 429. With its connection one takes
 * about 25 KiB: half a gigabyte is what a small machine can spare.
 */
export const DEFAULT_MAX_WAITS = 20_000;
