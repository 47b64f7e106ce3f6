import type { AppendEntries, Message, NodeId } from "../raft/types.ts";
import type { LogEntry, Payload } from "../storage/entry.ts";
import { badMessage, Fields } from "./fields.ts";
import { decodeEntry, decodePayload, encodeEntry, encodePayload } from "./wire-entry.ts";

/**
 * What nodes say to each other: an exchange carries a batch of one-way messages to a peer, its reply brings that
 * peer's batch back. JSON with the paper's field names; unknown fields and unknown messages are ignored.
 */

export const protocolVersion = 1;

/** A command on its way to the leader. Its origin is the sender, in the boot that the message names. */
export interface ForwardedCommand extends Pick<Payload, "schema" | "bytes"> {
  readonly sequence: number;
  readonly floor: number;
}

export interface Forward {
  readonly type: "Forward";
  readonly from: NodeId;
  readonly to: NodeId;
  readonly boot: number;
  /** Rises with every Forward of a boot: whoever has taken one in ignores it, and older ones, from then on. */
  readonly call: number;
  readonly commands: readonly ForwardedCommand[];
}

/** What became of one forwarded command: in the leader's log at an index, done already, or certainly not taken. */
export type ForwardResult =
  | { readonly sequence: number; readonly outcome: "appended"; readonly index: number; readonly term: number }
  | { readonly sequence: number; readonly outcome: "applied" }
  | { readonly sequence: number; readonly outcome: "refused"; readonly reason: string };

export interface ForwardResponse {
  readonly type: "ForwardResponse";
  readonly from: NodeId;
  readonly to: NodeId;
  readonly boot: number;
  readonly call: number;
  readonly results: readonly ForwardResult[];
}

export type NodeMessage = Message | Forward | ForwardResponse;

/** Who speaks. Goes with every exchange, in both directions. */
export interface Introduction {
  readonly version: number;
  /** null until the cluster's first entry is committed here. */
  readonly clusterId: string | null;
  readonly id: NodeId;
  readonly storeId: string;
  /** How many nodes the sender's peer list makes, itself included; absent once it knows its cluster. */
  readonly size?: number;
}

export interface ExchangeRequest extends Introduction {
  /** The address the sender dialled: how its list reaches the receiver. */
  readonly to: string;
  /** The data directory that the sender expects there, where it knows. */
  readonly toStoreId?: string;
  readonly messages: readonly NodeMessage[];
}

export interface ExchangeResponse extends Introduction {
  readonly messages: readonly NodeMessage[];
}

/** Who speaks, and to whom: an exchange without its messages. */
export type ExchangeHead = RequestHead | Introduction;

export function encodeExchange(exchange: ExchangeRequest | ExchangeResponse): string {
  const { messages, ...introduction } = exchange;
  const head = JSON.stringify(introduction);
  return `${head.slice(0, -1)},"messages":[${messages.map(encodeMessage).join(",")}]}`;
}

export function encodeMessage(message: NodeMessage): string {
  const { from: _from, to: _to, ...rest } = message;
  if (rest.type === "Forward") {
    const commands = rest.commands.map(({ schema, bytes, ...command }) => ({
      ...command,
      ...encodePayload({ schema, bytes }),
    }));
    return JSON.stringify({ ...rest, commands });
  }
  if (rest.type !== "AppendEntries") return JSON.stringify(rest);
  const { entries, ...header } = rest;
  const head = JSON.stringify(header);
  return `${head.slice(0, -1)},"entries":[${(entries as readonly LogEntry[]).map(encodeEntry).join(",")}]}`;
}

/** A JSON object; anything else is a RaftLiteError `bad-message`, 400. */
export function parseObject(text: string): Fields {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw badMessage("the body is not JSON");
  }
  return Fields.of(value, "the body");
}

export type RequestHead = Omit<ExchangeRequest, "messages">;

