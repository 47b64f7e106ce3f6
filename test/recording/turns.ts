import type { Opening } from "../../shared/node/recorder.ts";
import type { HardState, OutgoingMessage, RaftTrace, Work } from "../../shared/raft/types.ts";
import type { LogEntry } from "../../shared/storage/entry.ts";
import { noopEntry } from "../node/support/entries.ts";

/** What a node tells its recorder, made by hand. */

const configuration = {
  clusterId: "cluster",
  slots: [
    { id: "A", storeId: "storeA", address: "http://a" },
    { id: "B", storeId: "storeB", address: "http://b" },
    { id: null, address: "http://c" },
  ],
};

/** The entry that founds a cluster. */
export function founding(term = 1): LogEntry {
  return { ...noopEntry(1, term), kind: "configuration", configuration };
}

/** What node A finds when it starts with this log. */
export function openingOf(log: readonly LogEntry[], rest: Partial<Opening> = {}): Opening {
  const runs: { term: number; first: number }[] = [];
  for (const { index, term } of log) if (runs.at(-1)?.term !== term) runs.push({ term, first: index });
  return {
    id: "A",
    storeId: "storeA",
    boot: 1,
    clusterId: null,
    hardState: { term: log.at(-1)?.term ?? 0, votedFor: null },
    lastIndex: log.length,
    runs,
    applied: 0,
    configurations: log.flatMap(({ index, configuration: found }) =>
      found ? [{ index, configuration: found }] : [],
    ),
    read: (first, last) => log.slice(first - 1, last),
    ...rest,
  };
}

export interface Turn {
  readonly trace?: RaftTrace[];
  readonly entries?: LogEntry[];
  readonly hardState?: HardState;
  readonly send?: OutgoingMessage[];
  readonly sendAfter?: OutgoingMessage[];
}

/** `number`: of the turn's write, if it has one. */
export function workOf(number: number, { entries = [], hardState, ...out }: Turn): Work {
  const writes = entries.length > 0 || hardState !== undefined;
  return {
    send: [],
    sendAfter: [],
    trace: [],
    commit: null,
    reads: [],
    deadline: 0,
    persist: writes ? { number, entries, ...(hardState && { hardState }) } : null,
    ...out,
  };
}
