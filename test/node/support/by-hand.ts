import type { ExchangeReply, SingleMessageType } from "../../../shared/node/api.ts";
import { protocolVersion } from "../../../shared/node/wire.ts";
import type { Machine } from "./machine.ts";
import { Waiting } from "./waiting.ts";

/** Messages that a test writes itself, in the name of a machine that is cut off or that does not exist. */

export type Fields = Readonly<Record<string, unknown>>;

/** One exchange, as `from` would make it. */
export function exchangeAs(
  from: Machine,
  to: Machine,
  messages: readonly Fields[],
  introduction: Fields = {},
): Waiting<ExchangeReply> {
  const { clusterId, storeId } = from.raft;
  const head = { version: protocolVersion, clusterId, id: from.id, storeId, to: "", ...introduction };
  return new Waiting(to.node.exchange(JSON.stringify({ ...head, messages })));
}

export function append(
  from: Machine,
  term: number,
  [prevLogIndex, prevLogTerm]: readonly [index: number, term: number],
  entries: readonly Fields[] = [],
  rest: Fields = {},
): Fields {
  return {
    type: "AppendEntries",
    term,
    leaderId: from.id,
    prevLogIndex,
    prevLogTerm,
    leaderCommit: prevLogIndex,
    heartbeatMs: 100,
    round: 1,
    entries,
    ...rest,
  };
}

export function command(term: number, cmd: string, rest: Fields = {}): Fields {
  return { term, kind: "command", time: 1, cmd, ...rest };
}

export function noop(term: number): Fields {
  return { term, kind: "noop", time: 1 };
}

/** What a reply carries. */
export function messagesOf(reply: Waiting<ExchangeReply>): Fields[] {
  return (bodyOf(reply).messages ?? []) as Fields[];
}

export function bodyOf(reply: Waiting<ExchangeReply>): Fields {
  return JSON.parse(String(reply.value.body)) as Fields;
}

/** One message by its own route, as a person with curl would send it. */
export function singleTo(to: Machine, type: SingleMessageType, fields: Fields): Waiting<ExchangeReply> {
  return new Waiting(to.node.single(type, JSON.stringify({ clusterId: to.raft.clusterId, ...fields })));
}
