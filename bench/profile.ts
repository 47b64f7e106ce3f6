import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { BenchCluster } from "./clusters.ts";
import { RaftLiteCluster } from "./clusters.ts";
import { load } from "./load.ts";
import { CATEGORIES, categoryOf } from "./profile-rules.ts";
import type { Workload } from "./requests.ts";
import { measureOnce } from "./speed.ts";

/**
 * Where each microsecond of a put goes: perf looks at the leader and one follower under load, and every sample is put
 * down to what it was for. Needs Linux and its perf.
 *
 *     node bench/profile.ts [--clients 1,64] [--seconds 8]
 */
const { values } = parseArgs({
  options: { clients: { type: "string", default: "1,64" }, seconds: { type: "string", default: "8" } },
});

const PUT: Workload = { name: "put", readPercent: 0, putsPerWrite: 1 };
/** So many puts first: what is not compiled yet is not what is asked for. */
const WARM_UP = 500_000;

interface Column {
  readonly title: string;
  /** µs of processor time of a put. */
  readonly shares: ReadonlyMap<string, number>;
}

const directory = mkdtempSync(join(tmpdir(), "raft-lite-profile-"));
const cluster: BenchCluster = new RaftLiteCluster(directory);
const columns: Column[] = [];
// V8 leaves logs where its process stands.
process.chdir(directory);
try {
  process.env.NODE_OPTIONS = "--perf-basic-prof --interpreted-frames-native-stack";
  await cluster.start();
  delete process.env.NODE_OPTIONS;
  const leader = await cluster.ready();
  const job = { dialect: cluster.dialect, workload: PUT, ports: [cluster.port(leader)] };
  await load({ ...job, clients: 64, requests: WARM_UP, warmUpMs: 0, measureMs: 120_000 }, () => {});
  for (const clients of values.clients.split(",").map(Number)) columns.push(...(await profile(clients)));
} finally {
  await cluster.close();
  rmSync(directory, { recursive: true, force: true });
}
print(columns);

async function profile(clients: number): Promise<Column[]> {
  const leader = await cluster.ready();
  const followers = [0, 1, 2].filter((member) => member !== leader);
  const recordings = [leader, followers[0]!].map((member) => {
    const file = join(directory, `${clients}-${member}.data`);
    const args = ["record", "-q", "-F", "1999", "-g", "-p", String(cluster.pid(member)), "-o", file];
    return { file, perf: spawn("perf", args, { stdio: "ignore" }) };
  });
  const measured = await measureOnce(
    cluster,
    { workload: PUT, clients, at: "leader" },
    { warmUpMs: 1000, roundMs: Number(values.seconds) * 1000 },
  );
  for (const { perf } of recordings) {
    const ended = once(perf, "exit");
    perf.kill("SIGINT");
    await ended;
  }
  const times = [measured.leaderUs, measured.followersUs / followers.length];
  const titles = ["leader", "a follower"];
  return recordings.map(({ file }, at) => ({
    title: `${titles[at]}, ${clients} ${clients === 1 ? "client" : "clients"}`,
    shares: fold(file, times[at]!),
  }));
}

function fold(file: string, totalUs: number): Map<string, number> {
  const text = execFileSync("perf", ["script", "-i", file, "-F", "comm,ip,sym"], {
    encoding: "utf8",
    maxBuffer: 2 ** 30,
    stdio: ["ignore", "pipe", "ignore"],
  });
  // A sample is the thread's name and its frames, innermost first: address and symbol.
  const stacks = text
    .split("\n\n")
    .map((sample) => sample.trim().split("\n").slice(1))
    .filter((frames) => frames.length > 0)
    .map((frames) => frames.map((frame) => frame.trim().replace(/^[0-9a-f]+ /, "")));
  const shares = new Map<string, number>();
  for (const frames of stacks) {
    const category = categoryOf(frames);
    shares.set(category, (shares.get(category) ?? 0) + totalUs / stacks.length);
  }
  return shares;
}

function print(columns: readonly Column[]): void {
  const shareIn = ({ shares }: Column, category: string) => shares.get(category) ?? 0;
  const total = ({ shares }: Column) => [...shares.values()].reduce((sum, share) => sum + share, 0);
  const byWeight = (category: string) =>
    columns.reduce((sum, column) => sum + shareIn(column, category) / total(column), 0);
  console.log(`| µs of a put | ${columns.map(({ title }) => title).join(" | ")} |`);
  console.log(`| --- |${columns.map(() => " --- |").join("")}`);
  console.log(`| **all** | ${columns.map((column) => total(column).toFixed(1)).join(" | ")} |`);
  for (const category of [...CATEGORIES].sort((a, b) => byWeight(b) - byWeight(a))) {
    console.log(`| ${category} | ${columns.map((one) => shareIn(one, category).toFixed(1)).join(" | ")} |`);
  }
}
