import type { Timings } from "../../shared/node/defaults.ts";
import {
  defaultTimings,
  labTimings,
  MIN_HEARTBEATS_PER_ELECTION_TIMEOUT,
} from "../../shared/node/defaults.ts";
import { wholeNumber } from "./numbers.ts";
import { usageError } from "./usage-error.ts";

/** An hour between heartbeats is a mistake; so is a slip of the thumb that makes one. */
const LONGEST_MS = 600_000;

export interface TimingFlags {
  readonly heartbeat?: string | undefined;
  readonly electionTimeout?: string | undefined;
  readonly labTiming?: boolean | undefined;
}

/**
 * Timings from `--heartbeat`, `--election-timeout` and `--lab-timing`. Whichever of the first two is missing follows
 * the other where the defaults would not fit. Given both, an election timeout below three heartbeats is refused: the
 * nodes would raise it to that anyway, and what was typed would not be what runs.
 */
export function readTimings(flags: TimingFlags): Timings {
  const base = flags.labTiming ? labTimings : defaultTimings;
  const heartbeat =
    flags.heartbeat === undefined ? null : wholeNumber("--heartbeat", flags.heartbeat, 1, LONGEST_MS / 10);
  const election = flags.electionTimeout === undefined ? null : readRange(flags.electionTimeout);
  if (election === null) {
    const heartbeatMs = heartbeat ?? base.heartbeatMs;
    const stretch = Math.max(1, heartbeatMs / base.heartbeatMs);
    return {
      heartbeatMs,
      electionTimeoutMinMs: Math.ceil(base.electionTimeoutMinMs * stretch),
      electionTimeoutMaxMs: Math.ceil(base.electionTimeoutMaxMs * stretch),
    };
  }
  const longestHeartbeat = Math.floor(election.min / MIN_HEARTBEATS_PER_ELECTION_TIMEOUT);
  if (heartbeat !== null && heartbeat > longestHeartbeat) {
    throw usageError(
      `--election-timeout ${election.min}-${election.max} with --heartbeat ${heartbeat}: MIN must be at least ` +
        `${MIN_HEARTBEATS_PER_ELECTION_TIMEOUT} heartbeats, here ${MIN_HEARTBEATS_PER_ELECTION_TIMEOUT * heartbeat}`,
    );
  }
  return {
    heartbeatMs: heartbeat ?? Math.min(base.heartbeatMs, longestHeartbeat),
    electionTimeoutMinMs: election.min,
    electionTimeoutMaxMs: election.max,
  };
}

function readRange(text: string): { min: number; max: number } {
  const [, minText, maxText] = /^(\d+)-(\d+)$/.exec(text) ?? [];
  if (minText === undefined || maxText === undefined) {
    throw usageError(`--election-timeout: "${text}" is not MIN-MAX in milliseconds, as in 500-1000`);
  }
  const min = wholeNumber("--election-timeout MIN", minText, MIN_HEARTBEATS_PER_ELECTION_TIMEOUT, LONGEST_MS);
  const max = wholeNumber("--election-timeout MAX", maxText, MIN_HEARTBEATS_PER_ELECTION_TIMEOUT, LONGEST_MS);
  if (min < max) return { min, max };
  throw usageError(
    `--election-timeout ${text}: MIN must be below MAX, or the nodes' elections would always collide`,
  );
}
