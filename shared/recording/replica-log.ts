import type { LogIndex, NodeId, Term } from "../raft/types.ts";
import { BLOCK_ENTRIES, blockStart } from "./content-hash.ts";
import type { Evidence } from "./evidence.ts";
import type { Rule, Where } from "./findings.ts";
import type { Range, RecordedLog } from "./recorded-log.ts";
import type { Progress, RecordedConfiguration, RecordedState } from "./records.ts";
import { TermRuns } from "./term-runs.ts";

/** The record that is being judged, and who stands behind it. */
export interface Present {
  where: Where;
  term: Term;
  leads: boolean;
}

/**
 * The log of one node as its recording tells it. What it says must fit what it said before; what concerns several
 * nodes goes on to the log of its cluster.
 */
export class ReplicaLog {
  readonly #node: NodeId;
  readonly #store: string;
  readonly #evidence: Evidence;
  readonly #present: Readonly<Present>;
  #runs = new TermRuns([], 0);
  #durable: LogIndex = 0;
  #acknowledged: LogIndex = 0;
  #commit: LogIndex = 0;
  #applied: LogIndex = 0;
  #configurations: RecordedConfiguration[] = [];
  readonly #unknown: Range[] = [];
  /** By cluster and term. */
  readonly #held = new Map<string, Map<Term, Range>>();

  constructor(node: NodeId, store: string, evidence: Evidence, present: Readonly<Present>) {
    this.#node = node;
    this.#store = store;
    this.#evidence = evidence;
    this.#present = present;
  }

  get runs(): TermRuns {
    return this.#runs;
  }

  get commit(): LogIndex {
    return this.#commit;
  }

  /** How far the log has got, for comparison with a state. */
  get indexes(): Pick<RecordedState, "last" | "durable" | "commit" | "applied"> {
    return { last: this.#runs.last, durable: this.#durable, commit: this.#commit, applied: this.#applied };
  }

  /** All that the recording says its node ever had on its disk, cluster by cluster. */
  conclude(reachesTerm: Term): void {
    for (const [clusterId, held] of this.#held) {
      this.#evidence
        .logOf(clusterId)
        .holds({ store: this.#store, held, unknown: this.#unknown, reachesTerm });
    }
  }

  #refuse(rule: Rule, message: string, ...earlier: Where[]): void {
    this.#evidence.findings.add(rule, message, ...earlier, this.#present.where);
  }

  get #clusterId(): string | null {
    return this.#configurations.at(-1)?.clusterId ?? null;
  }

  /** null while the log is empty. */
  get #log(): RecordedLog | null {
    const clusterId = this.#clusterId;
    return clusterId === null ? null : this.#evidence.logOf(clusterId);
  }

  // ---- after a start or a gap ----

