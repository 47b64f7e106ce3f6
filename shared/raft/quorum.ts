import type { Configuration, LogIndex, Member, NodeId } from "./types.ts";

/**
 * Quorum arithmetic, as pure functions of a configuration. Every rule of majority stands here and nowhere else. An
 * open slot counts in the size of the cluster and never agrees to anything.
 */

export type VoteResult = "won" | "lost" | "pending";

export function isMember(configuration: Configuration, id: NodeId): boolean {
  return configuration.slots.some((slot) => slot.id === id);
}

export function findMember(configuration: Configuration, id: NodeId): Member | undefined {
  for (const slot of configuration.slots) if (slot.id === id) return slot as Member;
  return undefined;
}

export function members(configuration: Configuration): Member[] {
  return configuration.slots.filter((slot): slot is Member => slot.id !== null);
}

/** How many must agree. */
function quorumSize(configuration: Configuration): number {
  return Math.floor(configuration.slots.length / 2) + 1;
}

/** Whether enough slots have a name for any vote to be won. */
export function canReachQuorum(configuration: Configuration): boolean {
  return members(configuration).length >= quorumSize(configuration);
}

/** Who has answered a candidate. Lists, not a record: an id may be any word, `constructor` included. */
export interface Votes {
  readonly granted: readonly NodeId[];
  readonly refused: readonly NodeId[];
}

/** The state of an election. */
export function voteResult(configuration: Configuration, votes: Votes): VoteResult {
  const quorum = quorumSize(configuration);
  let granted = 0;
  let unanswered = 0;
  for (const { id } of members(configuration)) {
    if (votes.granted.includes(id)) granted++;
    else if (!votes.refused.includes(id)) unanswered++;
  }
  if (granted >= quorum) return "won";
  return granted + unanswered >= quorum ? "pending" : "lost";
}

/**
 * The highest value that a quorum has reached, given each member's: the commit index from match indexes (paper 5.3),
 * a confirmed round from acknowledged rounds, the age of a majority's contact from single ones. `absent` is what an
 * open slot counts for.
 */
export function quorumValue(
  configuration: Configuration,
  reachedBy: (id: NodeId) => number,
  absent: number,
): number {
  // Highest first. Put in place one by one: a handful of values, several times in every turn of a leader.
  const values: number[] = [];
  for (const { id } of configuration.slots) {
    const value = id === null ? absent : reachedBy(id);
    let at = values.length;
    for (; at > 0 && values[at - 1]! < value; at--) values[at] = values[at - 1]!;
    values[at] = value;
  }
  return values[quorumSize(configuration) - 1] ?? absent;
}

export function committedIndex(configuration: Configuration, matchOf: (id: NodeId) => LogIndex): LogIndex {
  return quorumValue(configuration, matchOf, 0);
}
