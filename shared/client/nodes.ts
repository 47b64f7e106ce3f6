/** A node as the client knows it. */
export interface KnownNode {
  /** As it was given, without a slash at the end. */
  readonly url: string;
  /** The node's own name for itself, once it has said so. */
  id: string | null;
  /** Failures in a row. */
  failures: number;
  /** Until then, others are asked first. */
  restsUntil: number;
}

/** Whom a call would rather ask. */
export type Preference = "leader" | "anyone";

const FIRST_REST_MS = 250;
const LONGEST_REST_MS = 10_000;
/** A leader that nobody has named for so long is asked for again: it may have handed over without a word to us. */
const LEADER_TRUSTED_MS = 30_000;
const FIRST_SEARCH_PAUSE_MS = 1_000;
const LONGEST_SEARCH_PAUSE_MS = 30_000;

/**
 * Who leads and who answers. Every node takes every request, so all of this only saves a hop or a failed attempt;
 * nothing is wrong when it is out of date. Plain data: a promise shared between calls would not survive in Workers,
 * where no request may wait for another's.
 *
 * Only nodes that were given are ever asked. The addresses by which the members know one another may lead nowhere from
 * here (NAT, a proxy's prefix), and a token does not go to whoever a reply names; so a leader is known by its id.
 */
export class Nodes {
  readonly all: readonly KnownNode[];
  #leader: KnownNode | null = null;
  #leaderNamedAt = Number.NEGATIVE_INFINITY;
  #searchedAt = Number.NEGATIVE_INFINITY;
  #searchPauseMs = FIRST_SEARCH_PAUSE_MS;
  /** Clients begin with different nodes. */
  #turn = Math.floor(Math.random() * 1024);

  constructor(urls: readonly string[]) {
    this.all = urls.map((url) => ({ url, id: null, failures: 0, restsUntil: Number.NEGATIVE_INFINITY }));
  }

  get leader(): KnownNode | null {
    return this.#leader;
  }

  /** The best of those that are not in `tried`; null when all are. Calls without a leader take turns. */
  pick(tried: ReadonlySet<KnownNode>, preference: Preference, now: number): KnownNode | null {
    const leader = preference === "leader" ? this.#leader : null;
    // Others may still name one that has just failed us.
    if (leader !== null && leader.restsUntil <= now && !tried.has(leader)) return leader;
    const start = this.#turn++ % this.all.length;
    const turned = [...this.all.slice(start), ...this.all.slice(0, start)].filter((node) => !tried.has(node));
    const restMs = (node: KnownNode): number => Math.max(0, node.restsUntil - now);
    return turned.sort((a, b) => restMs(a) - restMs(b))[0] ?? null;
  }

  recordAnswer(node: KnownNode): void {
    node.failures = 0;
    node.restsUntil = Number.NEGATIVE_INFINITY;
  }

  /** `spentMs`: how long it has kept us waiting for nothing. Twice that long it is not trusted with another call. */
  recordFailure(node: KnownNode, spentMs: number, now: number): void {
    const restMs = Math.min(LONGEST_REST_MS, FIRST_REST_MS * 2 ** node.failures);
    node.restsUntil = now + Math.max(restMs, 2 * spentMs);
    node.failures++;
    if (node === this.#leader) this.#leader = null;
  }

  // ---- the leader ----

  recordLeader(node: KnownNode, now: number): void {
    this.#leader = node;
    this.#leaderNamedAt = now;
    this.#searchPauseMs = FIRST_SEARCH_PAUSE_MS;
  }

  /** A reply has named the leader. If that is none of ours, the one that we took for it leads no more either. */
  recordLeaderId(id: string, now: number): void {
    const named = this.all.find((node) => node.id === id);
    if (named === undefined) this.#leader = null;
    else this.recordLeader(named, now);
  }

  /** Whether it is time to ask all who leads. To say so is to begin: only one call of many does. */
  beginSearch(now: number): boolean {
    if (this.all.length === 1) return false;
    if (this.#leader !== null && now - this.#leaderNamedAt < LEADER_TRUSTED_MS) return false;
    if (now - this.#searchedAt < this.#searchPauseMs) return false;
    this.#searchedAt = now;
    // Taken back when one is found. Where none of the given nodes leads, the search must not cost every call a hop.
    this.#searchPauseMs = Math.min(LONGEST_SEARCH_PAUSE_MS, 2 * this.#searchPauseMs);
    return true;
  }
}
