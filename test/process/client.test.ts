import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect } from "vitest";
import { Client } from "../../shared/client/client.ts";
import type { ClientError } from "../../shared/client/errors.ts";
import { UnknownOutcomeError } from "../../shared/client/errors.ts";
import type { Cluster } from "./support/cluster.ts";
import { HOSTS } from "./support/hosts.ts";
import { test } from "./support/lab.ts";
import type { TestNode } from "./support/test-node.ts";
import { until } from "./support/until.ts";

/** Writes every key once, and notes what it was told of each. */
class KeyWriter {
  readonly acknowledged: string[] = [];
  readonly unknown: string[] = [];
  readonly notExecuted: string[] = [];
  readonly #client: Client;
  readonly #loop: Promise<void>;
  #stopping = false;

  constructor(cluster: Cluster<TestNode>, name: string) {
    this.#client = new Client({ nodes: cluster.nodes.map(({ url }) => url), timeoutMs: 20_000 });
    this.#loop = this.#write(name);
  }

  async #write(name: string): Promise<void> {
    for (let n = 0; !this.#stopping; n++) {
      const key = `w/${name}/${n}`;
      try {
        const { ok } = await this.#client.put(key, String(n));
        expect(ok).toBe(true);
        this.acknowledged.push(key);
      } catch (error) {
        const list = error instanceof UnknownOutcomeError ? this.unknown : this.notExecuted;
        expect(error).toMatchObject({ outcome: list === this.unknown ? "unknown" : "none" });
        list.push(key);
        await sleep(5);
      }
    }
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#loop;
  }
}

describe.each(HOSTS)("%s", (_host, start) => {
  test("the leader dies during writes: what was acknowledged is there, what is unknown is called so", async ({
    lab,
  }) => {
    const cluster = await start(lab, "ABC");
    await cluster.leader();
    const client = new Client({ nodes: cluster.nodes.map(({ url }) => url) });

    const retries: ClientError[] = [];
    // They begin at different nodes, so that the first crash hits one.
    const watches = cluster.nodes.map(() => {
      const shown: number[] = [];
      const states = client.watch("round", { onRetry: (error) => retries.push(error) });
      const ended = (async () => {
        for await (const { entry } of states) if (entry !== null) shown.push(Number(entry.text()));
      })();
      return { shown, states, ended };
    });

    const writers = ["a", "b", "c", "d", "e", "f"].map((name) => new KeyWriter(cluster, name));
    const count = () => writers.reduce((sum, { acknowledged }) => sum + acknowledged.length, 0);
    const more = (extra: number) => {
      const wanted = count() + extra;
      return until(`${extra} more writes`, () => count() >= wanted);
    };
    for (let round = 1; round <= 2; round++) {
      await more(50);
      const leader = await cluster.leader();
      await leader.kill();
      await more(50);
      expect(await client.put("round", String(round))).toMatchObject({ ok: true });
      const areAllThere = () => watches.every(({ shown }) => shown.at(-1) === round);
      await until(`all watches show round ${round}`, areAllThere);
      // It is not waited for: any two of three are enough.
      void leader.start();
    }
    await Promise.all(writers.map((writer) => writer.stop()));
    for (const { shown, states, ended } of watches) {
      await states.return();
      await ended;
      expect(shown).toEqual([1, 2]);
    }
    expect(retries).not.toEqual([]);

    const found = new Set(await client.keys("w/"));
    const lists = (pick: (writer: KeyWriter) => readonly string[]) => writers.flatMap(pick);
    expect(lists(({ acknowledged }) => acknowledged).filter((key) => !found.has(key))).toEqual([]);
    expect(lists(({ notExecuted }) => notExecuted).filter((key) => found.has(key))).toEqual([]);
    const known = new Set(lists(({ acknowledged, unknown }) => [...acknowledged, ...unknown]));
    expect([...found].filter((key) => !known.has(key))).toEqual([]);
    // Nobody is told "unknown" but who had a request at the leader that was killed: one of each writer at most.
    expect(lists(({ unknown }) => unknown).length).toBeLessThanOrEqual(2 * writers.length);
  });
});
