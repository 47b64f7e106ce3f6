/** What the command line assumes where it is told nothing. The timings are in shared/node/defaults.ts. */

/** The lab's first node has it, and `status` and `command` look there. */
export const DEFAULT_PORT = 8000;

/** The lab's nodes are on different machines: a node that listened on loopback alone would never be heard. */
export const DEFAULT_HOST = "0.0.0.0";

/** The cluster of `start` is on one machine and asks nobody for a password: the network has no business in it. */
export const LOCAL_HOST = "127.0.0.1";

/** Below the working directory; each node has a directory of its own in it, named by its id. */
export const DEFAULT_DATA_DIRECTORY = ".raft-lite";

/** Within a node's data directory: what it did, for `raft-lite verify`. */
export const TRACE_DIRECTORY = "trace";

/** The smallest cluster that survives a crash. */
export const DEFAULT_NODES = 3;

/** A clean stop, hand-over included, is over by then; the process ends even if it is not. */
export const STOP_WITHIN_MS = 1800;

/** How much output waits for a slow reader before lines are dropped. */
export const OUTPUT_BUFFER_BYTES = 1 << 20;
