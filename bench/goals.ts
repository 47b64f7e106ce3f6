import type { GapRow, Goal, MemoryRow, Results, SpeedFigures, SpeedRow } from "./results.ts";

/** What the project set itself, judged by one run. Most of it is said relative to etcd, measured in the same run. */
export function judge({ speed, gaps, memory }: Pick<Results, "speed" | "gaps" | "memory">): Goal[] {
  const goals: (Goal | null)[] = [
    ratio("puts at 64 clients", find(speed, "put", 64), 3),
    compare("p99 of puts at 64 clients", find(speed, "put", 64), "p99Ms"),
    compare("p50 of puts of one client", find(speed, "put", 1), "p50Ms"),
    ratio("linearizable reads at 64 clients", find(speed, "read", 64), 3),
    ratio("puts in batches of 100", find(speed, "batch of 100", 16), 5),
    ...memory.map(memoryGoal),
    gapGoal(gaps),
    hangGoal(gaps),
  ];
  return goals.filter((goal) => goal !== null);
}

function find(speed: readonly SpeedRow[], workload: string, clients: number): SpeedRow | undefined {
  return speed.find((row) => row.workload === workload && row.clients === clients && row.at === "leader");
}

interface Both {
  readonly ours: SpeedFigures;
  readonly theirs: SpeedFigures;
}

function both(row: SpeedRow | undefined): Both | null {
  const ours = row?.systems["Raft Lite"];
  const theirs = row?.systems.etcd;
  return ours && theirs ? { ours, theirs } : null;
}

function ratio(name: string, row: SpeedRow | undefined, wanted: number): Goal | null {
  const figures = both(row);
  if (figures === null) return null;
  const times = figures.ours.perSecond.median / figures.theirs.perSecond.median;
  return {
    name,
    measured: `${times.toFixed(2)} × etcd`,
    wanted: `at least ${wanted} ×`,
    met: times >= wanted,
  };
}

function compare(name: string, row: SpeedRow | undefined, figure: "p50Ms" | "p99Ms"): Goal | null {
  const figures = both(row);
  if (figures === null) return null;
  const [ours, theirs] = [figures.ours[figure].median, figures.theirs[figure].median];
  return {
    name,
    measured: `${ours.toFixed(2)} ms`,
    wanted: `below ${theirs.toFixed(2)} ms`,
    met: ours < theirs,
  };
}

const MOST_MIB = 200;

function memoryGoal({ system, puts, putsPerWrite, afterMiB }: MemoryRow): Goal | null {
  if (system !== "Raft Lite") return null;
  const largest = Math.max(...afterMiB);
  const how = putsPerWrite === 1 ? "one by one" : `in batches of ${putsPerWrite}`;
  return {
    name: `a node's memory after ${puts.toLocaleString("en")} puts, ${how}`,
    measured: `${largest.toFixed(0)} MiB`,
    wanted: `at most ${MOST_MIB} MiB`,
    met: largest <= MOST_MIB,
  };
}

function gapGoal(gaps: readonly GapRow[]): Goal | null {
  const of = (system: string) => gaps.find((row) => row.system === system && row.way === "kill -9");
  const [ours, theirs] = [of("Raft Lite"), of("etcd")];
  if (!ours || !theirs) return null;
  const part = theirs.gapMs.median / ours.gapMs.median;
  return {
    name: "the gap in writes after kill -9 of the leader",
    measured: `${ours.gapMs.median.toFixed(0)} ms, 1/${part.toFixed(1)} of etcd's`,
    wanted: "at most 1/12",
    met: part >= 12,
  };
}

function hangGoal(gaps: readonly GapRow[]): Goal | null {
  const own = gaps.filter(({ system }) => system === "Raft Lite");
  if (own.length === 0) return null;
  const hung = own.reduce((total, row) => total + row.hung, 0);
  const sent = own.reduce((total, row) => total + row.sent, 0);
  return {
    name: "clients that hang when the leader goes",
    measured: `${hung} of ${sent} puts`,
    wanted: "none",
    met: hung === 0,
  };
}
