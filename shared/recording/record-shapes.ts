import type { FlightRecord } from "./records.ts";
import { RECORDING_FORMAT, RECORDING_VERSION } from "./records.ts";

/**
 * Whether what stands in a line is a record. Only the checksums say that it is the one that was written; a line that
 * was written by somebody else can hold anything.
 */

type Check = (value: unknown) => boolean;
type Shape = Readonly<Record<string, Check>>;

const count: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0;
const index: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 1;
const time: Check = (value) => typeof value === "number" && Number.isFinite(value);
const text: Check = (value) => typeof value === "string";
const flag: Check = (value) => typeof value === "boolean";
const hash: Check = (value) => typeof value === "string" && /^[0-9a-f]{8}$/.test(value);
const exactly =
  (expected: unknown): Check =>
  (value) =>
    value === expected;
const orNull =
  (check: Check): Check =>
  (value) =>
    value === null || check(value);
const optional =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value);
const listOf =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check);
const tuple =
  (...checks: Check[]): Check =>
  (value) =>
    Array.isArray(value) && value.length === checks.length && checks.every((check, at) => check(value[at]));
const object =
  (shape: Shape): Check =>
  (value) =>
    typeof value === "object" && value !== null && misfit(value as Record<string, unknown>, shape) === null;

/** Runs rise, in indexes and in terms. */
const runs: Check = (value) =>
  listOf(tuple(index, index))(value) &&
  (value as [number, number][]).every(([first, term], at, all) => {
    const before = all[at - 1];
    return before === undefined || (first > before[0] && term > before[1]);
  });

/** More than any cluster has; every one of them is looked at for every commitment. */
const mostVoters = 1024;
const voters: Check = (value) =>
  listOf(orNull(tuple(text, text)))(value) && (value as unknown[]).length <= mostVoters;
const configuration = object({ index, clusterId: text, voters });

const opener: Shape = {
  format: exactly(RECORDING_FORMAT),
  version: exactly(RECORDING_VERSION),
  release: text,
  node: text,
  store: text,
  boot: index,
  segment: index,
  after: orNull(hash),
  dropped: count,
  state: object({
    term: count,
    leads: flag,
    durableTerm: count,
    vote: orNull(text),
    last: count,
    hash: orNull(hash),
    runs,
    durable: count,
    commit: count,
    applied: count,
    configuration: orNull(configuration),
  }),
};
const campaign: Shape = { term: index, cause: text };
const vote: Shape = { term: index, to: text, preVote: flag };

const shapes = new Map<FlightRecord["event"], Shape>([
  ["started", opener],
  ["rotated", opener],
  ["resumed", opener],
  [
    "progress",
    {
      first: optional(index),
      last: optional(index),
      runs: optional(runs),
      blocks: optional(listOf(orNull(hash))),
      hash: optional(orNull(hash)),
      configurations: optional(listOf(configuration)),
      durable: optional(count),
      acknowledged: optional(count),
      commit: optional(index),
      applied: optional(index),
      reads: optional(count),
      readIndex: optional(count),
    },
  ],
  ["term", { term: index }],
  ["hard-state", { term: index, vote: orNull(text) }],
  ["pre-candidate", campaign],
  ["candidate", campaign],
  ["vote-granted", vote],
  ["vote-refused", { ...vote, reason: text }],
  ["vote-received", { term: index, from: text, preVote: flag }],
  ["leader", { term: index, clusterId: text, voters }],
  ["follows", { term: index, leader: text }],
  ["stepped-down", campaign],
  ["truncated", { from: index, last: index }],
  ["transfer-started", { to: text }],
  ["transfer-aborted", { to: text }],
  ["peer-lost", { peer: text }],
  ["late-wake", { lateMs: time }],
  ["quiet", { term: index, leader: text }],
  ["awake", { term: index }],
  ["stalled", {}],
  ["stopped", {}],
  ["failed", { code: text }],
]);

const stamp: Shape = { seq: count, wall: time, at: time };

/** Says what keeps `value` from being a record; null when nothing does. */
export function recordProblem(value: unknown): string | null {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return "it is no JSON object";
  const record = value as Record<string, unknown>;
  const shape = shapes.get(record.event as FlightRecord["event"]);
  if (shape === undefined) return `it has no event that this version knows: ${shown(record.event)}`;
  const wrong = misfit(record, stamp) ?? misfit(record, shape);
  if (wrong !== null) return `its "${wrong}" is not what it should be`;
  if (record.event === "progress" && !entriesAreWhole(record)) return "it tells half of what entries came";
  return null;
}

/** For messages. What is no text may be of any depth. */
function shown(event: unknown): string {
  return typeof event === "string" ? JSON.stringify(event.slice(0, 80)) : typeof event;
}

/** Version of an opener that this release cannot read; null when it can, or when it is none. */
export function foreignVersion(value: unknown): number | null {
  if (typeof value !== "object" || value === null || !("format" in value) || !("version" in value))
    return null;
  const { format, version } = value;
  if (format !== RECORDING_FORMAT || typeof version !== "number") return null;
  return version === RECORDING_VERSION ? null : version;
}

function misfit(record: Record<string, unknown>, shape: Shape): string | null {
  for (const [name, check] of Object.entries(shape)) if (!check(record[name])) return name;
  return null;
}

function entriesAreWhole({ first, last, runs: terms }: Record<string, unknown>): boolean {
  if (first === undefined) return last === undefined && terms === undefined;
  const list = terms as [number, number][] | undefined;
  return last !== undefined && (last as number) >= (first as number) && list?.[0]?.[0] === first;
}
