import type { LogIndex, NodeId, Term } from "../raft/types.ts";
import type { Evidence } from "./evidence.ts";
import type { Rule, Where } from "./findings.ts";
import type { Electorate } from "./recorded-elections.ts";
import type { FlightRecord, Opener, RecordedState } from "./records.ts";
import type { Present } from "./replica-log.ts";
import { ReplicaLog } from "./replica-log.ts";

type Taken<Event extends FlightRecord["event"]> = Extract<FlightRecord, { event: Event }>;

/**
 * One node as its recording tells it, from record to record, over restarts too: terms, votes and leadership here, the
 * log in replica-log.ts. What concerns several nodes goes on as evidence.
 */
export class RecordedReplica implements Electorate {
  readonly node: NodeId;
  readonly store: string;
  readonly #evidence: Evidence;
  readonly #present: Present = { where: 0, term: 0, leads: false };
  readonly #log: ReplicaLog;
  /** 0 before the first record. */
  #boot = 0;
  #ended: "stopped" | "failed" | null = null;
  #elections = 0;
  #durableTerm: Term = 0;
  #vote: NodeId | null = null;
  readonly #clusters = new Set<string>();
  readonly #followings: { readonly term: Term; readonly leader: NodeId; readonly where: Where }[] = [];
  /** Terms of which votes may be missing; both ends included. */
  readonly #unknownTerms: { readonly first: Term; readonly last: Term }[] = [];

  constructor(node: NodeId, store: string, evidence: Evidence) {
    this.node = node;
    this.store = store;
    this.#evidence = evidence;
    const configured: Evidence["configured"] = (configuration) => {
      this.#clusters.add(configuration.clusterId);
      evidence.configured(configuration);
    };
    this.#log = new ReplicaLog(node, store, { ...evidence, configured }, this.#present);
  }

  get boot(): number {
    return this.#boot;
  }

  /** How the last run ended, as far as its records say; null: they do not. */
  get ended(): "stopped" | "failed" | null {
    return this.#ended;
  }

  /** How often it stood for election. */
  get elections(): number {
    return this.#elections;
  }

  get term(): Term {
    return this.#present.term;
  }

  get last(): LogIndex {
    return this.#log.runs.last;
  }

  get commit(): LogIndex {
    return this.#log.commit;
  }

  /** Clusters that its log was of; more than one only while none of their entries was committed. */
  get clusters(): ReadonlySet<string> {
    return this.#clusters;
  }

  knows(term: Term): boolean {
    if (this.#unknownTerms.some(({ first, last }) => first <= term && term <= last)) return false;
    return term < this.#durableTerm || (term === this.#durableTerm && this.#vote !== null);
  }

  /** All records have been read. */
  conclude(): void {
    const [clusterId] = this.#clusters;
    if (clusterId !== undefined && this.#clusters.size === 1) {
      const elections = this.#evidence.electionsOf(clusterId);
      for (const following of this.#followings) elections.follows({ ...following, node: this.node });
    }
    // A node that stopped may have been started again with nobody to record it.
    this.#log.conclude(this.#durableTerm);
  }

  take(record: FlightRecord, where: Where): void {
    const before = this.#present.where;
    this.#present.where = where;
    switch (record.event) {
      case "started":
      case "resumed":
      case "rotated":
        this.#open(record, before);
        return;
      default:
        if (this.#ended === "stopped") {
          this.#refuse("recording-is-consistent", `${this.node} goes on after it stopped`, before);
        }
        this.#goOn(record);
    }
  }

  #goOn(record: Exclude<FlightRecord, Opener>): void {
    const present = this.#present;
    switch (record.event) {
      case "progress":
        this.#log.progress(record);
        return;
      case "truncated":
        this.#log.truncate(record.from, record.last);
        return;
      case "term":
        this.#raise(record.term);
        return;
      case "hard-state":
        this.#makeDurable(record);
        return;
      case "candidate":
        this.#elections++;
        return;
      case "vote-granted":
        if (!record.preVote) this.#grant(record);
        return;
      case "leader":
        this.#lead(record);
        return;
      case "follows":
        present.leads = false;
        this.#followings.push({ term: record.term, leader: record.leader, where: present.where });
        return;
      case "stepped-down":
        present.leads = false;
        return;
      case "stopped":
      case "failed":
        this.#ended = record.event;
        return;
      default:
        // Told for people.
        return;
    }
  }

  #refuse(rule: Rule, message: string, ...earlier: Where[]): void {
    this.#evidence.findings.add(rule, message, ...earlier, this.#present.where);
  }

  // ---- starts and gaps ----

