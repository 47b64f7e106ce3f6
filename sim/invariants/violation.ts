/**
 * What must hold after every step, by name. The first five are the extended Raft paper's (Figure 3); the others are
 * what this implementation promises on top, or relies on.
 */
export const invariantNames = [
  /** At most one leader in a term. */
  "election-safety",
  /** A leader never removes or replaces an entry of its log. */
  "leader-append-only",
  /** Two logs with an entry of the same index and term are equal up to it. */
  "log-matching",
  /** What is committed is in the log of every later leader, and nobody without it could win an election. */
  "leader-completeness",
  /** All replicas apply the same commands at the same indexes, with the same results and the same state. */
  "state-machine-safety",

  /** A committed entry is durable on a majority from the moment anybody calls it committed. */
  "committed-on-quorum",
  /** An entry that is committed anywhere is never removed or replaced where it stands. */
  "committed-never-changes",
  /** One data directory votes for one candidate in a term. */
  "one-vote-per-term",
  /** A vote is told only when a crash could not take it back. */
  "vote-is-durable",
  /** An acknowledgement of entries leaves only when they are durable. */
  "acknowledgement-is-durable",
  /** Terms never fall, not over a crash either once they were durable. */
  "monotonic-term",
  /** The commit index of a running node never falls. */
  "monotonic-commit",
  /** The applied index rises, one entry after the other; the stored one never falls. */
  "monotonic-applied",
  /** Only committed entries are applied. */
  "applied-follows-commit",
  /** The time that entries carry never falls along the log. */
  "monotonic-time",
  /** The nodes that started together are one cluster, for good. */
  "one-cluster",
  /** The number of a start is never used twice. */
  "boot-is-fresh",
  /** A node falls silent under the leader of its term, with nothing left to be committed. */
  "silence",
  /** What /status shows would be found after a crash, and what it shows as committed is. */
  "status-is-true",

  /** A client's command takes effect at most once. */
  "at-most-once",
  /** A command that was answered with outcome "none" never takes effect. */
  "none-means-none",
  /** A command that was answered has taken effect, with the result and at the index that were told. */
  "acknowledged-took-effect",
  /** What clients saw could have happened one operation at a time. */
  "linearizability",
  /** What clients were answered is what the committed log gives, no older than it may be, and no watch misses a change. */
  "answers-follow-log",

  /** A node gives up only when its storage failed. */
  "node-does-not-fail",
  /** A node whose storage failed does not go on. */
  "failed-storage-stops-node",
  /** No exchange is answered as if the sender were foreign, or a second of its kind. */
  "nobody-is-refused",
  /** Once faults have ended the nodes agree, and all of them serve. */
  "liveness",
  /** At the end all replicas have stored the same. */
  "replicas-agree",
  /** Nodes wait for what they wait for: they do not spin. */
  "no-busy-loop",
] as const;

export type InvariantName = (typeof invariantNames)[number];

/** The simulator's finding. Never thrown by the code under test, whose own assertions have another type. */
export class Violation extends Error {
  override readonly name = "Violation";
  readonly invariant: InvariantName;
  /** Virtual milliseconds. */
  readonly at: number;

  constructor(invariant: InvariantName, detail: string, at: number, options?: { cause?: unknown }) {
    super(`${invariant}: ${detail}`, options);
    this.invariant = invariant;
    this.at = at;
  }
}

/** How a checker says that something is wrong. It may be called from within the code under test: it never throws. */
export type Report = (invariant: InvariantName, detail: string, cause?: unknown) => void;
