import type { LogIndex, NodeId, Term } from "../raft/types.ts";
import type { Findings, Where } from "./findings.ts";
import { HashTable } from "./hash-table.ts";
import type { RecordedVoter } from "./records.ts";
import type { Stretch, TermRuns } from "./term-runs.ts";
import { nameOf, quorumOf } from "./voters.ts";

/** A commit index, by the node that tells it. */
export interface CommitClaim {
  /** The first that it had not called committed before. */
  readonly from: LogIndex;
  readonly index: LogIndex;
  readonly runs: TermRuns;
  /** The node's term: the commitment is of this one or an earlier one. */
  readonly term: Term;
  /** In force at the node. */
  readonly voters: readonly RecordedVoter[];
  readonly node: NodeId;
  readonly where: Where;
}

/** Entries that somebody called committed. */
interface Committed extends Omit<CommitClaim, "from" | "index" | "runs" | "term"> {
  readonly term: Term;
  readonly first: LogIndex;
  readonly last: LogIndex;
  /** Whoever said so was in this term. */
  readonly knownIn: Term;
}

/** How far somebody knew the log to be committed. */
interface KnownCommit {
  readonly index: LogIndex;
  readonly where: Where;
}

interface Removal {
  readonly node: NodeId;
  readonly stretches: readonly Stretch[];
  readonly where: Where;
}

/** A range of the log, both ends included. */
export interface Range {
  readonly first: LogIndex;
  readonly last: LogIndex;
}

/** What one recording says of what its node ever had on its disk. */
export interface Holdings {
  readonly store: string;
  /** By term: entries of one term are in one piece in every log. */
  readonly held: ReadonlyMap<Term, Range>;
  /** Entries of which the recording does not tell. */
  readonly unknown: readonly Range[];
  /** What the node acknowledged in earlier terms is told. */
  readonly reachesTerm: Term;
}

/** The log of a node at the moment it became leader. */
export interface LeaderLog {
  readonly term: Term;
  readonly node: NodeId;
  readonly runs: TermRuns;
  readonly where: Where;
}

/**
 * The log of one cluster as all recordings together tell it: what stands where, what is committed, who had it on disk.
 * An entry is known by index and term. Clocks play no part: what a term proves is all that is concluded of order.
 */
export class RecordedLog {
  readonly #findings: Findings;
  readonly #hashes = new Map<Term, HashTable>();
  /** Where the entries of a term begin, and the term before; undefined: not known. */
  readonly #beginnings = new Map<Term, { first: LogIndex; before: Term | undefined; where: Where }>();
  /** In the order of the log, without overlaps. */
  readonly #committed: Committed[] = [];
  /** By the term in which it was known: the farthest commit index. */
  readonly #knownCommits = new Map<Term, KnownCommit>();
  readonly #removals: Removal[] = [];
  readonly #holdings: Holdings[] = [];

  constructor(findings: Findings) {
    this.#findings = findings;
  }

  /** The last entry that anybody called committed; 0 when there is none. */
  get committed(): LogIndex {
    return this.#committed.at(-1)?.last ?? 0;
  }

  /** A record that calls it committed. */
  get lastClaim(): Where | null {
    return this.#committed.at(-1)?.where ?? null;
  }

