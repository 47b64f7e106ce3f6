import type { Fields } from "./body.ts";
import { own } from "./body.ts";

/** The fields of every message between nodes as they travel, and what else must hold between them. */

type Check = (value: unknown) => boolean;

const count: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0;
const flag: Check = (value) => typeof value === "boolean";
const text: Check = (value) => typeof value === "string";
const countOrNull: Check = (value) => value === null || count(value);
const maybe =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value);
const each =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check);
const shaped =
  (shape: Shape, rule: (fields: Fields) => boolean = () => true): Check =>
  (value) =>
    isObject(value) && fits(shape, value) && rule(value);

type Shape = Readonly<Record<string, Check>>;

const HIGHEST_TERM = 2 ** 48;
const LONGEST_HEARTBEAT_MS = 60_000;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

const term: Check = (value) => count(value) && (value as number) <= HIGHEST_TERM;

const payload = (fields: Fields): boolean =>
  fields.data === undefined
    ? text(fields.cmd)
    : text(fields.data) && BASE64.test(fields.data as string) && count(fields.schema);

const slot = shaped(
  { address: text, id: (id) => id === null || text(id) },
  ({ id, storeId }) => id === null || text(storeId),
);

const configuration = shaped({ clusterId: text, slots: each(slot) }, ({ slots }) => {
  const ids = (slots as Fields[]).map(({ id }) => id).filter((id) => id !== null);
  return ids.length > 0 && new Set(ids).size === ids.length;
});

const entry = shaped({ kind: text, term: count, time: count }, (fields) => {
  if (fields.kind === "noop") return true;
  if (fields.kind === "configuration") return configuration(fields.configuration);
  return fields.kind === "command" && payload(fields) && maybe(origin)(fields.origin);
});

const origin: Check = (value) => {
  if (!Array.isArray(value)) return false;
  const [node, ...counts] = value as unknown[];
  return text(node) && counts.length >= 3 && counts.slice(0, 3).every(count);
};

const command = shaped({ sequence: count, floor: count }, payload);

const result = shaped(
  { sequence: count, outcome: text, reason: maybe(text) },
  ({ outcome, index, term: of }) => outcome !== "appended" || (count(index) && count(of)),
);

interface MessageRules {
  readonly shape: Shape;
  /** The field that names the sender once more. */
  readonly sender?: string;
  readonly rule?: (fields: Fields) => boolean;
}

const MESSAGES: Readonly<Record<string, MessageRules>> = {
  RequestVote: {
    shape: {
      term,
      candidateId: text,
      lastLogIndex: count,
      lastLogTerm: count,
      preVote: maybe(flag),
      leadershipTransfer: maybe(flag),
    },
    sender: "candidateId",
  },
  RequestVoteResponse: {
    shape: { term, voteGranted: flag, preVote: maybe(flag), requestTerm: maybe(count) },
  },
  AppendEntries: {
    shape: {
      term,
      leaderId: text,
      prevLogIndex: count,
      prevLogTerm: count,
      leaderCommit: count,
      heartbeatMs: maybe((value) => count(value) && (value as number) <= LONGEST_HEARTBEAT_MS),
      logClusterId: maybe(text),
      round: maybe(count),
      entries: maybe(each(entry)),
    },
    sender: "leaderId",
    rule: termsRise,
  },
  AppendEntriesResponse: {
    shape: {
      term,
      success: flag,
      matchIndex: count,
      conflictIndex: count,
      conflictTerm: count,
      prevLogIndex: count,
      round: count,
    },
  },
  TimeoutNow: { shape: { term } },
  ReadIndex: { shape: { term, readId: count } },
  ReadIndexResponse: { shape: { term, readId: count, readIndex: countOrNull } },
  Forward: { shape: { boot: count, call: count, commands: each(command) } },
  ForwardResponse: { shape: { boot: count, call: count, results: each(result) } },
};

/** Only index 0 has term 0, and terms never fall along a log, nor rise above the message's. */
function termsRise({ prevLogIndex, prevLogTerm, entries, term: own }: Fields): boolean {
  if ((prevLogIndex === 0) !== (prevLogTerm === 0)) return false;
  const terms = [
    prevLogTerm,
    ...((entries as Fields[] | undefined) ?? []).map((one) => one.term),
  ] as number[];
  if (terms.slice(1).includes(0)) return false;
  return [...terms, own as number].every((one, at, all) => at === 0 || one >= all[at - 1]!);
}

/** Whether this is a message of that type from that sender; one of a type that nobody knows is passed over. */
export function isMessage(type: string, fields: Fields, from: unknown): boolean {
  if (!Object.hasOwn(MESSAGES, type)) return true;
  const { shape, sender, rule } = MESSAGES[type]!;
  if (!fits(shape, fields) || (rule !== undefined && !rule(fields))) return false;
  return sender === undefined || fields[sender] === from;
}

function fits(shape: Shape, fields: Fields): boolean {
  return Object.entries(shape).every(([name, check]) => check(own(fields, name)));
}

export function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export const isCount = count;
