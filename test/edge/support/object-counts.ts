import { call } from "../../process/support/http.ts";
import type { MiniflareEdge } from "./miniflare-edge.ts";

/** What test/worker/support/counting-worker.ts counts of one object, and says at /counts. */
export interface ObjectCounts {
  /** Times that the object was made. */
  readonly constructions: number;
  /** 1 while an alarm is set and has not rung. */
  readonly alarmIsPending: number;
  /** Calls from other objects. */
  readonly calls: number;
  /** Of these the ones with entries of the log. */
  readonly callsWithEntries: number;
  readonly entries: number;
  /** Transactions that wrote something. */
  readonly transactions: number;
  readonly rowsWritten: number;
  readonly alarmsSet: number;
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