  /**
   * What was durable, or acknowledged as such, must be there. Entries may have been replaced while nobody wrote it
   * down, by those of a later leader; a log never just gets shorter.
   */
  survives(state: RecordedState, before: Where): void {
    const due = Math.max(this.#durable, this.#acknowledged);
    const at = this.#firstLost(state, due);
    if (at === null) return;
    const term = this.#runs.termAt(at) ?? 0;
    const what = `${this.#node} comes back without entry ${at} of term ${term}`;
    const isReplaced = at <= state.last && term < state.term;
    if (at <= this.#commit) {
      this.#refuse("committed-never-changes", `${what}, which it called committed`, before);
    } else if (!isReplaced) {
      this.#refuse("durable-survives-restart", `${what}, which was durable`, before);
    }
    this.#log?.removes(this.#node, this.#runs.stretches(at, due), this.#present.where);
  }

  #firstLost({ runs, last, configuration }: RecordedState, due: LogIndex): LogIndex | null {
    if (due === 0) return null;
    const clusterId = this.#clusterId;
    if (clusterId !== null && clusterId !== configuration?.clusterId) return 1;
    return firstDifference(this.#runs, new TermRuns(runs, last), due);
  }

  /** Goes on from what the node says it has. */
  adopt(state: RecordedState): void {
    const { where } = this.#present;
    const runs = new TermRuns(state.runs, state.last);
    if (runs.first > this.#durable + 1) {
      this.#unknown.push({ first: this.#durable + 1, last: runs.first - 1 });
    }
    this.#runs = runs;
    this.#configurations = state.configuration === null ? [] : [state.configuration];
    if (state.configuration !== null) this.#evidence.configured(state.configuration);
    let previous: Term | undefined = runs.first === 1 ? 0 : undefined;
    for (const [first, term] of state.runs) {
      this.#log?.begins(term, first, previous, where);
      previous = term;
    }
    if (state.hash !== null && state.last > 0) {
      this.#log?.hashes(runs.lastTerm, state.last, state.hash, where);
    }
    this.#durable = 0;
    this.#acknowledged = 0;
    this.#commit = 0;
    this.#applied = 0;
    if (state.durable > 0) this.#setDurable(state.durable);
    if (state.commit > 0) this.#setCommit(state.commit, false);
    if (state.applied > 0) this.#setApplied(state.applied);
  }

  // ---- as it goes on ----

  truncate(from: LogIndex, last: LogIndex): void {
    const { term, leads, where } = this.#present;
    const what = `${this.#node} removes its entries ${from} to ${last}`;
    if (last !== this.#runs.last || from > last) {
      this.#refuse("recording-is-consistent", `${what}; its log ends at ${this.#runs.last}`);
      return;
    }
    if (leads) this.#refuse("leader-append-only", `${what} while it leads term ${term}`);
    if (from <= this.#commit) {
      this.#refuse("committed-never-changes", `${what}; it called entry ${this.#commit} committed`);
    }
    this.#log?.removes(this.#node, this.#runs.stretches(from, last), where);
    this.#runs.truncate(from);
    this.#durable = Math.min(this.#durable, from - 1);
    this.#acknowledged = Math.min(this.#acknowledged, from - 1);
    this.#commit = Math.min(this.#commit, from - 1);
    this.#applied = Math.min(this.#applied, from - 1);
    this.#forgetConfigurations(from);
  }

  /** Of those before a start only the newest was told: some older one stands, and it is of the same cluster. */
  #forgetConfigurations(from: LogIndex): void {
    const newest = this.#configurations.at(-1);
    this.#configurations = this.#configurations.filter(({ index }) => index < from);
    if (this.#configurations.length > 0 || newest === undefined || from === 1) return;
    this.#configurations = [{ ...newest, index: 1 }];
  }

  progress(progress: Progress): void {
    if (progress.first !== undefined) this.#append(progress);
    const { durable, acknowledged, commit, applied, readIndex } = progress;
    if (durable !== undefined) this.#setDurable(durable);
    if (acknowledged !== undefined) this.#setAcknowledged(acknowledged);
    if (commit !== undefined) this.#setCommit(commit, this.#present.leads);
    if (applied !== undefined) this.#setApplied(applied);
    if (readIndex !== undefined && readIndex > this.#applied) {
      this.#refuse(
        "read-follows-applied",
        `${this.#node} answers a read at ${readIndex} and has applied ${this.#applied}`,
      );
    }
  }

