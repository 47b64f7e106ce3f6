import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { parseArgs } from "node:util";
import { openNodeStorage } from "../ec2-node/storage.ts";
import type { UncountedEntry } from "../shared/storage/entry.ts";
import { LogStore } from "../shared/storage/log-store.ts";

/**
 * What a durable group of entries costs the event loop: the node's storage, which syncs beside the loop, and SQLite
 * with `synchronous=FULL`, which syncs on it. The two take turns, round by round.
 *
 *     node bench/durable-groups.ts [--rounds 5] [--seconds 2]
 */
const { values } = parseArgs({
  options: { rounds: { type: "string", default: "5" }, seconds: { type: "string", default: "2" } },
});
const rounds = Number(values.rounds);
const roundMs = Number(values.seconds) * 1000;
const body = new Uint8Array(256).fill(120);

interface Round {
  /** Time that the event loop stood still, per group. */
  readonly blockedMs: number[];
  /** Time from the start of a group until it is durable. */
  readonly latencyMs: number[];
  readonly groupsPerSecond: number;
}

/** Writes groups one after the other; `write` blocks the loop, `settle` does not. */
async function run(write: () => void, settle: () => Promise<void>): Promise<Round> {
  const blockedMs: number[] = [];
  const latencyMs: number[] = [];
  const begin = performance.now();
  while (performance.now() - begin < roundMs) {
    const start = performance.now();
    write();
    blockedMs.push(performance.now() - start);
    await settle();
    latencyMs.push(performance.now() - start);
  }
  return { blockedMs, latencyMs, groupsPerSecond: (blockedMs.length * 1000) / (performance.now() - begin) };
}

async function besideTheLoop(directory: string, size: number): Promise<Round> {
  const storage = openNodeStorage(directory);
  const log = LogStore.open(storage, { id: "A", mintStoreId: () => "bench" });
  storage.transactionSync(() => log.saveHardState({ term: 1, votedFor: null }));
  const write = () =>
    storage.transactionSync(() => {
      const entries = Array.from({ length: size }, (_, i): UncountedEntry => {
        const data = { time: 1, origin: null, schema: 1, bytes: body };
        return { index: log.lastIndex + 1 + i, term: 1, kind: "command", size: body.length, data };
      });
      log.append(entries);
    });
  try {
    return await run(write, () => storage.sync());
  } finally {
    await storage.close();
  }
}

async function onTheLoop(directory: string, size: number): Promise<Round> {
  const database = new DatabaseSync(join(directory, "full.sqlite"));
  database.exec(
    "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE entries (idx INTEGER PRIMARY KEY, body BLOB)",
  );
  const insert = database.prepare("INSERT INTO entries (body) VALUES (?)");
  const write = () => {
    database.exec("BEGIN");
    for (let i = 0; i < size; i++) insert.run(body);
    database.exec("COMMIT");
  };
  try {
    return await run(write, () => Promise.resolve());
  } finally {
    database.close();
  }
}

function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
}

const ways = { "beside the loop": besideTheLoop, "synchronous=FULL": onTheLoop };
for (const size of [1, 64]) {
  const results = new Map<string, Round[]>(Object.keys(ways).map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const [name, way] of Object.entries(ways)) {
      const directory = mkdtempSync(join(tmpdir(), "raft-lite-bench-"));
      results.get(name)?.push(await way(directory, size));
      rmSync(directory, { recursive: true });
    }
  }
  console.log(`groups of ${size} (256 bytes each), ${rounds} rounds of ${roundMs / 1000} s`);
  for (const [name, all] of results) {
    const blocked = all.flatMap((one) => one.blockedMs);
    const latency = all.flatMap((one) => one.latencyMs);
    const ms = (value: number) => value.toFixed(3);
    console.log(
      `  ${name.padEnd(18)} loop blocked p50 ${ms(percentile(blocked, 0.5))} p99 ${ms(percentile(blocked, 0.99))} ` +
        `max ${ms(percentile(blocked, 1))} ms; durable after p50 ${ms(percentile(latency, 0.5))} ` +
        `p99 ${ms(percentile(latency, 0.99))} ms; ${Math.round(
          percentile(
            all.map((one) => one.groupsPerSecond),
            0.5,
          ),
        )} groups/s`,
    );
  }
}
