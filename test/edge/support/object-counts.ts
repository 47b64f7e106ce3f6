import { call } from "../../process/support/http.ts";
import { until } from "../../process/support/until.ts";
import type { MiniflareEdge } from "./miniflare-edge.ts";

/** What test/worker/support/counting-worker.ts counts of one object, and says at /counts. */
export interface ObjectCounts {
  /** Times that the object was made. */
  readonly constructions: number;
  /** 1 while an alarm is set and has not rung. */
  readonly alarmIsPending: number;
  /** From the Worker in front. */
  readonly requests: number;
  /** Calls from other objects. */
  readonly calls: number;
  /** Of these the ones with entries of the log. */
  readonly callsWithEntries: number;
  readonly entries: number;
  /** Transactions that wrote something. */
  readonly transactions: number;
  readonly rowsWritten: number;
  readonly alarmsSet: number;
  /** Before they rang. */
  readonly alarmsDeleted: number;
  readonly alarmsRung: number;
  /** Milliseconds in which an event was under way at it or a timer of its own was pending. */
  readonly awakeMs: number;
  /** 1 while one is. */
  readonly isAwake: number;
}

/** By the objects' ids, since the runtime was started. */
export async function countsOf(edge: MiniflareEdge): Promise<Map<string, ObjectCounts>> {
  const { text } = await call(`${edge.url}/counts`);
  return new Map(Object.entries(JSON.parse(text) as Record<string, ObjectCounts>));
}

export function difference(
  after: Map<string, ObjectCounts>,
  before: Map<string, ObjectCounts>,
): Map<string, ObjectCounts> {
  const pairs = [...after].map(([id, now]): [string, ObjectCounts] => {
    const was = before.get(id);
    const names = Object.keys(now) as (keyof ObjectCounts)[];
    return [id, Object.fromEntries(names.map((name) => [name, now[name] - (was?.[name] ?? 0)])) as never];
  });
  return new Map(pairs);
}

/** Of all objects together. */
export function total(counts: Map<string, ObjectCounts>): ObjectCounts {
  return [...counts.values()].reduce((sum, one) => {
    const names = Object.keys(one) as (keyof ObjectCounts)[];
    return Object.fromEntries(names.map((name) => [name, sum[name] + one[name]])) as never;
  });
}

/** No object has an alarm, a timer or anything to do; and then a look at what was counted until then. */
export async function quietCounts(edge: MiniflareEdge): Promise<Map<string, ObjectCounts>> {
  return await until("no object is awake or has an alarm", async () => {
    const counts = await countsOf(edge);
    const isQuiet = [...counts.values()].every((one) => one.alarmIsPending + one.isAwake === 0);
    return counts.size === edge.cluster.nodes.length && isQuiet ? counts : null;
  });
}
