import type { Core } from "./core.ts";
import { addEntry, configurationOf, createEntry } from "./core.ts";
import { recordActivity } from "./quiescence.ts";
import { isMember } from "./quorum.ts";
import { configurationSize, followConfiguration } from "./replication.ts";
import type { Configuration, Member, OpenSlot, Slot } from "./types.ts";

/**
 * Who the cluster is. The first leader's first entry names the members it has heard and leaves a slot open for each
 * listed node it has not; a slot is claimed by a later entry. The number of slots never changes here, so any two
 * majorities overlap; and no second change starts before the first is committed in the leader's own term, so no two
 * leaders fill one slot differently (thesis 4.1, and its erratum on changes across terms).
 */

/** What the node has found at the addresses it was given. Counts only while the log has no configuration. */
export function onDiscovered(core: Core, configuration: Configuration | null): void {
  core.state.provisional = configuration;
}

/** Returns whether the claim went into the log; a refused one may be tried again. */
export function claimSlot(core: Core, member: Member): boolean {
  const { state } = core;
  if (state.role.type !== "leader" || state.stalled || state.role.transfer) return false;
  if (state.commitIndex < state.role.firstIndex) return false;
  if ((state.configurations.at(-1)?.index ?? 0) > state.commitIndex) return false;
  const configuration = configurationOf(state);
  if (configuration === null || isMember(configuration, member.id)) return false;
  const claimed = withClaim(configuration, member);
  if (claimed === null) return false;
  addEntry(core, createEntry(core, "configuration", configurationSize(claimed), { configuration: claimed }));
  followConfiguration(core, state.role);
  recordActivity(core);
  return true;
}

/** The slot listed under the member's address, or the first open one: lists may name one node differently. */
function withClaim(configuration: Configuration, member: Member): Configuration | null {
  const open = configuration.slots.filter((slot): slot is OpenSlot => slot.id === null);
  const slot = open.find(({ address }) => address === member.address) ?? open[0];
  if (slot === undefined) return null;
  const slots: Slot[] = configuration.slots.map((other) => (other === slot ? member : other));
  return { ...configuration, slots };
}
