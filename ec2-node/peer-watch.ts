import type { Probe } from "./probe.ts";

/** Somebody that goes on taking connections only to drop them is not dying. */
const MOST_REDIALS = 3;

export interface KnownLeader {
  readonly id: string;
  readonly term: number;
  /** Base URL by which this node reaches it; null when it has none. */
  readonly address: string | null;
}

/**
 * Tells a leader that crashed from a connection that merely closed (docs/architecture.md, "Peer lost"): its process
 * is gone when the connection of the *current* leader closed and one immediate redial is refused. A silent host, a
 * reset or an idle close prove nothing, and what a proxy does is the proxy's affair.
 */
export class PeerWatch {
  readonly #leader: () => KnownLeader | null;
  readonly #probe: Probe;
  readonly #onLost: (peer: string) => void;
  readonly #redialling = new Set<string>();

  /** `leader` is asked before and after the redial: news of a leader that was replaced meanwhile is dropped. */
  constructor(leader: () => KnownLeader | null, probe: Probe, onLost: (peer: string) => void) {
    this.#leader = leader;
    this.#probe = probe;
    this.#onLost = onLost;
  }

  /** The last connection with `peer` ended. Never rejects. */
  async connectionClosed(peer: string): Promise<void> {
    const before = this.#leader();
    if (before === null || before.id !== peer || before.address === null) return;
    if (!isDirect(before.address) || this.#redialling.has(peer)) return;
    this.#redialling.add(peer);
    try {
      let outcome = await this.#probe(before.address);
      // The kernel closes a dying process's files one by one, its connections often before the port it listens at
      // (seen on Linux at every second kill -9): what it still takes in between it drops at once.
      for (let again = 0; outcome === "dropped" && again < MOST_REDIALS; again++) {
        outcome = await this.#probe(before.address);
      }
      const after = this.#leader();
      if (outcome === "refused" && after?.id === peer && after.term === before.term) this.#onLost(peer);
    } finally {
      this.#redialling.delete(peer);
    }
  }
}

/** A path prefix is a Durable Object's or a proxy's, and TLS is ended by a proxy: nodes themselves speak plain HTTP. */
function isDirect(address: string): boolean {
  const url = URL.canParse(address) ? new URL(address) : null;
  return url !== null && url.protocol === "http:" && url.pathname === "/";
}
