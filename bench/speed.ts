import type { BenchCluster } from "./clusters.ts";
import { spread } from "./figures.ts";
import { load } from "./load.ts";
import { cpuUsOf } from "./process-usage.ts";
import type { Workload } from "./requests.ts";
import type { SpeedFigures, SpeedRow } from "./results.ts";

/** One kind of load. */
export interface Scenario {
  readonly workload: Workload;
  readonly clients: number;
  /** Clients talk to the leader alone, or are dealt out among all members. */
  readonly at: "leader" | "all";
}

export interface SpeedSettings {
  readonly rounds: number;
  readonly roundMs: number;
  /** Before every round; not measured. */
  readonly warmUpMs: number;
  /** Before the first round of each load, of that very load; not measured. */
  readonly firstWarmUpMs: number;
}

/** What one system did in one round. */
type Sample = Record<Exclude<keyof SpeedFigures, "failed">, number> & { readonly failed: number };

const MEMBERS = [0, 1, 2];
const FIGURES = ["perSecond", "p50Ms", "p99Ms", "leaderUs", "followersUs", "clientUs"] as const;

/** Loads the clusters in turn, round by round, so that a change of the machine's mood meets all of them. */
export async function measureSpeed(
  clusters: readonly BenchCluster[],
  scenario: Scenario,
  settings: SpeedSettings,
): Promise<SpeedRow> {
  const samples = new Map<BenchCluster, Sample[]>(clusters.map((cluster) => [cluster, []]));
  // What ran elsewhere before is compiled for that.
  for (const cluster of clusters) {
    await measureOnce(cluster, scenario, { warmUpMs: 0, roundMs: settings.firstWarmUpMs });
  }
  for (let round = 0; round < settings.rounds; round++) {
    for (const [cluster, own] of samples) own.push(await measureOnce(cluster, scenario, settings));
  }
  const { workload, clients, at } = scenario;
  return {
    workload: workload.name,
    clients,
    at,
    readPercent: workload.readPercent,
    putsPerWrite: workload.putsPerWrite,
    systems: Object.fromEntries([...samples].map(([{ name }, own]) => [name, figuresOf(own)])),
  };
}

function figuresOf(samples: readonly Sample[]): SpeedFigures {
  const of = (figure: (typeof FIGURES)[number]) => spread(samples.map((sample) => sample[figure]));
  const figures = Object.fromEntries(FIGURES.map((figure) => [figure, of(figure)]));
  const failed = samples.reduce((total, sample) => total + sample.failed, 0);
  return { ...figures, failed } as unknown as SpeedFigures;
}

/** Throws when the term rose meanwhile: an election under load is a fault, not a figure. */
export async function measureOnce(
  cluster: BenchCluster,
  { workload, clients, at }: Scenario,
  { warmUpMs, roundMs }: Pick<SpeedSettings, "warmUpMs" | "roundMs">,
): Promise<Sample> {
  const leader = await cluster.ready();
  const followers = MEMBERS.filter((member) => member !== leader);
  const term = await cluster.term();
  const cpuUs = (members: readonly number[]) =>
    members.reduce((total, member) => total + cpuUsOf(cluster.pid(member)), 0);
  let before = { leader: 0, followers: 0 };
  const ports = (at === "leader" ? [leader] : MEMBERS).map((member) => cluster.port(member));
  const job = { dialect: cluster.dialect, workload, ports, clients, warmUpMs, measureMs: roundMs };
  const result = await load(job, () => {
    before = { leader: cpuUs([leader]), followers: cpuUs(followers) };
  });
  const after = { leader: cpuUs([leader]), followers: cpuUs(followers) };
  if (result.count === 0) throw new Error(`${cluster.name} answered nothing: ${result.failure}`);
  if (result.failure !== null) console.error(`${cluster.name}: ${result.failed} failed: ${result.failure}`);
  const termAfter = await cluster.term();
  if (termAfter !== term) throw new Error(`${cluster.name} elected under load: term ${term} to ${termAfter}`);
  return {
    perSecond: (result.count * workload.putsPerWrite * 1000) / result.elapsedMs,
    p50Ms: result.p50Ms,
    p99Ms: result.p99Ms,
    leaderUs: (after.leader - before.leader) / result.count,
    followersUs: (after.followers - before.followers) / result.count,
    clientUs: result.cpuUs / result.count,
    failed: result.failed,
  };
}