export function decodeRequestHead(fields: Fields): RequestHead {
  return {
    ...decodeIntroduction(fields),
    to: fields.has("to") ? fields.name("to") : "",
    ...(fields.has("toStoreId") && { toStoreId: fields.text("toStoreId") }),
  };
}

export function decodeIntroduction(fields: Fields): Introduction {
  if (!fields.has("clusterId")) {
    throw badMessage(
      'field "clusterId" is missing: the cluster\'s id, or null from a node that has none yet',
    );
  }
  return {
    version: fields.countOr("version", protocolVersion),
    clusterId: fields.nameOrNull("clusterId"),
    id: fields.name("id"),
    storeId: fields.name("storeId"),
    ...(fields.has("size") && { size: fields.count("size") }),
  };
}

/** `self` is who receives: messages carry neither sender nor receiver, the exchange does. */
export function decodeRequest(text: string, self: NodeId): ExchangeRequest {
  const fields = parseObject(text);
  const head = decodeRequestHead(fields);
  return { ...head, messages: decodeMessages(fields, head.id, self) };
}

export function decodeResponse(text: string, self: NodeId): ExchangeResponse {
  const fields = parseObject(text);
  const introduction = decodeIntroduction(fields);
  return { ...introduction, messages: decodeMessages(fields, introduction.id, self) };
}

function decodeMessages(fields: Fields, from: NodeId, to: NodeId): NodeMessage[] {
  const messages: NodeMessage[] = [];
  fields.list("messages").forEach((value, position) => {
    const message = decodeMessage(Fields.of(value, `message ${position}`), from, to);
    if (message) messages.push(message);
  });
  return messages;
}

/** null for a kind of message that this version does not know. */
export function decodeMessage(fields: Fields, from: NodeId, to: NodeId): NodeMessage | null {
  const type = fields.text("type");
  if (type === "Forward") return decodeForward(fields, from, to);
  if (type === "ForwardResponse") return decodeForwardResponse(fields, from, to);
  const decode = decoders[type as Message["type"]];
  if (!Object.hasOwn(decoders, type) || decode === undefined) return null;
  return decode(fields, { from, to, term: checkedTerm(fields.count("term")) });
}

export interface Envelope {
  readonly from: NodeId;
  readonly to: NodeId;
  readonly term: number;
}

const decoders: { readonly [Type in Message["type"]]: (fields: Fields, envelope: Envelope) => Message } = {
  RequestVote: (fields, envelope) => ({
    type: "RequestVote",
    ...envelope,
    candidateId: senderOf(fields, "candidateId", envelope),
    lastLogIndex: fields.count("lastLogIndex"),
    lastLogTerm: fields.count("lastLogTerm"),
    preVote: fields.booleanOr("preVote", false),
    leadershipTransfer: fields.booleanOr("leadershipTransfer", false),
    ...(fields.booleanOr("lowPriority", false) && { lowPriority: true }),
  }),
  RequestVoteResponse: (fields, envelope) => ({
    type: "RequestVoteResponse",
    ...envelope,
    voteGranted: fields.boolean("voteGranted"),
    preVote: fields.booleanOr("preVote", false),
    requestTerm: fields.countOr("requestTerm", envelope.term),
  }),
  AppendEntries: decodeAppendEntries,
  AppendEntriesResponse: (fields, envelope) => ({
    type: "AppendEntriesResponse",
    ...envelope,
    success: fields.boolean("success"),
    matchIndex: fields.count("matchIndex"),
    conflictIndex: fields.count("conflictIndex"),
    conflictTerm: fields.count("conflictTerm"),
    prevLogIndex: fields.count("prevLogIndex"),
    round: fields.count("round"),
    ...(fields.booleanOr("quiet", false) && { quiet: true }),
    ...(fields.booleanOr("lowPriority", false) && { lowPriority: true }),
  }),
  TimeoutNow: (_fields, envelope) => ({ type: "TimeoutNow", ...envelope }),
  ReadIndex: (fields, envelope) => ({ type: "ReadIndex", ...envelope, readId: fields.count("readId") }),
  ReadIndexResponse: (fields, envelope) => ({
    type: "ReadIndexResponse",
    ...envelope,
    readId: fields.count("readId"),
    readIndex: fields.countOrNull("readIndex"),
  }),
};

