import type { StoredPromise } from "../edge/support/miniflare-edge.ts";
import { until } from "../process/support/until.ts";

/** Objects whose storage can be asked, and what they print. */
export interface Witness {
  readonly cluster: { readonly nodes: readonly { readonly id: string }[] };
  readonly lines: readonly string[];
  promiseOf(id: string): Promise<StoredPromise>;
}

/**
 * Looks at what objects have stored of term and vote before and after their deaths: neither goes back, a vote once given
 * stays given as long as its term does, and no term has two leaders.
 */
export class PromiseWatch {
  readonly #edge: Witness;
  readonly #seen = new Map<string, StoredPromise>();
  readonly #broken: string[] = [];

  constructor(edge: Witness) {
    this.#edge = edge;
  }

  async look({ id }: { readonly id: string }): Promise<void> {
    const now = await until(`the storage of ${id}`, () => this.#edge.promiseOf(id));
    const before = this.#seen.get(id);
    this.#seen.set(id, now);
    if (before === undefined) return;
    const isOtherVote = before.votedFor !== null && now.votedFor !== before.votedFor;
    if (now.term < before.term || (now.term === before.term && isOtherVote)) {
      this.#broken.push(`${id} had promised ${JSON.stringify(before)}, then ${JSON.stringify(now)}`);
    }
  }

  /** Null when nothing was broken. */
  async verdict(): Promise<string | null> {
    for (const node of this.#edge.cluster.nodes) await this.look(node);
    const leaders = new Map<string, Set<string>>();
    for (const line of this.#edge.lines) {
      const [, id, term] = /^\[Node (\w+)\] Became Leader \(term (\d+)\)/.exec(line) ?? [];
      if (id !== undefined) leaders.set(term!, (leaders.get(term!) ?? new Set()).add(id));
    }
    for (const [term, ids] of leaders) {
      if (ids.size > 1) this.#broken.push(`term ${term} had the leaders ${[...ids].join(" and ")}`);
    }
    return this.#broken.length === 0 ? null : this.#broken.join("\n");
  }
}
