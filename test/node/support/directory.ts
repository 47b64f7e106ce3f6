import type { DirectoryOptions, ListedPeer } from "../../../shared/node/peer-directory.ts";
import { PeerDirectory } from "../../../shared/node/peer-directory.ts";
import type { Introduction } from "../../../shared/node/wire.ts";
import { protocolVersion } from "../../../shared/node/wire.ts";
import type { Configuration } from "../../../shared/raft/types.ts";
import { addressOf } from "./machine.ts";

/** Node N's view of who is who. */

export type Overrides = Partial<Omit<DirectoryOptions, "peers">>;

export function listOf(...ids: readonly string[]): ListedPeer[] {
  return ids.map((id) => ({ address: addressOf(id), id: null }));
}

/** A directory of N that lists these; `peers` names addresses by the id that is to be expected there. */
export function directoryOf(peers: readonly ListedPeer[], overrides: Overrides = {}): PeerDirectory {
  return new PeerDirectory({
    id: "N",
    storeId: storeOf("N"),
    peers,
    advertise: null,
    fallbackAddress: () => addressOf("N"),
    candidateClusterId: "candidate",
    clusterId: null,
    ...overrides,
  });
}

/** How a node introduces itself, in no cluster and with nothing to say of its list. */
export function introduction(id: string, rest: Partial<Introduction> = {}): Introduction {
  return { version: protocolVersion, clusterId: null, id, storeId: storeOf(id), ...rest };
}

export function storeOf(id: string): string {
  return `store-${id}`;
}

/** A configuration of these members, each at its own address; a name in `open` stands for an open slot. */
export function configurationOf(
  ids: readonly string[],
  open: readonly string[] = [],
  clusterId = "cluster",
): Configuration {
  const members = ids.map((id) => ({ id, storeId: storeOf(id), address: addressOf(id) }));
  return { clusterId, slots: [...members, ...open.map((id) => ({ id: null, address: addressOf(id) }))] };
}