/** Nobody stands, or leads, in another's name. */
function senderOf(fields: Fields, name: string, { from }: Envelope): NodeId {
  const id = fields.name(name);
  if (id !== from) throw badMessage(`field "${name}" names ${id}, but the message comes from ${from}`);
  return id;
}

/** A leader that beat more seldom than once a minute would keep its followers from ever electing another. */
const longestHeartbeatMs = 60_000;

/** Terms rise by one an election: far from here to 2^53, where numbers end, and no node may be sent there. */
const highestTerm = 2 ** 48;

export function checkedTerm(term: number): number {
  if (term > highestTerm) throw badMessage(`field "term" is above ${highestTerm}`);
  return term;
}

function decodeAppendEntries(fields: Fields, envelope: Envelope): AppendEntries {
  const prevLogIndex = fields.count("prevLogIndex");
  const prevLogTerm = fields.count("prevLogTerm");
  const entries = (fields.has("entries") ? fields.list("entries") : []).map((value, position) =>
    decodeEntry(value, prevLogIndex + 1 + position, `entry ${position}`),
  );
  return checkedAppendEntries({
    type: "AppendEntries",
    ...envelope,
    leaderId: senderOf(fields, "leaderId", envelope),
    prevLogIndex,
    prevLogTerm,
    leaderCommit: fields.count("leaderCommit"),
    heartbeatMs: fields.countOr("heartbeatMs", 0),
    ...(fields.has("logClusterId") && { logClusterId: fields.text("logClusterId") }),
    round: fields.countOr("round", 0),
    ...(fields.booleanOr("quiesce", false) && { quiesce: true }),
    entries,
  });
}

/** What holds for every AppendEntries of a leader, however it came. */
export function checkedAppendEntries(message: AppendEntries): AppendEntries {
  const { prevLogIndex, prevLogTerm, entries } = message;
  let term = prevLogTerm;
  if ((prevLogIndex === 0) !== (prevLogTerm === 0)) throw badMessage("only index 0 has term 0");
  for (const entry of entries) {
    if (entry.term < term || entry.term === 0) throw badMessage("terms of entries rise from 1");
    term = entry.term;
  }
  if (term > message.term) throw badMessage("an entry's term is above the message's");
  if (message.heartbeatMs > longestHeartbeatMs)
    throw badMessage(`field "heartbeatMs" is above ${longestHeartbeatMs}`);
  return message;
}

function decodeForward(fields: Fields, from: NodeId, to: NodeId): Forward {
  const commands = fields.list("commands").map((value, position): ForwardedCommand => {
    const where = `command ${position}`;
    const command = Fields.of(value, where);
    return {
      sequence: command.count("sequence"),
      floor: command.count("floor"),
      ...decodePayload(command, where),
    };
  });
  return { type: "Forward", from, to, boot: fields.count("boot"), call: fields.count("call"), commands };
}

function decodeForwardResponse(fields: Fields, from: NodeId, to: NodeId): ForwardResponse {
  const results = fields.list("results").flatMap((value, position): ForwardResult[] => {
    const result = Fields.of(value, `result ${position}`);
    const sequence = result.count("sequence");
    const outcome = result.text("outcome");
    if (outcome === "appended") {
      return [{ sequence, outcome, index: result.count("index"), term: result.count("term") }];
    }
    if (outcome === "applied") return [{ sequence, outcome }];
    if (outcome === "refused") return [{ sequence, outcome, reason: result.textOr("reason", "not-leader") }];
    // A word that this release does not know is no word: the command may be in a log.
    return [];
  });
  return {
    type: "ForwardResponse",
    from,
    to,
    boot: fields.count("boot"),
    call: fields.count("call"),
    results,
  };
}
