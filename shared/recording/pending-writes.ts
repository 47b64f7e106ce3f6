import type { HardState, LogIndex, NodeId, OutgoingMessage, Term } from "../raft/types.ts";
import type { LogEntry } from "../storage/entry.ts";

/** What a message promises for ever: a vote, or that the log is durable so far. */
export type Promised = { readonly term: Term; readonly to: NodeId } | LogIndex;

/** null: it promises nothing. */
export function promiseOf(message: OutgoingMessage): Promised | null {
  if (message.type === "AppendEntriesResponse") return message.success ? message.matchIndex : null;
  if (message.type !== "RequestVoteResponse" || !message.voteGranted || message.preVote) return null;
  return { term: message.requestTerm, to: message.to };
}

/** A write that is on its way to the disk, and what will be told when it is there. */
interface PendingWrite {
  readonly number: number;
  readonly hardState: HardState | undefined;
  /** Its entries; 0 when it has none. */
  readonly first: LogIndex;
  readonly last: LogIndex;
  readonly votes: { readonly term: Term; readonly to: NodeId }[];
  acknowledged: LogIndex;
}

/** The writes that the core has asked for and the disk has not answered, in their order. */
export class PendingWrites {
  #writes: PendingWrite[] = [];

  add(number: number, hardState: HardState | undefined, entries: readonly LogEntry[]): void {
    const first = entries[0]?.index ?? 0;
    const last = entries.at(-1)?.index ?? 0;
    this.#writes.push({ number, hardState, first, last, votes: [], acknowledged: 0 });
  }

  /** Keeps what is told when the newest write is durable. Returns false when it is: then it is told now. */
  promise(promised: Promised): boolean {
    const write = this.#writes.at(-1);
    if (write === undefined) return false;
    if (typeof promised === "number") write.acknowledged = Math.max(write.acknowledged, promised);
    else write.votes.push(promised);
    return true;
  }

  /** The entries from `from` on are replaced: what waits to be acknowledged was true of others. */
  truncate(from: LogIndex): void {
    for (const write of this.#writes) write.acknowledged = Math.min(write.acknowledged, from - 1);
  }

  /** Takes out the writes up to this one: they are durable. */
  complete(number: number): PendingWrite[] {
    const done: PendingWrite[] = [];
    while ((this.#writes[0]?.number ?? Number.POSITIVE_INFINITY) <= number) done.push(this.#writes.shift()!);
    return done;
  }

  /** The last entry that no write under way replaces. */
  get untouched(): LogIndex {
    let untouched = Number.POSITIVE_INFINITY;
    for (const { first } of this.#writes) if (first > 0) untouched = Math.min(untouched, first - 1);
    return untouched;
  }
}
