import type { RaftSettings } from "../../../shared/raft/core.ts";
import { defaultLimits } from "../../../shared/raft/core.ts";
import type { Configuration, Entry, EntryKind, NodeId } from "../../../shared/raft/types.ts";

/** Timings of every test that does not say otherwise: an election timeout is five heartbeats, at most ten. */
export const timings = { heartbeatMs: 100, electionTimeoutMinMs: 500, electionTimeoutMaxMs: 1000 } as const;

export type SettingOverrides = Partial<Omit<RaftSettings, "id" | "storeId">>;

export function settingsFor(id: NodeId, overrides: SettingOverrides = {}): RaftSettings {
  const rest = { electionPriority: "normal", ...timings, ...defaultLimits } as const;
  return { id, storeId: `store-${id}`, ...rest, ...overrides };
}

/** A configuration of these members; a name in `open` stands for a listed address that nobody has heard. */
export function configurationOf(
  ids: readonly NodeId[],
  open: readonly string[] = [],
  clusterId = "cluster",
): Configuration {
  return {
    clusterId,
    slots: [
      ...ids.map((id) => ({ id, storeId: `store-${id}`, address: `http://${id}` })),
      ...open.map((id) => ({ id: null, address: `http://${id}` })),
    ],
  };
}

/** Entries of the given terms, from `first` on; every one a command that says its own index and term. */
export function entriesOf(terms: readonly number[], first = 1): Entry[] {
  return terms.map((term, i) => entry(first + i, term));
}

export function entry(index: number, term: number, kind: EntryKind = "command", size = 100): Entry {
  return { index, term, kind, size, data: `${index}@${term}` };
}

/** The first entry of a cluster, as its first leader writes it. */
export function configurationEntry(index: number, term: number, configuration: Configuration): Entry {
  return { index, term, kind: "configuration", size: 256, configuration };
}