  #open(opener: Opener, before: Where): void {
    const { event, boot, state, dropped } = opener;
    if (dropped > 0) {
      this.#evidence.gap("dropped", `${this.node} could not write ${dropped} records`, this.#present.where);
    }
    if (this.#boot > 0 && event === "rotated") {
      if (boot !== this.#boot || !this.#isIn(state)) {
        this.#refuse(
          "recording-is-consistent",
          `${this.node} goes on from a state that its records do not lead to`,
          before,
        );
      }
      return;
    }
    if (this.#boot === 0) this.#begin(opener);
    else this.#survive(opener, before);
    this.#boot = boot;
    this.#ended = null;
    this.#present.term = state.term;
    this.#present.leads = state.leads;
    this.#durableTerm = state.durableTerm;
    this.#vote = state.vote;
    this.#log.adopt(state);
    if (state.vote !== null) this.#castVote(state.durableTerm, state.vote);
    if (state.leads) this.#leadOn(state);
  }

  #leadOn({ term, configuration }: RecordedState): void {
    if (configuration === null) return;
    const { node, store } = this;
    const leadership = { term, node, store, runs: this.#log.runs.copy(), where: this.#present.where };
    this.#evidence.electionsOf(configuration.clusterId).leadsOn(leadership);
  }

  #begin({ event, boot, state }: Opener): void {
    if (event === "started" && boot === 1) return;
    this.#unknownTerms.push({ first: 0, last: state.durableTerm - 1 });
    const from = `start ${boot}, term ${state.term} and entry ${state.last}`;
    this.#evidence.gap("head", `${this.node} is told of from ${from} on`, this.#present.where);
  }

  #isIn(state: RecordedState): boolean {
    const { term, leads, durableTerm, vote, last, durable, commit, applied } = state;
    const said = [term, leads, durableTerm, vote, last, durable, commit, applied];
    const { indexes } = this.#log;
    const known = [
      this.#present.term,
      this.#present.leads,
      this.#durableTerm,
      this.#vote,
      indexes.last,
      indexes.durable,
      indexes.commit,
      indexes.applied,
    ];
    return said.every((value, at) => value === known[at]);
  }

  /** The node was away, or records are missing: what was durable is still there, and nothing else is known to be. */
  #survive({ event, boot, state }: Opener, before: Where): void {
    const { node } = this;
    if (boot < this.#boot || (event === "started" && boot === this.#boot)) {
      this.#refuse("boot-is-fresh", `${node} starts for the time ${boot} after time ${this.#boot}`, before);
    }
    if (state.durableTerm < this.#durableTerm) {
      this.#refuse(
        "monotonic-term",
        `${node} is back in term ${state.durableTerm}; term ${this.#durableTerm} was durable`,
        before,
      );
    } else if (state.durableTerm === this.#durableTerm && this.#vote !== null && state.vote !== this.#vote) {
      const now = state.vote === null ? "for nobody" : `for ${state.vote}`;
      this.#refuse(
        "one-vote-per-term",
        `${node} voted in term ${state.durableTerm} for ${this.#vote}, and comes back with a vote ${now}`,
        before,
      );
    }
    if (boot === this.#boot && state.commit < this.#log.commit) {
      this.#refuse(
        "monotonic-commit",
        `${node} goes back from commit index ${this.#log.commit} to ${state.commit}`,
        before,
      );
    }
    const first = this.#vote === null ? this.#durableTerm : this.#durableTerm + 1;
    if (first < state.durableTerm) this.#unknownTerms.push({ first, last: state.durableTerm - 1 });
    this.#log.survives(state, before);
    this.#noteAway(boot, before);
  }

  #noteAway(boot: number, before: Where): void {
    const { node } = this;
    if (boot > this.#boot + 1) {
      const which = boot === this.#boot + 2 ? `start ${boot - 1}` : `starts ${this.#boot + 1} to ${boot - 1}`;
      this.#evidence.gap("away", `${node} left no record of ${which}`, before);
    } else if (boot > this.#boot && this.#ended !== "stopped") {
      this.#evidence.gap("away", `${node} did not record the end of start ${this.#boot}`, before);
    }
  }

  // ---- terms and votes ----

  #raise(term: Term): void {
    if (term <= this.#present.term) {
      this.#refuse("monotonic-term", `${this.node} goes from term ${this.#present.term} to ${term}`);
    }
    this.#present.term = term;
    this.#present.leads = false;
  }

  #makeDurable({ term, vote }: Taken<"hard-state">): void {
    if (term < this.#durableTerm || term > this.#present.term) {
      this.#refuse(
        "monotonic-term",
        `${this.node} makes term ${term} durable in term ${this.#present.term}, after ${this.#durableTerm}`,
      );
    }
    if (term === this.#durableTerm && this.#vote !== null && vote !== this.#vote) {
      this.#refuse(
        "one-vote-per-term",
        `${this.node} changes its vote in term ${term} from ${this.#vote} to ${vote ?? "nobody"}`,
      );
    }
    this.#durableTerm = term;
    this.#vote = vote;
    if (vote !== null) this.#castVote(term, vote);
  }

  #grant({ term, to }: Taken<"vote-granted">): void {
    this.#castVote(term, to);
    const isDurable = this.#durableTerm > term || (this.#durableTerm === term && this.#vote === to);
    if (isDurable) return;
    this.#refuse(
      "vote-is-durable",
      `${this.node} gives ${to} a vote in term ${term} that a crash could take back`,
    );
  }

  #castVote(term: Term, to: NodeId): void {
    this.#evidence.votes.cast(this.node, this.store, term, to, this.#present.where);
  }

  #lead({ term, clusterId, voters }: Taken<"leader">): void {
    const { node, store } = this;
    const { where } = this.#present;
    if (term !== this.#present.term) {
      this.#refuse(
        "recording-is-consistent",
        `${node} leads term ${term} while it is in term ${this.#present.term}`,
      );
    }
    if (this.#durableTerm !== term || this.#vote !== node) {
      this.#refuse(
        "vote-is-durable",
        `${node} leads term ${term} with a vote of its own that a crash could take back`,
      );
    }
    this.#present.leads = true;
    this.#clusters.add(clusterId);
    const runs = this.#log.runs.copy();
    this.#evidence.electionsOf(clusterId).leads({ term, node, store, voters, runs, where });
  }
}
