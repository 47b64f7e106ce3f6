import type { LogIndex, NodeId, Term } from "../../shared/raft/types.ts";
import type { Report } from "./violation.ts";

/** What a node and its disk say when it falls silent. */
export interface Silence {
  readonly term: Term;
  /** Who leads that term, as far as anybody knows. */
  readonly leader: NodeId | undefined;
  readonly lastIndex: LogIndex;
  readonly commitIndex: LogIndex;
}

/**
 * A node falls silent under the leader of the term that it is in, with nothing left to be committed: what it does not
 * know then it will not hear of.
 */
export function checkSilence(
  id: NodeId,
  told: { readonly term: Term; readonly leader: NodeId },
  is: Silence,
  report: Report,
): void {
  if (told.term !== is.term) report("silence", `${id} is quiet in term ${told.term}, and is in ${is.term}`);
  if (told.leader !== is.leader) {
    report("silence", `${id} is quiet in term ${told.term} under ${told.leader}, which ${is.leader} leads`);
  }
  if (is.commitIndex < is.lastIndex) {
    report(
      "silence",
      `${id} is quiet with entries up to ${is.lastIndex} and a commit index of ${is.commitIndex}`,
    );
  }
}
