import type { Entry, NodeId, RoleName } from "../../../shared/raft/types.ts";
import type { Image } from "./disk.ts";

/** The promises of paper Figure 3 and their companions, judged from outside: nothing here asks the core's opinion. */

/** One node as an observer who sees everything sees it. */
export interface Observed {
  readonly id: NodeId;
  /** Counts the node's starts: what lives in memory alone may fall from one to the next. */
  readonly boot: number;
  /** null while it is down. */
  readonly running: null | {
    readonly role: RoleName;
    readonly term: number;
    readonly commitIndex: number;
    readonly log: readonly Entry[];
  };
  readonly image: Image;
}

interface Committed {
  readonly entry: Entry;
  /** The lowest term of a node that was seen to hold it committed. */
  readonly inTerm: number;
}

/** What has been seen so far. A value: a new one comes out of every observation that adds to it. */
export interface History {
  readonly leaders: Readonly<Record<number, NodeId>>;
  readonly committed: readonly Committed[];
}

export const noHistory: History = { leaders: {}, committed: [] };

export interface Violation {
  readonly rule:
    | "election safety"
    | "log matching"
    | "leader completeness"
    | "committed never changes"
    | "committed is durable"
    | "a leader's vote is durable"
    | "memory agrees with the core"
    | "monotonic"
    | "acknowledged is durable"
    | "granted is durable"
    | "a leader only appends";
  readonly detail: string;
}

/** Adds what is to be seen now to what was seen before. */
export function observe(history: History, nodes: readonly Observed[]): History {
  let { leaders, committed } = history;
  for (const { id, running } of nodes) {
    if (running === null) continue;
    const { role, term, commitIndex, log } = running;
    if (role === "Leader" && leaders[term] === undefined) leaders = { ...leaders, [term]: id };
    for (let index = committed.length + 1; index <= commitIndex; index++) {
      const entry = log[index - 1];
      if (entry !== undefined) committed = [...committed, { entry, inTerm: term }];
    }
  }
  return leaders === history.leaders && committed === history.committed ? history : { leaders, committed };
}

/** What does not hold now; `history` already holds what is to be seen now. */
export function violations(history: History, nodes: readonly Observed[], quorum: number): Violation[] {
  const found: Violation[] = [];
  const report = (rule: Violation["rule"], detail: string) => found.push({ rule, detail });
  for (const { id, running, image } of nodes) {
    if (running === null) continue;
    const { role, term, commitIndex, log } = running;
    if (role === "Leader") {
      if (history.leaders[term] !== id)
        report("election safety", `${id} and ${history.leaders[term]} lead term ${term}`);
      if (image.hardState.term !== term || image.hardState.votedFor !== id)
        report("a leader's vote is durable", `${id} leads term ${term}`);
      const missing = history.committed.find(
        ({ entry, inTerm }) => inTerm < term && !same(log[entry.index - 1], entry),
      );
      if (missing) report("leader completeness", `${id} in term ${term} lacks ${name(missing.entry)}`);
    }
    for (const { entry } of history.committed) {
      if (entry.index > commitIndex) break;
      const own = log[entry.index - 1];
      if (!same(own, entry))
        report("committed never changes", `${name(entry)}, but ${id} has ${own ? name(own) : "nothing"}`);
    }
  }
  for (const { entry } of history.committed) {
    const holders = nodes.filter(({ image }) => same(image.log[entry.index - 1], entry));
    if (holders.length < quorum)
      report("committed is durable", `${name(entry)} only at ${holders.map(({ id }) => id).join(" ")}`);
  }
  for (const [i, one] of nodes.entries()) {
    for (const other of nodes.slice(i + 1)) {
      const mismatch = firstMismatch(
        one.running?.log ?? one.image.log,
        other.running?.log ?? other.image.log,
      );
      if (mismatch > 0) report("log matching", `${one.id} and ${other.id} differ at ${mismatch}`);
    }
  }
  return found;
}

/** Below the highest index where both have an entry of one term, everything must be equal. 0 when it is. */
function firstMismatch(one: readonly Entry[], other: readonly Entry[]): number {
  let agreed = Math.min(one.length, other.length);
  while (agreed > 0 && one[agreed - 1]?.term !== other[agreed - 1]?.term) agreed--;
  for (let index = agreed; index > 0; index--) if (!same(one[index - 1], other[index - 1])) return index;
  return 0;
}

/** What may not go back from one moment to the next: terms, commit, and the log of whoever leads. */
export function regressions(before: readonly Observed[], after: readonly Observed[]): Violation[] {
  const found: Violation[] = [];
  for (const [i, now] of after.entries()) {
    const then = before[i] as Observed;
    if (now.image.hardState.term < then.image.hardState.term)
      found.push({ rule: "monotonic", detail: `durable term of ${now.id} falls` });
    if (now.boot !== then.boot || now.running === null || then.running === null) continue;
    if (now.running.term < then.running.term)
      found.push({ rule: "monotonic", detail: `term of ${now.id} falls` });
    if (now.running.commitIndex < then.running.commitIndex)
      found.push({ rule: "monotonic", detail: `commit of ${now.id} falls` });
    const leads = (node: typeof now.running) => node.role === "Leader" && node.term === then.running?.term;
    if (leads(now.running) && leads(then.running)) {
      const kept = then.running.log.every((entry, at) => same(entry, now.running?.log[at]));
      if (!kept) found.push({ rule: "a leader only appends", detail: now.id });
    }
  }
  return found;
}

export function same(one: Entry | undefined, other: Entry | undefined): boolean {
  if (one === other) return true;
  if (one === undefined || other === undefined) return false;
  return one.term === other.term && one.kind === other.kind && one.data === other.data;
}

function name(entry: Entry): string {
  return `${entry.index}@${entry.term}${entry.data === undefined ? "" : ` ${String(entry.data)}`}`;
}
