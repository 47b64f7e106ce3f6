import type { LogIndex, NodeId, Term } from "../../shared/raft/types.ts";
import type { DiskContent, StoredEntry } from "../observed-disk.ts";
import { isEqual } from "../observed-disk.ts";
import type { Report } from "./violation.ts";

/** One node as the log's invariants see it. Disks outlive the processes that write them. */
interface Replica {
  readonly id: NodeId;
  written: DiskContent;
  durable: DiskContent;
  /** The term it leads, as it says itself. */
  leads: Term | null;
  commit: LogIndex;
  /** How much of the committed log its own written log holds, from the first entry on. */
  matched: LogIndex;
  /** From here on the written log is out of date: the node has dropped these entries, its next write says so. */
  dropped: LogIndex;
}

const empty: DiskContent = {
  log: [],
  term: 0,
  votedFor: null,
  storeId: "",
  boot: 0,
  applied: 0,
  clusterId: null,
};

/**
 * The properties of the replicated log (paper, Figure 3, and what follows from it), on what the nodes have written and
 * on what is durable. Kept up with each change: nothing is ever looked through from the start.
 */
export class LogInvariants {
  readonly #report: Report;
  readonly #quorum: number;
  readonly #replicas = new Map<NodeId, Replica>();
  /** Every entry that was ever seen, with the term of the one before it. */
  readonly #known = new Map<string, { readonly checksum: number; readonly previousTerm: Term }>();
  readonly #committed: StoredEntry[] = [];
  /** In which term each of them was first called committed. */
  readonly #committedIn: Term[] = [];