  /** Entries of `term` begin at `first`, after one of term `before` (undefined: not known). */
  begins(term: Term, first: LogIndex, before: Term | undefined, where: Where): void {
    const known = this.#beginnings.get(term);
    if (known === undefined) {
      this.#beginnings.set(term, { first, before, where });
      return;
    }
    if (known.first !== first) {
      this.#findings.add(
        "log-matching",
        `the entries of term ${term} begin at ${first} in one log and at ${known.first} in another`,
        known.where,
        where,
      );
    } else if (known.before === undefined) {
      this.#beginnings.set(term, { first, before, where });
    } else if (before !== undefined && known.before !== before) {
      this.#findings.add(
        "log-matching",
        `entry ${first} of term ${term} stands after one of term ${before} in one log and after one of term ${known.before} in another`,
        known.where,
        where,
      );
    }
  }

  /** The entry at `index`, and those before it in its block, have this hash. */
  hashes(term: Term, index: LogIndex, hash: string, where: Where): void {
    let table = this.#hashes.get(term);
    if (table === undefined) {
      table = new HashTable();
      this.#hashes.set(term, table);
    }
    const other = table.note(index, Number.parseInt(hash, 16), where);
    if (other === null) return;
    this.#findings.add(
      "log-matching",
      `two logs have an entry ${index} of term ${term}, and differ in it or shortly before it`,
      other,
      where,
    );
  }

  commits(claim: CommitClaim): void {
    const known = this.#knownCommits.get(claim.term);
    if (known === undefined || known.index < claim.index) {
      this.#knownCommits.set(claim.term, { index: claim.index, where: claim.where });
    }
    for (const stretch of claim.runs.stretches(claim.from, claim.index)) this.#commit(stretch, claim);
  }

  #commit({ term, first, last }: Stretch, { term: knownIn, voters, node, where }: CommitClaim): void {
    let next = first;
    let at = this.#firstAtOrAfter(first);
    while (next <= last) {
      const other = this.#committed[at];
      if (other === undefined || other.first > next) {
        const end = Math.min(last, (other?.first ?? Number.POSITIVE_INFINITY) - 1);
        at = this.#insert(at, { term, first: next, last: end, knownIn, voters, node, where });
        next = end + 1;
        continue;
      }
      if (other.term !== term) {
        this.#findings.add(
          "state-machine-safety",
          `entry ${next} is committed with term ${other.term} at ${other.node} and with term ${term} at ${node}`,
          other.where,
          where,
        );
        return;
      }
      next = other.last + 1;
      at++;
    }
  }

  /** Returns the position after it. What continues the part before becomes one with it. */
  #insert(at: number, part: Committed): number {
    const before = this.#committed[at - 1];
    const continues =
      before !== undefined &&
      before.last === part.first - 1 &&
      before.term === part.term &&
      before.knownIn === part.knownIn &&
      before.node === part.node &&
      before.voters === part.voters;
    // The later record calls everything before it committed too.
    this.#committed.splice(continues ? at - 1 : at, continues ? 1 : 0, {
      ...part,
      first: continues ? before.first : part.first,
    });
    return continues ? at : at + 1;
  }

  /** Position of the first part that ends at `index` or after it. */
  #firstAtOrAfter(index: LogIndex): number {
    let low = 0;
    let high = this.#committed.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#committed[middle]!.last < index) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** These entries are not in the log of `node` any more. */
  removes(node: NodeId, stretches: readonly Stretch[], where: Where): void {
    this.#removals.push({ node, stretches, where });
  }

  holds(holdings: Holdings): void {
    this.#holdings.push(holdings);
  }

  /** What can be said only when all recordings have been read. */
  conclude(leaders: Iterable<LeaderLog>): void {
    for (const removal of this.#removals) this.#judgeRemoval(removal);
    this.#judgeLeaders([...leaders]);
    for (const part of this.#committed) this.#judgeMajority(part);
  }

  #judgeRemoval({ node, stretches, where }: Removal): void {
    for (const { term, first, last } of stretches) {
      for (let at = this.#firstAtOrAfter(first); at < this.#committed.length; at++) {
        const part = this.#committed[at]!;
        if (part.first > last) break;
        if (part.term !== term) continue;
        const index = Math.max(first, part.first);
        this.#findings.add(
          "committed-never-changes",
          `${node} lost entry ${index} of term ${term}, which ${part.node} calls committed`,
          part.where,
          where,
        );
        return;
      }
    }
  }

  /** A leader has everything that was known to be committed in earlier terms; both in the order of their terms. */
  #judgeLeaders(leaders: readonly LeaderLog[]): void {
    const commits = [...this.#knownCommits].sort(([a], [b]) => a - b);
    let due: KnownCommit | null = null;
    let next = 0;
    for (const leader of leaders.toSorted((a, b) => a.term - b.term)) {
      for (; next < commits.length && commits[next]![0] < leader.term; next++) {
        const known = commits[next]![1];
        if (known.index > (due?.index ?? 0)) due = known;
      }
      if (due !== null) this.#judgeLeader(leader, due);
    }
  }

  /** Equal logs up to what is due follow from log matching. */
  #judgeLeader({ term, node, runs, where }: LeaderLog, due: KnownCommit): void {
    if (due.index < runs.first) return;
    const committed = this.#committed[this.#firstAtOrAfter(due.index)];
    const own = runs.termAt(due.index);
    if (committed === undefined || committed.first > due.index || own === committed.term) return;
    const instead = own === undefined ? "none there" : `one of term ${own}`;
    this.#findings.add(
      "leader-completeness",
      `${node} leads term ${term} without committed entry ${due.index} of term ${committed.term}: its log has ${instead}`,
      due.where,
      where,
    );
  }

  /** Refused only where enough recordings show that they cannot have had the entry when it was committed. */
  #judgeMajority(part: Committed): void {
    const { voters, term, first, last } = part;
    const ends = this.#holdings.flatMap(({ held }) => held.get(term)?.last ?? []);
    for (const index of [first, ...ends.map((end) => end + 1)]) {
      if (index < first || index > last) continue;
      const lacking = voters.filter((voter) => this.#lacks(voter, index, part));
      if (voters.length === 0 || voters.length - lacking.length >= quorumOf(voters)) continue;
      const names = lacking.map(nameOf).join(", ");
      this.#findings.add(
        "committed-on-quorum",
        `${part.node} calls entry ${index} of term ${term} committed, which was never durable at ${names}`,
        part.where,
      );
      return;
    }
  }

  #lacks(voter: RecordedVoter, index: LogIndex, { term, knownIn }: Committed): boolean {
    if (voter === null) return true;
    const holdings = this.#holdings.find(({ store }) => store === voter[1]);
    if (holdings === undefined) return false;
    const { held, unknown, reachesTerm } = holdings;
    if (isWithin(index, held.get(term)) || unknown.some((gap) => isWithin(index, gap))) return false;
    return reachesTerm > knownIn;
  }
}

function isWithin(index: LogIndex, range: Range | undefined): boolean {
  return range !== undefined && range.first <= index && index <= range.last;
}
