/** What must hold, by name. Where the simulator checks the same, it has the same name there. */
export const ruleNames = [
  /** Every line is what was written, and none is missing, added or moved. */
  "recording-chain",
  /** Every line is a record, and fits those before it. */
  "recording-is-consistent",

  /** At most one leader in a term (paper, Figure 3). */
  "election-safety",
  /** Who leads was voted for by a majority. */
  "elected-by-majority",
  /** One data directory votes for one candidate in a term, restarts included. */
  "one-vote-per-term",
  /** A vote counts, and is told, only when a crash could not take it back. */
  "vote-is-durable",
  /** Terms rise; one that was durable is there after a restart. */
  "monotonic-term",
  /** The number of a start is never used twice. */
  "boot-is-fresh",
  /** Nodes belong to one cluster, for good. */
  "one-cluster",

  /** A leader never removes an entry of its log (paper, Figure 3). */
  "leader-append-only",
  /** Two logs with an entry of the same index and term are equal up to it (paper, Figure 3). */
  "log-matching",
  /** What is committed is in the log of every later leader (paper, Figure 3). */
  "leader-completeness",
  /** What is committed at one node is committed nowhere as another entry (paper, Figure 3). */
  "state-machine-safety",
  /** What is committed is never removed. */
  "committed-never-changes",
  /** What is committed is durable on a majority. */
  "committed-on-quorum",
  /** A leader commits entries of its own term; older ones follow with them (paper, 5.4.2). */
  "own-term-commit",
  /** Only what is in the log is durable, and committed. */
  "within-the-log",
  /** What is acknowledged to a leader is durable. */
  "acknowledgement-is-durable",
  /** What was durable, or acknowledged as such, is there after a restart. */
  "durable-survives-restart",
  /** The commit index of a running node rises. */
  "monotonic-commit",
  /** The applied index of a running node rises. */
  "monotonic-applied",
  /** Only committed entries are applied. */
  "applied-follows-commit",
  /** A read is answered when its index is applied. */
  "read-follows-applied",
] as const;

export type Rule = (typeof ruleNames)[number];

/** A line of a file: the file's number and the line's, from 1. */
export type Where = number & { readonly flavor?: "where" };

/** More lines than a file of any size that is written here. */
const linesPerFile = 2 ** 28;

export function whereOf(file: number, line: number): Where {
  return file * linesPerFile + line;
}

export function placeOfWhere(where: Where): { readonly file: number; readonly line: number } {
  return { file: Math.floor(where / linesPerFile), line: where % linesPerFile };
}

/** A rule that does not hold, and the records that show it. */
export interface RawFinding {
  readonly rule: Rule;
  readonly message: string;
  readonly records: readonly Where[];
}

/** More are counted and not kept: the first ones say what went wrong. */
const mostKept = 100;

/** Takes in what is found wrong. */
export class Findings {
  readonly kept: RawFinding[] = [];
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** `records`: the same line is named once. */
  add(rule: Rule, message: string, ...records: Where[]): void {
    this.#count++;
    if (this.kept.length < mostKept) this.kept.push({ rule, message, records: [...new Set(records)] });
  }
}
