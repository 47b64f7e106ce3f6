import type { LeaderState, RaftState } from "../../shared/raft/core.ts";
import type { Message, NodeId } from "../../shared/raft/types.ts";
import type { Local } from "./local.ts";

/**
 * What makes two states one. A key is a text under a renaming of the nodes; left out is what makes no difference to
 * what the explorer does: moments (it decides what comes first), rounds (there are no reads), sizes and limits (never
 * reached).
 */

export type Rename = (id: NodeId) => NodeId;

const terms = (entries: readonly { readonly term: number }[]) => entries.map(({ term }) => term).join("");
const name = (rename: Rename, id: NodeId | null) => (id === null ? "-" : rename(id));
const names = (rename: Rename, all: readonly NodeId[]) => all.map(rename).sort().join("");

/** The state of one node. */
export function localKey(local: Local, rename: Rename): string {
  const state = JSON.parse(local.core.encode()) as RaftState;
  const { hardState, log } = local.image;
  return [
    `${state.term}${name(rename, state.votedFor)}${name(rename, state.leader)}`,
    roleKey(state, rename),
    `${terms(local.log)}/${state.log.durableIndex}/${state.commitIndex}/${state.log.sizesFirst}`,
    `${hardState.term}${name(rename, hardState.votedFor)}${terms(log)}`,
    local.pending.map(({ hardState: hard, entries }) =>
      [
        hard ? `${hard.term}${name(rename, hard.votedFor)}` : "",
        entries[0]?.index ?? "",
        terms(entries),
      ].join("."),
    ),
    local.held.map(({ writes, message }) => `${writes}${messageKey(message, rename)}`),
  ].join("|");
}

function roleKey({ role }: RaftState, rename: Rename): string {
  switch (role.type) {
    case "follower":
      return "f";
    case "pre-candidate":
    case "candidate":
      return `${role.type}${names(rename, role.votes.granted)}/${names(rename, role.votes.refused)}`;
    case "leader":
      return `l${role.firstIndex}${transferKey(role, rename)}${progressKey(role, rename)}`;
  }
}

function transferKey({ transfer }: LeaderState, rename: Rename): string {
  return transfer === null ? "" : `${rename(transfer.to)}${transfer.sent}`;
}

function progressKey({ progress }: LeaderState, rename: Rename): string {
  return progress
    .map(
      ({ id, state, matchIndex, nextIndex, paused, inflight, sentCommit }) =>
        `${rename(id)}${state}${matchIndex},${nextIndex},${paused},${sentCommit},${inflight.map(({ last }) => last).join(".")}`,
    )
    .sort()
    .join(";");
}

export function messageKey(message: Message, rename: Rename): string {
  const head = `${rename(message.from)}${rename(message.to)}${message.term}`;
  switch (message.type) {
    case "RequestVote":
      return `${head}${message.preVote ? "p" : "v"}${message.leadershipTransfer ? "t" : ""}${message.lastLogTerm}.${message.lastLogIndex}`;
    case "RequestVoteResponse":
      return `${head}${message.preVote ? "P" : "V"}${message.requestTerm}${message.voteGranted}`;
    case "AppendEntries":
      return `${head}a${message.prevLogTerm}.${message.prevLogIndex}.${terms(message.entries)}.${message.leaderCommit}`;
    case "AppendEntriesResponse":
      return message.success
        ? `${head}s${message.matchIndex}`
        : `${head}r${message.prevLogIndex}.${message.conflictIndex}.${message.conflictTerm}`;
    default:
      return `${head}${message.type}`;
  }
}
