import type { NodeId, RoleName } from "../../shared/raft/types.ts";
import type { Local } from "./local.ts";
import { quorum } from "./local.ts";

/** The promises of paper Figure 3, judged from outside on terms and indexes: an entry is known by both. */

export interface Facts {
  readonly id: NodeId;
  readonly role: RoleName;
  readonly term: number;
  readonly commitIndex: number;
  /** Term of each entry in memory, and on disk. */
  readonly log: readonly number[];
  readonly disk: readonly number[];
  readonly durableTerm: number;
  readonly writes: number;
}

export function factsOf({ id, core, log, image, pending }: Local): Facts {
  const { role, term, commitIndex } = core.view();
  const terms = (entries: readonly { readonly term: number }[]) => entries.map((entry) => entry.term);
  return {
    id,
    role,
    term,
    commitIndex,
    log: terms(log),
    disk: terms(image.log),
    durableTerm: image.hardState.term,
    writes: pending.length,
  };
}

/** What was seen so far: who led which term, and each committed entry's term with the term it was committed in. */
export interface History {
  readonly leaders: readonly (NodeId | null)[];
  readonly committed: readonly (readonly [term: number, inTerm: number])[];
}

export const noHistory: History = { leaders: [], committed: [[1, 1]] };

export function historyAfter(history: History, { id, role, term, commitIndex, log }: Facts): History {
  let { leaders, committed } = history;
  if (role === "Leader" && (leaders[term] ?? null) === null) {
    leaders = Array.from({ length: Math.max(leaders.length, term + 1) }, (_, i) =>
      i === term ? id : (leaders[i] ?? null),
    );
  }
  if (commitIndex > committed.length) {
    const more = log.slice(committed.length, commitIndex).map((entryTerm) => [entryTerm, term] as const);
    committed = [...committed, ...more];
  }
  return leaders === history.leaders && committed === history.committed ? history : { leaders, committed };
}

export interface Broken {
  readonly rule:
    | "election safety"
    | "leader completeness"
    | "committed never changes"
    | "committed is durable"
    | "log matching";
  readonly detail: string;
}

/** What does not hold after the node at `at` moved, having held before. */
export function broken(before: History, nodes: readonly Facts[], at: number): Broken | null {
  const moved = nodes[at] as Facts;
  const { id, role, term, commitIndex, log } = moved;
  const rival = before.leaders[term];
  if (role === "Leader" && rival && rival !== id)
    return { rule: "election safety", detail: `${rival} and ${id} lead term ${term}` };
  const { committed } = historyAfter(before, moved);
  for (let index = 1; index <= commitIndex; index++) {
    const [entryTerm] = committed[index - 1] ?? [];
    if (log[index - 1] !== entryTerm) {
      const detail = `${index}@${entryTerm} was committed, ${id} has committed ${index}@${log[index - 1]}`;
      return { rule: "committed never changes", detail };
    }
  }
  for (const leader of nodes) {
    if (leader.role !== "Leader") continue;
    const missing = committed.findIndex(
      ([entryTerm, inTerm], i) => inTerm < leader.term && leader.log[i] !== entryTerm,
    );
    if (missing >= 0) {
      const entry = `${missing + 1}@${committed[missing]?.[0]}`;
      return {
        rule: "leader completeness",
        detail: `${leader.id} leads term ${leader.term} without ${entry}`,
      };
    }
  }
  for (const [i, [entryTerm]] of committed.entries()) {
    const holders = nodes.filter(({ disk }) => disk[i] === entryTerm);
    if (holders.length < quorum) {
      const where = holders.map((node) => node.id).join(" and ") || "nobody";
      return { rule: "committed is durable", detail: `${i + 1}@${entryTerm} is on the disk of ${where}` };
    }
  }
  for (const other of nodes) {
    if (other !== moved && !matching(log, other.log))
      return {
        rule: "log matching",
        detail: `${id} ${log.join(" ")} and ${other.id} ${other.log.join(" ")}`,
      };
  }
  return null;
}

/** Below the last index where both have an entry of one term, all terms are the same. */
function matching(one: readonly number[], other: readonly number[]): boolean {
  let index = Math.min(one.length, other.length) - 1;
  while (index >= 0 && one[index] !== other[index]) index--;
  for (; index >= 0; index--) if (one[index] !== other[index]) return false;
  return true;
}
