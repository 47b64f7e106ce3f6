import { findMember, members } from "../raft/quorum.ts";
import type { Configuration, Member, NodeId, Slot } from "../raft/types.ts";
import type { Listed, Refusal } from "./peer-refusals.ts";
import { introductionRefusal, listRefusal, sizeRefusal, wrongListRefusal } from "./peer-refusals.ts";
import type { Introduction, NodeMessage } from "./wire.ts";
import { protocolVersion } from "./wire.ts";

/**
 * Who is who. A node is started with addresses; who answers there it finds out by asking. Until the log holds a
 * configuration, what was found stands in for it; afterwards the list supplies addresses and never membership. Votes
 * and acknowledgements count by member, and a member is an id together with the one data directory that speaks under
 * it: anything else is refused, with a line that says why.
 */

export interface ListedPeer {
  /** Base URL, normalised: no trailing slash. */
  readonly address: string;
  /** The id the list gives it; null when the list names addresses only. */
  readonly id: NodeId | null;
}

/** Callers whose word is kept until they are found: as many as a list could name. */
const mostStrangers = 32;

export interface DirectoryOptions {
  readonly id: NodeId;
  readonly storeId: string;
  readonly peers: readonly ListedPeer[];
  /** What `--advertise` says; wins over what is learned. */
  readonly advertise: string | null;
  /** How this node would be reached if nobody said. */
  readonly fallbackAddress: () => string;
  /** Minted for the case that this node becomes the first leader. */
  readonly candidateClusterId: string;
  /** Bound on an earlier start; null when not. */
  readonly clusterId: string | null;
}

export class PeerDirectory {
  readonly #options: DirectoryOptions;
  readonly #listed: Listed[];
  #clusterId: string | null;
  #configuration: Configuration | null = null;
  #learnedAddress: string | null = null;
  #introduction: Introduction | null = null;
  #discoveries = 0;
  /** How nodes that are not found yet have dialled this one. */
  readonly #dialledBy = new Map<NodeId, string>();

  constructor(options: DirectoryOptions) {
    this.#options = options;
    this.#clusterId = options.clusterId;
    this.#listed = options.peers
      .filter((peer) => peer.id !== options.id && peer.address !== options.advertise)
      .map(({ address, id }) => ({
        address,
        expectedId: id,
        tried: false,
        isSelf: false,
        found: null,
        size: undefined,
        clusterId: null,
        problem: null,
        isTwin: false,
      }));
  }

  /** The cluster this node is bound to; null before. */
  get clusterId(): string | null {
    return this.#clusterId;
  }

  get advertisedAddress(): string {
    return this.#options.advertise ?? this.#learnedAddress ?? this.#options.fallbackAddress();
  }

  /** The configuration in the log: in force from the moment it is there. */
  setConfiguration(configuration: Configuration | null): void {
    this.#configuration = configuration;
  }

  /** The entry that carries the id is committed: from now on no other cluster's word counts. */
  bind(clusterId: string): void {
    this.#clusterId = clusterId;
  }

  /** The same object until something of it changes. */
  introduction(): Introduction {
    const clusterId = this.#clusterId;
    const size = clusterId === null && this.#listIsKnown() ? this.#size() : undefined;
    const known = this.#introduction;
    if (known !== null && known.clusterId === clusterId && known.size === size) return known;
    const { id, storeId } = this.#options;
    const made = { version: protocolVersion, clusterId, id, storeId, ...(size !== undefined && { size }) };
    this.#introduction = made;
    return made;
  }

