import { setTimeout as sleep } from "node:timers/promises";
import type { Random } from "../../sim/random.ts";
import type { LabNode } from "../process/support/node.ts";
import { until } from "../process/support/until.ts";
import type { WiredCluster } from "../process/support/wires.ts";

/** What is done to a node, or between it and another, and taken back after a while. */
const faultNames = ["kill", "pause", "cut off", "cut from one"] as const;
type FaultName = (typeof faultNames)[number];

/** By kind, and by whom it struck, how often. */
export type FaultCounts = Readonly<Record<string, { readonly leader: number; readonly follower: number }>>;

/** Milliseconds. A pause must be longer than an election takes, or the leader would only seem to have stopped. */
const lengthMs: Readonly<Record<FaultName, readonly [low: number, high: number]>> = {
  kill: [50, 1200],
  pause: [400, 2600],
  "cut off": [400, 2600],
  "cut from one": [400, 2000],
};
const gapMs = [150, 700] as const;

/** Kills, stops and cuts off real nodes, one after the other and now and then two at once. */
export class ProcessFaults {
  readonly counts: { [name: string]: { leader: number; follower: number } } = {};
  readonly #wired: WiredCluster;
  readonly #random: Random;
  readonly #runs = new Map<LabNode, number>();
  readonly #struck = new Set<LabNode>();
  #isOver = false;

  constructor(wired: WiredCluster, random: Random) {
    this.#wired = wired;
    this.#random = random;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Nothing more is begun; what goes on is taken back in its time. */
  end(): void {
    this.#isOver = true;
  }

  /** Which start of a node is the present one, from 1. */
  runOf(node: LabNode): number {
    return this.#runs.get(node) ?? 1;
  }

  /** Every kind once at a leader and once at a follower, in any order, and all of it taken back. */
  async strikeAll(): Promise<void> {
    const random = this.#random;
    const plan = faultNames.flatMap((name) => [
      { name, atLeader: true },
      { name, atLeader: false },
    ]);
    const open: Promise<void>[] = [];
    for (const { name, atLeader } of random.shuffle(plan)) {
      await sleep(random.between(...gapMs));
      const node = await this.#target(atLeader);
      if (this.#isOver) break;
      const strike = this.#strike(name, node, atLeader);
      // Some begin while the last one still goes on.
      if (random.chance(0.8)) await strike;
      else open.push(strike);
    }
    await Promise.all(open);
  }

  /** Kills the leader until another has taken over. */
  async killLeader(): Promise<void> {
    const leader = await this.#target(true);
    if (!this.#isOver) await this.#strike("kill", leader, true);
  }

  async #target(isLeader: boolean): Promise<LabNode> {
    const { nodes } = this.#wired.cluster;
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

  async #strike(name: FaultName, node: LabNode, atLeader: boolean): Promise<void> {
    this.counts[name] ??= { leader: 0, follower: 0 };
    this.counts[name][atLeader ? "leader" : "follower"]++;
    this.#struck.add(node);
    const { cluster, cut, heal } = this.#wired;
    const others = this.#random.shuffle(cluster.others(node));
    const forMs = this.#random.between(...lengthMs[name]);
    switch (name) {
      case "kill":
        await node.kill();
        await sleep(forMs);
        this.#runs.set(node, this.runOf(node) + 1);
        node.start();
        break;
      case "pause":
        node.process.signal("SIGSTOP");
        await sleep(forMs);
        node.process.signal("SIGCONT");
        break;
      case "cut off":
      case "cut from one":
        for (const other of name === "cut off" ? others : others.slice(0, 1)) cut(node, other);
        await sleep(forMs);
        heal();
        break;
    }
    this.#struck.delete(node);
  }
}
