import type { Timings } from "../shared/node/defaults.ts";

/** What the Worker host assumes where it is told nothing. */

/** Name of the binding of the objects. */
export const DEFAULT_BINDING = "RAFT";

export const DEFAULT_NODES = "A=do,B=do,C=do";

/**
 * Every heartbeat is a billed request, and objects may be an ocean apart: two a second, and time for four of them
 * before anyone stands for election.
 */
export const edgeTimings: Timings = {
  heartbeatMs: 500,
  electionTimeoutMinMs: 2000,
  electionTimeoutMaxMs: 4000,
};

/**
 * A cluster that nobody has used for so long falls silent, and costs nothing until somebody does: long enough for a
 * person who types commands one after the other.
 */
export const QUIESCE_AFTER_MS = 10_000;

/**
 * A timer in memory wakes a node that is awake; the storage alarm only one that was evicted with nobody calling it. Each
 * arming is a row written, so it comes rarely.
 */
export const BACKSTOP_MS = 45_000;

/**
 * News of a commit waits so long for entries that it can ride with: each call is billed, and under load the next group
 * is there by then. Later than on machines whoever waits at a follower hears of a change by so much.
 */
export const COMMIT_NOTICE_MS = 50;

/** An object has 128 MB in all, and a command is there several times over: as text, in the log's tail, in messages. */
export const MAX_WAITING_BYTES = 8 << 20;

/**
 * Calls to nodes elsewhere at a time: the platform opens no more connections for an object, and one that waits there
 * keeps its place though it was given up.
 */
export const MOST_CONNECTIONS = 6;

/** How soon an object that was made to crash comes back when nobody calls it. */
export const CRASH_RETURN_MS = 500;

/** So long a quiet node that is to be stopped, or to crash, has for waking the others. */
export const WAKE_OTHERS_MS = 100;

/** So long a crash waits for its own answer to leave. */
export const CRASH_DELAY_MS = 50;

/**
 * Events are held back so long at most while a node is opened: nearly every log is verified by then, and whoever called
 * first gets an answer. The platform ends an object that holds them back for 30 s, and callers give up before.
 */
export const HOLD_BACK_MS = 5_000;

/**
 * Of the log some 500 entries are verified at a time, which takes some milliseconds; after so many times others have
 * their turn. Each turn given away costs a timer.
 */
export const PARTS_PER_TURN = 8;

/** A node that has failed rests before it is opened again: so long the first time, and twice as long each further time. */
export const FIRST_REST_MS = 1_000;
/** Each attempt verifies the whole log. */
export const LONGEST_REST_MS = 60_000;
/** An object that dies sooner after its node was opened than this has failed; one that was idle would live longer. */
export const STABLE_AFTER_MS = 10_000;
/** Whoever has gone without a failure for so long begins with the first rest again. */
export const FORGET_FAILURES_MS = 10 * LONGEST_REST_MS;
