import { Agent } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import type { MiniflareEdge } from "../test/edge/support/miniflare-edge.ts";
import type { ObjectCounts } from "../test/edge/support/object-counts.ts";
import { countsOf, difference, quietCounts, total } from "../test/edge/support/object-counts.ts";
import { call } from "../test/process/support/http.ts";
import type { Usage } from "./edge-bill.ts";
import { OBJECT_GB } from "./edge-bill.ts";

/** What a cluster of Durable Objects uses of what is billed, counted around the objects. */

export interface Measured {
  readonly usage: Usage;
  /** How long it was counted. */
  readonly seconds: number;
  /** Times that an object was made: each had been evicted before, or was not there yet. */
  readonly constructions: number;
}

/** The platform evicts an object that has had nothing to do for 10 s; here that takes up to 5 s more. */
export const EVICTED_AFTER_MS = 16_000;

const value = "x".repeat(256);

/** Commands of 256 bytes on a hundred keys; each must be carried out. */
class Client {
  readonly #url: string;
  readonly #agent: Agent;
  #sent = 0;

  constructor(edge: MiniflareEdge, connections: number) {
    // A cluster that was woken on a busy machine may take a while to elect.
    this.#url = `${edge.url}/command?timeout=30s`;
    this.#agent = new Agent({ keepAlive: true, maxSockets: connections });
  }

  get sent(): number {
    return this.#sent;
  }

  async send(): Promise<void> {
    const body = JSON.stringify({ cmd: `SET key${this.#sent++ % 100}=${value}` });
    const { status, text } = await call(this.#url, { body, agent: this.#agent, timeoutMs: 40_000 });
    if (status !== 200) throw new Error(`a command was answered with ${status} ${text}`);
  }

  close(): void {
    this.#agent.destroy();
  }
}

/** Nobody comes. */
export async function measureIdle(edge: MiniflareEdge, seconds: number): Promise<Measured> {
  const before = await countsOf(edge);
  const startedAt = performance.now();
  await sleep(1000 * seconds);
  return measured(before, await countsOf(edge), startedAt, 0);
}

/** One command to a sleeping cluster, nobody of which is in memory, until all is quiet again. */
export async function measureCycle(edge: MiniflareEdge): Promise<Measured> {
  await quietCounts(edge);
  await sleep(EVICTED_AFTER_MS);
  const before = await countsOf(edge);
  const startedAt = performance.now();
  const client = new Client(edge, 1);
  await client.send();
  client.close();
  return measured(before, await quietCounts(edge), startedAt, client.sent);
}

/** So many commands a second, evenly, whether or not the last one is answered. */
export async function measureLoad(
  edge: MiniflareEdge,
  perSecond: number,
  seconds: number,
): Promise<Measured> {
  const client = new Client(edge, 64);
  // The cluster is awake, and the Worker knows who leads.
  for (let n = 0; n < 10; n++) await client.send();
  const warmUp = client.sent;
  const before = await countsOf(edge);
  const startedAt = performance.now();
  const pending: Promise<void>[] = [];
  for (let n = 0; n < perSecond * seconds; n++) {
    await sleep(Math.max(0, startedAt + (1000 * n) / perSecond - performance.now()));
    pending.push(client.send());
  }
  await Promise.all(pending);
  await sleep(Math.max(0, startedAt + 1000 * seconds - performance.now()));
  const result = measured(before, await countsOf(edge), startedAt, client.sent - warmUp);
  client.close();
  return result;
}

/**
 * Rows that a command writes at all objects together. Over many commands: what they set is written some thousand entries at
 * a time, so that a short load may see none of it, or all.
 */
export async function measureRows(edge: MiniflareEdge, commands: number): Promise<number> {
  const client = new Client(edge, 16);
  await client.send();
  const before = await countsOf(edge);
  let left = commands;
  const work = async () => {
    while (left-- > 0) await client.send();
  };
  await Promise.all(Array.from({ length: 16 }, work));
  client.close();
  return total(difference(await countsOf(edge), before)).rowsWritten / commands;
}

function measured(
  before: Map<string, ObjectCounts>,
  after: Map<string, ObjectCounts>,
  startedAt: number,
  workerRequests: number,
): Measured {
  const spent = total(difference(after, before));
  return {
    usage: {
      workerRequests,
      objectRequests: spent.requests + spent.calls + spent.alarmsRung,
      gbSeconds: (spent.awakeMs / 1000) * OBJECT_GB,
      rowsWritten: spent.rowsWritten + spent.alarmsSet + spent.alarmsDeleted,
    },
    seconds: (performance.now() - startedAt) / 1000,
    constructions: spent.constructions,
  };
}
