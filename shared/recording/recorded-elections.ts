import type { NodeId, Term } from "../raft/types.ts";
import type { Findings, Where } from "./findings.ts";
import type { LeaderLog } from "./recorded-log.ts";
import type { RecordedVoter } from "./records.ts";
import { nameOf, quorumOf } from "./voters.ts";

interface Leadership extends LeaderLog {
  readonly store: string;
  readonly voters: readonly RecordedVoter[];
}

/** A follower's word for who leads a term. */
interface Following {
  readonly term: Term;
  readonly leader: NodeId;
  readonly node: NodeId;
  readonly where: Where;
}

/** What one recording tells of votes. */
export interface Electorate {
  readonly node: NodeId;
  readonly store: string;
  /** Whether it tells of `term` all that its node voted. */
  knows(term: Term): boolean;
}

/** Who voted for whom, whatever the cluster: a data directory has one vote in a term. */
export class RecordedVotes {
  readonly #findings: Findings;
  readonly #votes = new Map<string, Map<Term, { readonly to: NodeId; readonly where: Where }>>();

  constructor(findings: Findings) {
    this.#findings = findings;
  }

  cast(node: NodeId, store: string, term: Term, to: NodeId, where: Where): void {
    let votes = this.#votes.get(store);
    if (votes === undefined) {
      votes = new Map();
      this.#votes.set(store, votes);
    }
    const known = votes.get(term);
    if (known === undefined) votes.set(term, { to, where });
    else if (known.to !== to) {
      this.#findings.add(
        "one-vote-per-term",
        `${node} votes in term ${term} for ${known.to} and for ${to}`,
        known.where,
        where,
      );
    }
  }

  of(store: string, term: Term): NodeId | null {
    return this.#votes.get(store)?.get(term)?.to ?? null;
  }
}

/** Who led which term of one cluster. */
export class RecordedElections {
  readonly #findings: Findings;
  readonly #leaders = new Map<Term, Leadership>();
  readonly #all: Leadership[] = [];
  readonly #followings: Following[] = [];

  constructor(findings: Findings) {
    this.#findings = findings;
  }

  /** By term. */
  get leaders(): ReadonlyMap<Term, Leadership> {
    return this.#leaders;
  }

  /** Also those that share a term. */
  get all(): readonly Leadership[] {
    return this.#all;
  }

  leads(leadership: Leadership): void {
    const { term, node, store, where } = leadership;
    this.#all.push(leadership);
    const known = this.#leaders.get(term);
    if (known === undefined) this.#leaders.set(term, leadership);
    else {
      const who =
        known.store === store ? `${node} becomes leader twice in` : `${known.node} and ${node} both lead`;
      this.#findings.add("election-safety", `${who} term ${term}`, known.where, where);
    }
  }

  /** At the front of a file it says that it leads; the record of its election may be gone, or was never written. */
  leadsOn(leadership: Omit<Leadership, "voters">): void {
    const { term, node, store, where } = leadership;
    // Who elected it is told by nobody.
    const told = { ...leadership, voters: [] };
    this.#all.push(told);
    const known = this.#leaders.get(term);
    if (known === undefined) this.#leaders.set(term, told);
    else if (known.store !== store) {
      const message = `${known.node} and ${node} both lead term ${term}`;
      this.#findings.add("election-safety", message, known.where, where);
    }
  }

  follows(following: Following): void {
    this.#followings.push(following);
  }

  conclude(votes: RecordedVotes, electorates: readonly Electorate[]): void {
    this.#judgeFollowers();
    for (const leadership of this.#leaders.values()) this.#judgeMajority(leadership, votes, electorates);
  }

  /** Whoever follows has heard from a leader, also where the leader's own recording is missing. */
  #judgeFollowers(): void {
    const heard = new Map<Term, Following>();
    for (const following of this.#followings) {
      const { term, leader, node, where } = following;
      const leading = this.#leaders.get(term);
      const known = heard.get(term);
      if (leading !== undefined && leading.node !== leader) {
        this.#findings.add(
          "election-safety",
          `${leading.node} leads term ${term}, in which ${node} follows ${leader}`,
          leading.where,
          where,
        );
      } else if (known !== undefined && known.leader !== leader) {
        this.#findings.add(
          "election-safety",
          `in term ${term} ${known.node} follows ${known.leader} and ${node} follows ${leader}`,
          known.where,
          where,
        );
      }
      if (known === undefined) heard.set(term, following);
    }
  }

  /** Refused only where enough recordings tell of the whole term, and of no vote for the leader. */
  #judgeMajority(leadership: Leadership, votes: RecordedVotes, electorates: readonly Electorate[]): void {
    const { term, node, voters, where } = leadership;
    const lacking = voters.filter((voter) => {
      if (voter === null) return true;
      const electorate = electorates.find(({ store }) => store === voter[1]);
      return electorate?.knows(term) === true && votes.of(voter[1], term) !== node;
    });
    if (voters.length === 0 || voters.length - lacking.length >= quorumOf(voters)) return;
    const names = lacking.map(nameOf).join(", ");
    this.#findings.add(
      "elected-by-majority",
      `${node} leads term ${term} without the votes of ${names}, of ${voters.length} voters`,
      where,
    );
  }
}