  /** Addresses to ask who is there. Rarely needed once every member is known. */
  addressesToAsk(): string[] {
    // Asked twice in every turn: nothing is made while there is nobody to ask.
    const addresses: string[] = [];
    for (const listed of this.#listed) {
      if (listed.isSelf) continue;
      if (
        listed.found === null ||
        listed.problem !== null ||
        !this.#agrees(listed) ||
        this.#isUnclaimed(listed)
      )
        addresses.push(listed.address);
    }
    for (const slot of this.#configuration?.slots ?? []) {
      if (slot.id === null && this.#at(slot.address) === undefined) addresses.push(slot.address);
    }
    return addresses;
  }

  #isUnclaimed(listed: Listed): boolean {
    if (listed.found === null) return false;
    // In no cluster, while that one is in one: it knocks until it is let in, or told why not.
    if (this.#configuration === null) return this.#clusterId === null && listed.clusterId !== null;
    return findMember(this.#configuration, listed.found.id) === undefined;
  }

  /**
   * Whether the one found there counts as many nodes as this one, or is in a cluster already. One that has not looked at
   * its own list yet is asked again before it gets a place: its list may be wrong.
   */
  #agrees({ clusterId, size }: Listed): boolean {
    return clusterId !== null || size === this.clusterSize();
  }

  /** Somebody was found at a listed address, and there is more to learn of it before long. */
  isUnsettled(address: string): boolean {
    const listed = this.#at(address);
    return listed !== undefined && listed.found !== null && listed.problem === null && !this.#agrees(listed);
  }

  /**
   * How often somebody was found where nobody was before. Who comes up does so at all of its addresses: silence that was
   * heard before says nothing any more, or one node under two addresses would pass for two until the second is asked.
   */
  get discoveries(): number {
    return this.#discoveries;
  }

  /** Whether an address is to be asked at once: what there is to know of the list waits for it. */
  get isLooking(): boolean {
    return this.#isUnfounded() && !this.#listIsKnown();
  }

  /** Nobody answered at `address`. `asked`: `discoveries` when it was asked. */
  recordSilence(address: string, asked = this.#discoveries): void {
    const listed = this.#at(address);
    if (listed && (asked === this.#discoveries || !this.#isUnfounded())) listed.tried = true;
  }

  #recordDiscovery(): void {
    if (!this.#isUnfounded()) return;
    this.#discoveries++;
    for (const listed of this.#listed) {
      if (listed.found === null && !listed.isSelf && listed.problem === null) listed.tried = false;
    }
  }

  /** Knows of no cluster that it is in: who is found makes one. */
  #isUnfounded(): boolean {
    return this.#clusterId === null && this.#configuration === null;
  }

  /** The one at `address` refused this node. */
  recordRefusedBy(address: string, refusal: Refusal): void {
    const listed = this.#at(address);
    if (!listed) return;
    listed.tried = true;
    listed.problem = refusal;
  }

  /**
   * Somebody answered at `address`. Returns why that cannot be right, or null; a member that may claim an open slot
   * is then found by `claimant`.
   */
  recordAnswer(address: string, other: Introduction): Refusal | null {
    const listed = this.#at(address);
    if (listed) listed.tried = true;
    const { id, storeId } = this.#options;
    if (listed && other.id === id && other.storeId === storeId) {
      listed.isSelf = true;
      return null;
    }
    const refusal = listRefusal(this.#listed, address, listed, other) ?? this.refusalOf(other, address);
    if (listed) {
      listed.isTwin = refusal?.code === "one-node-at-two-addresses";
      listed.problem = refusal;
      if (refusal === null) {
        const isNew = listed.found === null;
        listed.found = { id: other.id, storeId: other.storeId };
        if (isNew) this.#recordDiscovery();
      }
      listed.size = other.size;
      listed.clusterId = other.clusterId;
    }
    if (refusal === null) {
      this.adopt(other);
      this.#learnedAddress ??= this.#dialledBy.get(other.id) ?? null;
    }
    return refusal;
  }

  /**
   * Why a node that introduces itself so cannot be dealt with; null when it can. `address`: where it was found; null
   * for one that calls.
   */
  refusalOf(other: Introduction, address: string | null): Refusal | null {
    const { id, storeId } = this.#options;
    const self = { id, storeId, clusterId: this.#clusterId };
    return address === null && this.#countsTooMany()
      ? wrongListRefusal(id)
      : (introductionRefusal(self, other, address, this.storeIdOf(other.id)) ??
          sizeRefusal(this.#knownSize(), other, address));
  }

  /** How many nodes this one counts; undefined while it does not know. */
  #knownSize(): number | undefined {
    return this.#configuration?.slots.length ?? (this.#listIsKnown() ? this.#size() : undefined);
  }

  /** A bound peer that holds the entry this node holds too proves that entry committed. */
  adopt(other: Introduction): void {
    if (this.#clusterId !== null || other.clusterId === null) return;
    if (this.#configuration?.clusterId === other.clusterId) this.#clusterId = other.clusterId;
  }

  /** Somebody has dialled this node: where its list says that it is. A stranger's word counts once it is found. */
  recordCall(other: Introduction, dialled: string): void {
    const listed = this.#listed.find(
      ({ found }) => found?.id === other.id && found.storeId === other.storeId,
    );
    if (listed) {
      listed.size = other.size;
      listed.clusterId = other.clusterId;
    }
    if (this.#learnedAddress !== null || !URL.canParse(dialled)) return;
    if (this.hears(other) && this.#knows(other)) this.#learnedAddress = dialled;
    else if (this.#dialledBy.size < mostStrangers) this.#dialledBy.set(other.id, dialled);
  }

  /** Whether this node takes messages from the one introduced, which has passed `refusalOf`. */
  hears(other: Introduction): boolean {
    // A bound node hears its own cluster alone, and only it: an unbound one learns the id from the answer first.
    if (this.#clusterId !== null) return other.clusterId === this.#clusterId;
    // Before that, whoever this node itself has found at a listed address, or in the log's own configuration; and
    // nobody before it has looked at them all, or it would have joined before it sees that its list is wrong.
    return this.#listIsKnown() && this.#knows(other);
  }

  /** A member, or found at a listed address, with this very data directory. */
  #knows({ id, storeId }: Introduction): boolean {
    return this.storeIdOf(id) === storeId;
  }

  /** A bound node's cluster has one first entry; a leader that founds another is none of its own. */
  founds(message: NodeMessage): boolean {
    if (message.type !== "AppendEntries" || this.#clusterId === null) return true;
    return message.logClusterId === undefined || message.logClusterId === this.#clusterId;
  }

  /** The stand-in for a configuration while the log has none; null: take no part yet. */
  provisional(): Configuration | null {
    const { id, storeId, candidateClusterId } = this.#options;
    if (this.#clusterId !== null || !this.#listIsKnown() || this.#countsTooMany()) return null;
    const others = this.#others();
    // A listed node that has a cluster already proves that it exists: this one is to join it, not to found another.
    if (others.some(({ clusterId }) => clusterId !== null)) return null;
    const self: Member = { id, storeId, address: this.advertisedAddress };
    const slots = others.map((listed): Slot => {
      const { address, found, problem } = listed;
      return found && problem === null && this.#agrees(listed)
        ? { ...found, address }
        : { id: null, address };
    });
    return { clusterId: candidateClusterId, slots: [self, ...slots] };
  }

  /** A listed node that has been heard and is not a member yet, while there is a slot for it. */
  claimant(): Member | null {
    const configuration = this.#configuration;
    if (configuration === null || !this.#hasOpenSlot()) return null;
    for (const listed of this.#others()) {
      const { address, found, problem } = listed;
      if (!found || problem !== null || !this.#agrees(listed) || findMember(configuration, found.id))
        continue;
      // Where a member lives there is no open slot: a node that took its place is a new member, not the missing one.
      if (configuration.slots.some((slot) => slot.id !== null && slot.address === address)) continue;
      return { ...found, address };
    }
    return null;
  }

  /** Where to reach a member: an address given to this node wins over one that came with the log. */
  addressOf(id: NodeId): string | null {
    const listed = this.#listed.find((one) => !one.isSelf && one.found?.id === id && one.problem === null);
    if (listed) return listed.address;
    const expected = this.#listed.find((one) => one.expectedId === id && one.problem === null);
    if (expected) return expected.address;
    return (this.#configuration && findMember(this.#configuration, id)?.address) ?? null;
  }

  storeIdOf(id: NodeId): string | null {
    const member = this.#configuration && findMember(this.#configuration, id);
    return member?.storeId ?? this.#found(id)?.storeId ?? null;
  }

  isMember(id: NodeId): boolean {
    const configuration = this.#configuration ?? this.provisional();
    return configuration !== null && findMember(configuration, id) !== undefined;
  }

  /** Every slot of the cluster but this node's own, as far as it is known. */
  peers(): { readonly id: NodeId | null; readonly address: string }[] {
    const { id: self } = this.#options;
    if (this.#configuration === null) {
      return this.#others().map(({ address, found, expectedId }) => ({
        id: found?.id ?? expectedId,
        address,
      }));
    }
    return this.#configuration.slots
      .filter(({ id }) => id !== self)
      .map(({ id, address }) => ({ id, address: (id !== null && this.addressOf(id)) || address }));
  }

  clusterSize(): number {
    return this.#configuration?.slots.length ?? this.#size();
  }

  /** Why this node does not take part, or takes part without a peer, in one line. */
  problem(): string | null {
    return this.#listed.find(({ problem }) => problem !== null)?.problem?.message ?? null;
  }

  /** Whether it matters to this node's cluster that this one is there: a member, or one that there is a slot for. */
  concerns({ id }: Introduction): boolean {
    return (
      this.#configuration === null || this.#hasOpenSlot() || findMember(this.#configuration, id) !== undefined
    );
  }

  #hasOpenSlot(): boolean {
    return this.#configuration?.slots.some((slot) => slot.id === null) ?? false;
  }

  memberIds(): NodeId[] {
    return this.#configuration ? members(this.#configuration).map(({ id }) => id) : [];
  }

  #others(): Listed[] {
    return this.#listed.filter(({ isSelf }) => !isSelf);
  }

  #at(address: string): Listed | undefined {
    return this.#listed.find((listed) => listed.address === address);
  }

  /** Whoever was first found under an id, whatever came to light there since. */
  #found(id: NodeId): Listed["found"] {
    return this.#listed.find((listed) => listed.found?.id === id)?.found ?? null;
  }

  /** An entry of the list may be this node itself: until all have been asked once, its length means nothing. */
  #listIsKnown(): boolean {
    return this.#listed.every(({ tried }) => tried);
  }

  /** A cluster of as many nodes as its list has entries would never be complete. */
  #countsTooMany(): boolean {
    return this.#clusterId === null && this.#listed.some(({ isTwin }) => isTwin);
  }

  #size(): number {
    return 1 + this.#others().length;
  }
}