  #append({ first = 0, last = 0, runs = [], blocks = [], hash, configurations = [] }: Progress): void {
    const lastRun = runs.at(-1);
    const what = `${this.#node} appends entries ${first} to ${last}`;
    if (first !== this.#runs.last + 1 || lastRun === undefined || lastRun[0] > last) {
      this.#refuse("recording-is-consistent", `${what} to a log that ends at ${this.#runs.last}`);
      return;
    }
    if (runs[0]![1] < this.#runs.lastTerm || lastRun[1] > this.#present.term) {
      const terms = `terms ${runs[0]![1]} to ${lastRun[1]}`;
      this.#refuse(
        "recording-is-consistent",
        `${what} of ${terms} after one of term ${this.#runs.lastTerm}, in term ${this.#present.term}`,
      );
      return;
    }
    if (configurations.length > 0) this.#configurations = [...this.#configurations, ...configurations];
    for (const configuration of configurations) this.#evidence.configured(configuration);
    for (const [at, [start, term]] of runs.entries()) {
      const before = this.#termOfLast();
      if (term !== before) this.#log?.begins(term, start, before, this.#present.where);
      this.#runs.append(term, (runs[at + 1]?.[0] ?? last + 1) - 1);
    }
    this.#compareHashes(first, last, blocks, hash ?? null);
  }

  /** undefined where it is not known. */
  #termOfLast(): Term | undefined {
    return this.#runs.last === 0 ? 0 : this.#runs.termAt(this.#runs.last);
  }

  #compareHashes(
    first: LogIndex,
    last: LogIndex,
    blocks: readonly (string | null)[],
    hash: string | null,
  ): void {
    const log = this.#log;
    if (log === null) return;
    const { where } = this.#present;
    const firstEnd = blockStart(first) + BLOCK_ENTRIES - 1;
    for (const [at, text] of blocks.entries()) {
      const index = firstEnd + at * BLOCK_ENTRIES;
      const term = this.#runs.termAt(index);
      if (text !== null && term !== undefined) log.hashes(term, index, text, where);
    }
    if (hash !== null) log.hashes(this.#runs.lastTerm, last, hash, where);
  }

  #setDurable(durable: LogIndex): void {
    if (durable > this.#runs.last) {
      this.#refuse(
        "within-the-log",
        `${this.#node} calls entry ${durable} durable; its log ends at ${this.#runs.last}`,
      );
      return;
    }
    const clusterId = this.#clusterId;
    if (clusterId !== null) this.#hold(clusterId, this.#durable + 1, durable);
    this.#durable = durable;
  }

  #hold(clusterId: string, from: LogIndex, to: LogIndex): void {
    let held = this.#held.get(clusterId);
    if (held === undefined) {
      held = new Map();
      this.#held.set(clusterId, held);
    }
    for (const { term, first, last } of this.#runs.stretches(from, to)) {
      const known = held.get(term) ?? { first, last };
      held.set(term, { first: Math.min(known.first, first), last: Math.max(known.last, last) });
    }
  }

  #setAcknowledged(acknowledged: LogIndex): void {
    if (acknowledged > this.#durable) {
      this.#refuse(
        "acknowledgement-is-durable",
        `${this.#node} acknowledges entry ${acknowledged}; its log is durable up to ${this.#durable}`,
      );
    }
    this.#acknowledged = acknowledged;
  }

  #setCommit(commit: LogIndex, asLeader: boolean): void {
    const { term, where } = this.#present;
    const node = this.#node;
    if (commit > this.#runs.last) {
      this.#refuse(
        "within-the-log",
        `${node} calls entry ${commit} committed; its log ends at ${this.#runs.last}`,
      );
      return;
    }
    if (commit <= this.#commit) {
      this.#refuse("monotonic-commit", `${node} goes from commit index ${this.#commit} to ${commit}`);
      return;
    }
    const entryTerm = this.#runs.termAt(commit);
    if (asLeader && entryTerm !== undefined && entryTerm !== term) {
      this.#refuse(
        "own-term-commit",
        `${node} leads term ${term} and commits up to entry ${commit} of term ${entryTerm}`,
      );
    }
    const claim = {
      from: this.#commit + 1,
      index: commit,
      runs: this.#runs,
      voters: this.#configurations.at(-1)?.voters ?? [],
    };
    this.#log?.commits({ ...claim, term, node, where });
    this.#commit = commit;
  }

  #setApplied(applied: LogIndex): void {
    if (applied <= this.#applied) {
      this.#refuse(
        "monotonic-applied",
        `${this.#node} goes from applied index ${this.#applied} to ${applied}`,
      );
    }
    if (applied > this.#commit) {
      this.#refuse(
        "applied-follows-commit",
        `${this.#node} applies entry ${applied}; its commit index is ${this.#commit}`,
      );
    }
    this.#applied = applied;
  }
}

/** The first entry up to `last`, known in both, that is not the same in `after`, or not there; null when all are. */
function firstDifference(before: TermRuns, after: TermRuns, last: LogIndex): LogIndex | null {
  for (const stretch of before.stretches(after.first, last)) {
    let next = stretch.first;
    for (const other of after.stretches(stretch.first, stretch.last)) {
      if (other.term !== stretch.term) return other.first;
      next = other.last + 1;
    }
    if (next <= stretch.last) return next;
  }
  return null;
}
