import { setTimeout as sleep } from "node:timers/promises";
import type { BenchCluster } from "./clusters.ts";
import { load } from "./load.ts";
import { memoryOf } from "./process-usage.ts";
import { KEY_COUNT } from "./requests.ts";
import type { MemoryRow } from "./results.ts";

const CLIENTS = 16;
/** For what is under way when the last put is answered. */
const SETTLE_MS = 1000;
const WITHIN_MS = 30 * 60_000;

/** Resident memory of fresh members, and after so many puts on the benchmark's keys. */
export async function measureMemory(
  cluster: BenchCluster,
  puts: number,
  putsPerWrite: number,
): Promise<MemoryRow> {
  const leader = await cluster.ready();
  const members = [leader, (leader + 1) % 3, (leader + 2) % 3];
  const mebibytes = (which: "now" | "most") =>
    members.map((member) => memoryOf(cluster.pid(member))[which] / 2 ** 20);
  const freshMiB = mebibytes("now");
  const workload = { name: "memory", readPercent: 0, putsPerWrite };
  const ports = [cluster.port(leader)];
  const requests = Math.ceil(puts / putsPerWrite);
  const job = { dialect: cluster.dialect, workload, ports, clients: CLIENTS, requests };
  const { elapsedMs, count, failure } = await load({ ...job, warmUpMs: 0, measureMs: WITHIN_MS }, () => {});
  if (failure !== null) throw new Error(`${cluster.name}: ${failure}`);
  await sleep(SETTLE_MS);
  return {
    system: cluster.name,
    puts: count * putsPerWrite,
    keys: KEY_COUNT,
    putsPerWrite,
    freshMiB,
    afterMiB: mebibytes("now"),
    mostMiB: mebibytes("most"),
    putsPerSecond: (count * putsPerWrite * 1000) / elapsedMs,
  };
}
