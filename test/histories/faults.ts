import { setTimeout as sleep } from "node:timers/promises";
import type { Random } from "../../sim/random.ts";
import type { Cluster } from "../process/support/cluster.ts";
import type { TestNode } from "../process/support/test-node.ts";
import { until } from "../process/support/until.ts";

/** What is done to a node, or between it and another, and taken back after a while. */
export interface Fault<Node extends TestNode> {
  readonly name: string;
  /** Milliseconds. A pause must be longer than an election takes, or the leader would only seem to have stopped. */
  readonly lengthMs: readonly [low: number, high: number];
  /** Resolves when it has been taken back. */
  strike(node: Node, forMs: number): Promise<void>;
}

/** By kind, and by whom it struck, how often. */
export type FaultCounts = Readonly<Record<string, { readonly leader: number; readonly follower: number }>>;

const gapMs = [150, 700] as const;

/** Strikes real nodes, one after the other and now and then two at once. */
export class Faults<Node extends TestNode> {
  readonly counts: { [name: string]: { leader: number; follower: number } } = {};
  readonly #cluster: Cluster<Node>;
  readonly #kinds: readonly [deadly: Fault<Node>, ...others: Fault<Node>[]];
  readonly #random: Random;
  readonly #struck = new Set<Node>();
  #isOver = false;

  /** Of `kinds` the first is one that costs a leader its office. */
  constructor(cluster: Cluster<Node>, kinds: readonly [Fault<Node>, ...Fault<Node>[]], random: Random) {
    this.#cluster = cluster;
    this.#kinds = kinds;
    this.#random = random;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Nothing more is begun; what goes on is taken back in its time. */
  end(): void {
    this.#isOver = true;
  }

  /** Every kind once at a leader and once at a follower, in any order, and all of it taken back. */
  async strikeAll(): Promise<void> {
    const random = this.#random;
    const plan = this.#kinds.flatMap((kind) => [
      { kind, atLeader: true },
      { kind, atLeader: false },
    ]);
    const open: Promise<void>[] = [];
    for (const { kind, atLeader } of random.shuffle(plan)) {
      await sleep(random.between(...gapMs));
      const node = await this.#target(atLeader);
      if (this.#isOver) break;
      const strike = this.#strike(kind, node, atLeader);
      // Some begin while the last one still goes on.
      if (random.chance(0.8)) await strike;
      else open.push(strike);
      // Whoever waits for it hears of an error, later.
      strike.catch(() => undefined);
    }
    await Promise.all(open);
  }

  /** Takes the leader out until another has taken over. */
  async strikeLeader(): Promise<void> {
    const leader = await this.#target(true);
    if (!this.#isOver) await this.#strike(this.#kinds[0], leader, true);
  }

  async #target(isLeader: boolean): Promise<Node> {
    const { nodes } = this.#cluster;
    return await until("a node to strike", async () => {
      if (this.#isOver) return nodes[0];
      const free = nodes.filter((node) => !this.#struck.has(node));
      const states = await Promise.all(
        free.map(async (node) => ({ node, state: (await node.status("?log=0")).state })),
      );
      const fitting = states.filter(({ state }) => (state === "Leader") === isLeader);
      return fitting.length === 0 ? null : this.#random.pick(fitting).node;
    });
  }

  async #strike({ name, lengthMs, strike }: Fault<Node>, node: Node, atLeader: boolean): Promise<void> {
    this.counts[name] ??= { leader: 0, follower: 0 };
    this.counts[name][atLeader ? "leader" : "follower"]++;
    this.#struck.add(node);
    await strike(node, this.#random.between(...lengthMs));
    this.#struck.delete(node);
  }
}
