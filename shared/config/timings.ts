import type { Timings } from "../node/defaults.ts";
import { defaultTimings, labTimings, MIN_HEARTBEATS_PER_ELECTION_TIMEOUT } from "../node/defaults.ts";
import { wholeNumber } from "./numbers.ts";
import { usageError } from "./usage-error.ts";

/** An hour between heartbeats is a mistake; so is a slip of the thumb that makes one. */
export const LONGEST_MS = 600_000;
export const LONGEST_HEARTBEAT_MS = LONGEST_MS / 10;

export interface TimingFlags {
  readonly heartbeat?: string | undefined;
  readonly electionTimeout?: string | undefined;
  readonly labTiming?: boolean | undefined;
}

/** What is said of the timings; what is not follows from the rest. */
interface ChosenTimings {
  readonly base: Timings;
  readonly heartbeatMs: number | null;
  readonly electionTimeout: { readonly min: number; readonly max: number } | null;
}

/** What heartbeat and election timeout are called where they are said. */
export interface TimingNames {
  readonly heartbeat: string;
  readonly election: string;
}

/** Timings from `--heartbeat`, `--election-timeout` and `--lab-timing`. Throws usage errors. */
export function readTimings(flags: TimingFlags): Timings {
  return parseTimings(flags, flags.labTiming ? labTimings : defaultTimings, {
    heartbeat: "--heartbeat",
    election: "--election-timeout",
  });
}

/** Timings as they are typed, `heartbeat` in milliseconds and `electionTimeout` as MIN-MAX. Throws usage errors. */
export function parseTimings(
  { heartbeat, electionTimeout }: Pick<TimingFlags, "heartbeat" | "electionTimeout">,
  base: Timings,
  names: TimingNames,
): Timings {
  return chooseTimings(
    {
      base,
      heartbeatMs:
        heartbeat === undefined ? null : wholeNumber(names.heartbeat, heartbeat, 1, LONGEST_HEARTBEAT_MS),
      electionTimeout: electionTimeout === undefined ? null : readRange(electionTimeout, names.election),
    },
    names,
  );
}

/**
 * Whichever of heartbeat and election timeout is not said follows the other where the base would not fit. Of both said,
 * an election timeout below three heartbeats is refused: the nodes would raise it to that anyway, and what was said
 * would not be what runs. `names`: what the two are called where they were said. Throws usage errors.
 */
export function chooseTimings(
  { base, heartbeatMs, electionTimeout }: ChosenTimings,
  names: TimingNames,
): Timings {
  if (electionTimeout === null) {
    const heartbeat = heartbeatMs ?? base.heartbeatMs;
    const stretch = Math.max(1, heartbeat / base.heartbeatMs);
    return {
      heartbeatMs: heartbeat,
      electionTimeoutMinMs: Math.ceil(base.electionTimeoutMinMs * stretch),
      electionTimeoutMaxMs: Math.ceil(base.electionTimeoutMaxMs * stretch),
    };
  }
  const { min, max } = electionTimeout;
  if (min >= max) {
    throw usageError(
      `${names.election} ${min}-${max}: MIN must be below MAX, or the nodes' elections would always collide`,
    );
  }
  const longestHeartbeat = Math.floor(min / MIN_HEARTBEATS_PER_ELECTION_TIMEOUT);
  if (heartbeatMs !== null && heartbeatMs > longestHeartbeat) {
    throw usageError(
      `${names.election} ${min}-${max} with ${names.heartbeat} ${heartbeatMs}: MIN must be at least ` +
        `${MIN_HEARTBEATS_PER_ELECTION_TIMEOUT} heartbeats, here ${MIN_HEARTBEATS_PER_ELECTION_TIMEOUT * heartbeatMs}`,
    );
  }
  return {
    heartbeatMs: heartbeatMs ?? Math.min(base.heartbeatMs, longestHeartbeat),
    electionTimeoutMinMs: min,
    electionTimeoutMaxMs: max,
  };
}

function readRange(text: string, name: string): { min: number; max: number } {
  const [, minText, maxText] = /^(\d+)-(\d+)$/.exec(text) ?? [];
  if (minText === undefined || maxText === undefined) {
    throw usageError(`${name}: "${text}" is not MIN-MAX in milliseconds, as in 500-1000`);
  }
  const min = wholeNumber(`${name} MIN`, minText, MIN_HEARTBEATS_PER_ELECTION_TIMEOUT, LONGEST_MS);
  const max = wholeNumber(`${name} MAX`, maxText, MIN_HEARTBEATS_PER_ELECTION_TIMEOUT, LONGEST_MS);
  return { min, max };
}
