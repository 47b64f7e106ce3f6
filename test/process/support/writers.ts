import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import type { Cluster } from "./cluster.ts";
import { post } from "./http.ts";
import type { TestNode } from "./test-node.ts";
import { until } from "./until.ts";

let clients = 0;

/** Clients that write without pause, each command once, through whichever nodes run, and note what was acknowledged. */
export class Writers {
  readonly acknowledged: string[] = [];
  readonly #cluster: Cluster<TestNode>;
  readonly #loops: Promise<void>[];
  #stopping = false;

  constructor(cluster: Cluster<TestNode>, count = 6) {
    this.#cluster = cluster;
    this.#loops = Array.from({ length: count }, () => this.#write(clients++));
  }

  async #write(client: number): Promise<void> {
    for (let n = 0; !this.#stopping; n++) {
      const { running } = this.#cluster;
      const node = running[(client + n) % running.length];
      const cmd = `SET w${client}n${n}=${n}`;
      if (node === undefined || !(await isTaken(node, cmd))) await sleep(20);
      else this.acknowledged.push(cmd);
    }
  }

  /** So many more have been acknowledged. */
  async more(count: number): Promise<void> {
    const wanted = this.acknowledged.length + count;
    await until(`${count} more writes`, () => this.acknowledged.length >= wanted);
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await Promise.all(this.#loops);
  }

  /** Once all have caught up: in every log, once each, and in the state. */
  async expectNothingLost(): Promise<void> {
    const { log } = await this.#cluster.level();
    const found = new Map<string, number>();
    for (const { cmd } of log) found.set(cmd, (found.get(cmd) ?? 0) + 1);
    expect(this.acknowledged.filter((cmd) => !found.has(cmd))).toEqual([]);
    expect([...found].filter(([, times]) => times > 1)).toEqual([]);
    const some = this.acknowledged.filter((_, at) => at % 29 === 0);
    for (const [at, cmd] of some.entries()) {
      const [, key, value] = /^SET (\w+)=(\d+)$/.exec(cmd) ?? [];
      const node = this.#cluster.running[at % this.#cluster.running.length]!;
      expect(await node.get(key!), `${key} at ${node.id}`).toBe(value);
    }
  }
}

async function isTaken(node: TestNode, cmd: string): Promise<boolean> {
  try {
    const { status } = await post(`${node.url}/command?timeout=2s`, { cmd }, { timeoutMs: 5_000 });
    return status === 200;
  } catch {
    return false;
  }
}
