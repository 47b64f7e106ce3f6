import type { NodeId, Term } from "../../shared/raft/types.ts";
import type { DiskContent } from "../observed-disk.ts";
import type { Report } from "./violation.ts";

/** Who leads and who voted for whom (paper 5.2), by what the nodes say of themselves and to each other. */
export class ElectionInvariants {
  readonly #report: Report;
  readonly #leaders = new Map<Term, string>();
  readonly #votes = new Map<string, NodeId>();
  readonly #terms = new Map<NodeId, Term>();

  constructor(report: Report) {
    this.#report = report;
  }

  /** The highest term anybody led. */
  get latestTerm(): Term {
    return Math.max(0, ...this.#leaders.keys());
  }

  leaderOf(term: Term): NodeId | undefined {
    return this.#leaders.get(term);
  }

  /** The term that a running node is in. */
  termOf(id: NodeId): Term {
    return this.#terms.get(id) ?? 0;
  }

  started(id: NodeId, { term }: DiskContent): void {
    this.#terms.set(id, term);
  }

  /** A running node has come to `term`. */
  reaches(id: NodeId, term: Term): void {
    const before = this.#terms.get(id) ?? 0;
    if (term < before) this.#report("monotonic-term", `${id} went back from term ${before} to ${term}`);
    this.#terms.set(id, term);
  }

  /** `id` says that it leads `term`, or speaks as if it did. */
  leads(id: NodeId, term: Term): void {
    const known = this.#leaders.get(term);
    if (known === undefined) this.#leaders.set(term, id);
    else if (known !== id) this.#report("election-safety", `${known} and ${id} both lead term ${term}`);
  }

  /** A vote for `candidate` leaves `id`, whose disk holds `durable`. */
  votes(id: NodeId, candidate: NodeId, term: Term, durable: DiskContent): void {
    const key = `${durable.storeId} ${term}`;
    const known = this.#votes.get(key);
    if (known !== undefined && known !== candidate) {
      this.#report("one-vote-per-term", `${id} votes in term ${term} for ${candidate} and for ${known}`);
    }
    this.#votes.set(key, candidate);
    const isDurable = durable.term > term || (durable.term === term && durable.votedFor === candidate);
    if (!isDurable) {
      this.#report(
        "vote-is-durable",
        `${id} votes in term ${term} for ${candidate}; its disk says ${durable.votedFor} in term ${durable.term}`,
      );
    }
  }
}
