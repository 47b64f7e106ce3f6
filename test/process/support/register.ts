import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import { post } from "./http.ts";
import type { LabNode } from "./node.ts";
import { until } from "./until.ts";

interface Write {
  readonly value: number;
  readonly invokedAt: number;
  /** Infinity while its outcome is unknown: it may take effect at any time, for ever. */
  endedAt: number;
}

interface Read {
  readonly node: string;
  /** 0: absent. */
  readonly value: number;
  readonly invokedAt: number;
  readonly endedAt: number;
}

/**
 * One key: a client that writes 1, 2, 3, … one after the other, and clients that read it linearizably at every node
 * all the while. With one writer and no value twice, what may be read when can be said in two sentences (`judge`).
 */
export class Register {
  readonly reads: Read[] = [];
  readonly #writes: Write[] = [];
  readonly #key: string;
  readonly #loops: Promise<void>[];
  #stopping = false;

  /** `through`: the nodes that the writer uses by turns. */
  constructor(key: string, readers: readonly LabNode[], through: readonly LabNode[]) {
    this.#key = key;
    this.#loops = [this.#write(through), ...readers.map((node) => this.#read(node))];
  }

  async #write(through: readonly LabNode[]): Promise<void> {
    for (let value = 1; !this.#stopping; value++) {
      const write: Write = { value, invokedAt: performance.now(), endedAt: Number.POSITIVE_INFINITY };
      this.#writes.push(write);
      const node = through[value % through.length]!;
      const reply = await ask(node, `SET ${this.#key}=${value}`, "1s");
      if (reply !== null) write.endedAt = performance.now();
      else await sleep(20);
    }
  }

  async #read(node: LabNode): Promise<void> {
    while (!this.#stopping) {
      const invokedAt = performance.now();
      const reply = await ask(node, `GET ${this.#key}`, "10s");
      if (reply === null) await sleep(20);
      else
        this.reads.push({
          node: node.id,
          value: Number(reply.result),
          invokedAt,
          endedAt: performance.now(),
        });
    }
  }

  get acknowledged(): number {
    return this.#writes.filter(({ endedAt }) => endedAt < Number.POSITIVE_INFINITY).length;
  }

  async moreWrites(count: number): Promise<void> {
    const wanted = this.acknowledged + count;
    await until(`${count} more writes`, () => this.acknowledged >= wanted);
  }

  async moreReads(node: LabNode, count: number): Promise<void> {
    const done = () => this.reads.filter((read) => read.node === node.id).length;
    const wanted = done() + count;
    await until(`${count} more reads at ${node.id}`, () => done() >= wanted);
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await Promise.all(this.#loops);
  }

  /**
   * A read is wrong when it gives what nobody had begun to write, or what had been overwritten for certain: by a write
   * that began after the one it gives had ended, and ended before the read began; or by what an earlier read gave.
   */
  judge(): void {
    const writes = new Map(this.#writes.map((write) => [write.value, write]));
    const endOf = (value: number) => (value === 0 ? 0 : (writes.get(value)?.endedAt ?? 0));
    const wrong = (read: Read): string | null => {
      const given = writes.get(read.value);
      if (read.value !== 0 && (given === undefined || given.invokedAt > read.endedAt)) return "from nowhere";
      const newer = this.#writes.find(
        (write) =>
          write.invokedAt > endOf(read.value) && write.endedAt < read.invokedAt && write.value > read.value,
      );
      if (newer !== undefined) return `stale: ${newer.value} was acknowledged before`;
      const earlier = this.reads.find(
        (other) =>
          other.endedAt < read.invokedAt &&
          other.value > read.value &&
          (writes.get(other.value)?.invokedAt ?? 0) > endOf(read.value),
      );
      return earlier === undefined ? null : `stale: ${earlier.node} had given ${earlier.value} before`;
    };
    const verdicts = this.reads.flatMap((read) => {
      const verdict = wrong(read);
      return verdict === null ? [] : [`${read.value} read at ${read.node}: ${verdict}`];
    });
    expect(verdicts).toEqual([]);
  }
}

async function ask(node: LabNode, cmd: string, timeout: string): Promise<{ result: unknown } | null> {
  try {
    const { status, text } = await post(`${node.url}/command?timeout=${timeout}`, { cmd });
    return status === 200 ? (JSON.parse(text) as { result: unknown }) : null;
  } catch {
    return null;
  }
}
