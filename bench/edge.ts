import { Agent } from "node:http";
import { parseArgs } from "node:util";
import { MiniflareEdge } from "../test/edge/support/miniflare-edge.ts";
import { countsOf, difference, total } from "../test/edge/support/object-counts.ts";
import { call } from "../test/process/support/http.ts";
import { Lab } from "../test/process/support/lab-room.ts";
import { median, spread } from "./figures.ts";

/**
 * `npm run bench:edge [-- --commands 1000 --rounds 5]`: commands to three Durable Objects under Miniflare, all of them
 * and the clients on this one machine. What they cost in calls and rows is what the platform bills; how long they take
 * says what the software needs, not how far apart objects are.
 */

interface Round {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Per command. */
  readonly calls: number;
  readonly callsWithEntries: number;
  readonly transactions: number;
  readonly rowsWritten: number;
}

const CLIENTS = [1, 16, 64];
const value = "x".repeat(256);

const { values } = parseArgs({
  options: { commands: { type: "string", default: "1000" }, rounds: { type: "string", default: "5" } },
});
const commands = atLeastOne("--commands", values.commands);
const rounds = atLeastOne("--rounds", values.rounds);

function atLeastOne(flag: string, text: string): number {
  if (/^[1-9][0-9]{0,6}$/.test(text)) return Number(text);
  console.error(`bench:edge: ${flag} takes a whole number from 1, not ${JSON.stringify(text)}`);
  process.exit(2);
}

const lab = new Lab();
try {
  await measureCommands();
  await measureStubs();
} finally {
  await lab.dispose();
}

async function measureCommands(): Promise<void> {
  // The timings that a deployed Worker has.
  const vars = { RAFT_HEARTBEAT: "500", RAFT_ELECTION_TIMEOUT: "2000-4000" };
  const edge = await MiniflareEdge.open(lab, { entry: "test/worker/support/counting-worker.ts", vars });
  await edge.cluster.leader();
  await round(edge, 16);
  console.log(
    `POST /command, 256 bytes, ${commands} commands a round, ${rounds} rounds, median (min … max)\n`,
  );
  console.log(
    "| clients | commands/s | p50 ms | p99 ms | calls between objects a command | of these with entries | transactions a command, all objects | rows written a command, all objects |",
  );
  console.log("| --- | --- | --- | --- | --- | --- | --- | --- |");
  for (const clients of CLIENTS) {
    const all: Round[] = [];
    for (let n = 0; n < rounds; n++) all.push(await round(edge, clients));
    const figures = (["perSecond", "p50Ms", "p99Ms"] as const).map((name) => {
      const { median: middle, min, max } = spread(all.map((one) => one[name]));
      return `${short(middle)} (${short(min)} … ${short(max)})`;
    });
    const costs = (["calls", "callsWithEntries", "transactions", "rowsWritten"] as const).map((name) => {
      return median(all.map((one) => one[name])).toFixed(2);
    });
    console.log(`| ${[clients, ...figures, ...costs].join(" | ")} |`);
  }
  await edge.stop();
}

async function round(edge: MiniflareEdge, clients: number): Promise<Round> {
  const agent = new Agent({ keepAlive: true, maxSockets: clients });
  const latencies: number[] = [];
  let left = commands;
  const before = await countsOf(edge);
  const startedAt = performance.now();
  const client = async () => {
    while (left-- > 0) {
      const at = performance.now();
      const body = JSON.stringify({ cmd: `SET key${left % 100}=${value}` });
      const { status, text } = await call(`${edge.url}/command`, { body, agent });
      if (status !== 200) throw new Error(`a command was answered with ${status} ${text}`);
      latencies.push(performance.now() - at);
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  const elapsedMs = performance.now() - startedAt;
  agent.destroy();
  const spent = total(difference(await countsOf(edge), before));
  latencies.sort((a, b) => a - b);
  return {
    perSecond: (1000 * commands) / elapsedMs,
    p50Ms: latencies[Math.floor(latencies.length * 0.5)]!,
    p99Ms: latencies[Math.floor(latencies.length * 0.99)]!,
    calls: spent.calls / commands,
    callsWithEntries: spent.callsWithEntries / commands,
    transactions: spent.transactions / commands,
    rowsWritten: spent.rowsWritten / commands,
  };
}

/** One object calls another, in turn by RPC and by fetch. */
async function measureStubs(): Promise<void> {
  const edge = await MiniflareEdge.open(lab, { entry: "test/worker/support/echo-worker.ts" });
  const count = 1000;
  console.log(`\n${count} calls from object to object, one after the other, ${rounds} rounds by turns\n`);
  console.log("| body | by RPC, ms a call | by fetch, ms a call |\n| --- | --- | --- |");
  for (const bytes of [400, 40_000]) {
    const took: Record<string, number[]> = { rpc: [], fetch: [] };
    for (let n = 0; n <= rounds; n++) {
      for (const way of ["rpc", "fetch"]) {
        const at = performance.now();
        const { status, text } = await call(`${edge.url}/${way}/${count}/${bytes}`);
        if (status !== 200) throw new Error(`${way}: ${status} ${text}`);
        // The first of each warms up.
        if (n > 0) took[way]!.push((performance.now() - at) / count);
      }
    }
    const cells = ["rpc", "fetch"].map((way) => {
      const { median: middle, min, max } = spread(took[way]!);
      return `${middle.toFixed(3)} (${min.toFixed(3)} … ${max.toFixed(3)})`;
    });
    console.log(`| ${bytes} bytes | ${cells.join(" | ")} |`);
  }
}

function short(figure: number): string {
  return figure < 100 ? figure.toFixed(1) : figure.toFixed(0);
}