  constructor(ids: readonly NodeId[], report: Report) {
    this.#report = report;
    this.#quorum = Math.floor(ids.length / 2) + 1;
    for (const id of ids) {
      this.#replicas.set(id, {
        id,
        written: empty,
        durable: empty,
        leads: null,
        commit: 0,
        matched: 0,
        dropped: Number.POSITIVE_INFINITY,
      });
    }
  }

  /** How many entries anybody called committed. */
  get committedIndex(): LogIndex {
    return this.#committed.length;
  }

  committedTerm(index: LogIndex): Term | undefined {
    return this.#committed[index - 1]?.term;
  }

  /** A process starts on what its disk holds; `applied` entries are committed. */
  started(id: NodeId, content: DiskContent): void {
    const replica = this.#replica(id);
    if (content.term < replica.durable.term) {
      this.#report("monotonic-term", `${id} lost term ${replica.durable.term}, it is ${content.term} again`);
    }
    replica.leads = null;
    replica.commit = content.applied;
    // What was written and not synced may be gone, and with it the node forgets what it knew beyond.
    replica.written = replica.durable;
    replica.durable = content;
    this.written(id, content, firstDifference(replica.written.log, content.log));
  }

  /** `id` has removed the entries from `from` on, in memory so far. */
  truncated(id: NodeId, from: LogIndex): void {
    const replica = this.#replica(id);
    replica.dropped = Math.min(replica.dropped, from);
  }

  /** The log of `id` has changed from index `from` on. */
  written(id: NodeId, content: DiskContent, from: LogIndex): void {
    const replica = this.#replica(id);
    const before = replica.written;
    replica.written = content;
    replica.dropped = Number.POSITIVE_INFINITY;
    if (from <= before.log.length) this.#checkRemoval(replica, before, from);
    for (let index = from; index <= content.log.length; index++) this.#checkEntry(replica, index);
    this.#match(replica, from);
    this.#checkElectable();
  }

  synced(id: NodeId, content: DiskContent): void {
    const replica = this.#replica(id);
    replica.durable = content;
    this.#checkElectable();
  }

  /** `id` has become leader of `term`. */
  leads(id: NodeId, term: Term): void {
    const replica = this.#replica(id);
    replica.leads = term;
    // To lead takes the own vote, and that is durable only after all that the log held before. A leader that was
    // elected when a later one had begun already need not hold what that one has committed: it can do no harm.
    if ((this.#committedIn[replica.matched] ?? term) < term) {
      this.#report(
        "leader-completeness",
        `${id} leads term ${term} without committed entry ${this.#describe(replica.matched + 1)}`,
      );
    }
  }

  leadsNoMore(id: NodeId): void {
    this.#replica(id).leads = null;
  }

  /** `id` says that everything up to `index` is committed. */
  committed(id: NodeId, index: LogIndex, previous: LogIndex): void {
    const replica = this.#replica(id);
    if (previous !== replica.commit || index <= previous) {
      this.#report("monotonic-commit", `${id} moves its commit index from ${replica.commit} to ${index}`);
    }
    replica.commit = index;
    while (this.#committed.length < index) {
      const next = this.#committed.length + 1;
      const entry = this.#onQuorum(next);
      if (entry === undefined) {
        this.#report("committed-on-quorum", `${id} calls entry ${next} committed: ${this.#holdersOf(next)}`);
        return;
      }
      this.#committed.push(entry);
      this.#committedIn.push(replica.leads ?? entry.term);
    }
    for (const each of this.#replicas.values()) this.#match(each, each.matched + 1);
    this.#checkCommitted(replica);
    this.#checkElectable();
  }

  /** How much of what is committed `id` has written, from the first entry on. */
  heldBy(id: NodeId): LogIndex {
    return this.#replica(id).matched;
  }

  /** Index up to which `id` knows of commitment in this run. */
  commitOf(id: NodeId): LogIndex {
    return this.#replica(id).commit;
  }

  /** `id` tells that it holds the leader's log up to `matchIndex`, in `term`. */
  acknowledges(id: NodeId, leaderId: NodeId, term: Term, matchIndex: LogIndex): void {
    const { durable } = this.#replica(id);
    // Writes become durable in their order: a later term on the disk proves that what was accepted in this one has
    // been there, and the later leader may have replaced it since.
    if (durable.term > term) return;
    const held = durable.term === term ? durable.log.length : 0;
    if (matchIndex > held) {
      this.#report(
        "acknowledgement-is-durable",
        `${id} acknowledges entry ${matchIndex} in term ${term}; its disk has ${durable.log.length} entries and term ${durable.term}`,
      );
      return;
    }
    const leader = this.#replica(leaderId);
    if (leader.leads !== term || matchIndex > leader.written.log.length) return;
    if (matchIndex === 0 || isEqual(durable.log[matchIndex - 1], leader.written.log[matchIndex - 1])) return;
    this.#report(
      "acknowledgement-is-durable",
      `${id} acknowledges entry ${matchIndex} and holds another than leader ${leaderId} of term ${term}`,
    );
  }

  #replica(id: NodeId): Replica {
    const replica = this.#replicas.get(id);
    if (replica === undefined) throw new Error(`no node ${id}`);
    return replica;
  }

  #checkRemoval(replica: Replica, before: DiskContent, from: LogIndex): void {
    const { id, leads } = replica;
    if (leads !== null) {
      this.#report("leader-append-only", `${id} leads term ${leads} and replaces its log from ${from} on`);
    }
    const last = Math.min(before.log.length, this.#committed.length);
    for (let index = from; index <= last; index++) {
      if (!isEqual(before.log[index - 1], this.#committed[index - 1])) continue;
      if (isEqual(replica.written.log[index - 1], this.#committed[index - 1])) continue;
      this.#report("committed-never-changes", `${id} drops committed entry ${this.#describe(index)}`);
      return;
    }
  }

  /** An entry is known by index and term: whoever holds one of that name holds it whole, and all before it. */
  #checkEntry({ id, written }: Replica, index: LogIndex): void {
    const entry = written.log[index - 1] as StoredEntry;
    const previous = written.log[index - 2];
    const previousTerm = previous?.term ?? 0;
    if (previous !== undefined && previous.time > entry.time) {
      this.#report("monotonic-time", `${id}: entry ${index} is older than the one before it`);
    }
    const key = `${index} ${entry.term}`;
    const known = this.#known.get(key);
    if (known === undefined) {
      this.#known.set(key, { checksum: entry.checksum, previousTerm });
    } else if (known.checksum !== entry.checksum) {
      this.#report("log-matching", `${id} holds another entry ${index} of term ${entry.term} than others`);
    } else if (known.previousTerm !== previousTerm) {
      this.#report(
        "log-matching",
        `${id} holds entry ${index} of term ${entry.term} after one of term ${previousTerm}, others after one of ${known.previousTerm}`,
      );
    }
  }

  /** Brings `matched` up to date; entries before `from` have not changed. */
  #match(replica: Replica, from: LogIndex): void {
    replica.matched = Math.min(replica.matched, from - 1);
    const { log } = replica.written;
    const last = Math.min(log.length, this.#committed.length);
    while (replica.matched < last && isEqual(log[replica.matched], this.#committed[replica.matched])) {
      replica.matched++;
    }
    this.#checkCommitted(replica);
  }

  /** What a node itself calls committed is what everybody calls committed. */
  #checkCommitted({ id, written, commit, matched, dropped }: Replica): void {
    const due = Math.min(commit, written.log.length, this.#committed.length, dropped - 1);
    if (matched >= due) return;
    this.#report(
      "committed-never-changes",
      `${id} calls its entry ${matched + 1} of term ${written.log[matched]?.term} committed, which is ${this.#describe(matched + 1)}`,
    );
  }

  /**
   * Leader completeness foreseen: a node that lacks a committed entry finds no majority whose logs, as far as they are
   * durable, are not newer than its own (paper 5.4.1 and 5.4.3).
   */
  #checkElectable(): void {
    for (const candidate of this.#replicas.values()) {
      if (candidate.matched >= this.#committed.length || candidate.written.boot === 0) continue;
      let votes = 0;
      for (const voter of this.#replicas.values()) {
        if (voter.durable.boot > 0 && isUpToDate(candidate.written.log, voter.durable.log)) votes++;
      }
      if (votes < this.#quorum) continue;
      this.#report(
        "leader-completeness",
        `${candidate.id} could be elected by ${votes} nodes without committed entry ${this.#describe(candidate.matched + 1)}`,
      );
      return;
    }
  }

  #onQuorum(index: LogIndex): StoredEntry | undefined {
    for (const { durable } of this.#replicas.values()) {
      const entry = durable.log[index - 1];
      let holders = 0;
      for (const other of this.#replicas.values()) {
        if (isEqual(entry, other.durable.log[index - 1])) holders++;
      }
      if (holders >= this.#quorum) return entry;
    }
    return undefined;
  }

  #holdersOf(index: LogIndex): string {
    const held = [...this.#replicas.values()].map(({ id, durable }) => {
      const entry = durable.log[index - 1];
      return `${id} ${entry === undefined ? "has none" : `has one of term ${entry.term}`}`;
    });
    return `durably ${held.join(", ")}`;
  }

  #describe(index: LogIndex): string {
    return `${index} of term ${this.#committed[index - 1]?.term}`;
  }
}

function isUpToDate(log: readonly StoredEntry[], other: readonly StoredEntry[]): boolean {
  const term = log.at(-1)?.term ?? 0;
  const otherTerm = other.at(-1)?.term ?? 0;
  return term > otherTerm || (term === otherTerm && log.length >= other.length);
}

function firstDifference(a: readonly StoredEntry[], b: readonly StoredEntry[]): LogIndex {
  let index = 1;
  while (isEqual(a[index - 1], b[index - 1])) index++;
  return index;
}
