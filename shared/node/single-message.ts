import { RaftLiteError } from "../errors.ts";
import type { Message, NodeId } from "../raft/types.ts";
import type { ExchangeReply, SingleMessageType } from "./api.ts";
import { problemReply } from "./exchanges.ts";
import type { Fields } from "./fields.ts";
import { badMessage } from "./fields.ts";
import type { PeerDirectory } from "./peer-directory.ts";
import type { Introduction, NodeMessage } from "./wire.ts";
import { decodeMessage, parseObject, protocolVersion } from "./wire.ts";

/**
 * One message of the paper by its own route, for curl and for learning. The sender is whom the message names as
 * candidate or leader; it says which cluster it speaks for, and is not heard in any other.
 */
export interface SingleMessageContext {
  readonly introduction: Introduction;
  readonly directory: PeerDirectory;
  readonly term: () => number;
  readonly converse: <Reply>(
    message: NodeMessage,
    answer: (messages: readonly NodeMessage[]) => Reply,
  ) => Promise<Reply>;
}

const senderFields = {
  RequestVote: "candidateId",
  AppendEntries: "leaderId",
  TimeoutNow: "leaderId",
} as const;

export async function answerSingle(
  type: SingleMessageType,
  body: string,
  context: SingleMessageContext,
): Promise<ExchangeReply> {
  try {
    const fields = parseObject(body);
    const sender = readSender(type, fields, context);
    const message = decodeMessage(withType(fields, type), sender.id, context.introduction.id) as Message;
    const refusal = context.directory.refusalOf(sender, null);
    if (refusal) throw new RaftLiteError(refusal.code, refusal.message, { status: 403 });
    if (!isHeard(sender, context)) return reply(context, { term: context.term(), ...unheard(type) }, null);
    return await context.converse(message, (answers) => {
      const [answer] = answers;
      if (!answer) return reply(context, { term: context.term(), ...unheard(type) }, sender.id);
      const { from: _from, to: _to, type: _type, ...rest } = answer;
      return reply(context, rest, sender.id);
    });
  } catch (error) {
    return problemReply(error);
  }
}

function readSender(
  type: SingleMessageType,
  fields: Fields,
  { introduction, directory }: SingleMessageContext,
): Introduction {
  if (!fields.has("clusterId")) {
    throw badMessage(
      'field "clusterId" is missing: the cluster\'s id, or null from a node that has none yet',
    );
  }
  const id = fields.name(senderFields[type]);
  if (id === introduction.id) throw badMessage(`the message names ${id}, which is this node, as its sender`);
  return {
    version: fields.countOr("version", protocolVersion),
    clusterId: fields.nameOrNull("clusterId"),
    id,
    // Whoever knows the cluster's id may leave out the sender's data directory.
    storeId: fields.has("storeId") ? fields.name("storeId") : (directory.storeIdOf(id) ?? ""),
    ...(fields.has("size") && { size: fields.count("size") }),
  };
}

/** A node without a cluster hears only whom it has found itself: nobody can say so by hand. */
function isHeard(sender: Introduction, { directory }: SingleMessageContext): boolean {
  return directory.clusterId !== null && directory.hears(sender);
}

function withType(fields: Fields, type: SingleMessageType): Fields {
  return fields.with("type", type);
}

function unheard(type: SingleMessageType): Record<string, unknown> {
  if (type === "RequestVote") return { voteGranted: false };
  return type === "AppendEntries" ? { success: false } : {};
}

function reply(
  context: SingleMessageContext,
  answer: Record<string, unknown>,
  peer: NodeId | null,
): ExchangeReply {
  const { clusterId, id, storeId } = context.introduction;
  return { status: 200, body: JSON.stringify({ clusterId, id, storeId, ...answer }), peer };
}
