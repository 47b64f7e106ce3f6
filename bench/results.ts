import type { Spread } from "./figures.ts";

/** What `npm run bench -- --json FILE` writes. Bench/report.ts makes tables of it. */
export interface Results {
  readonly date: string;
  readonly machine: Machine;
  readonly settings: {
    readonly quick: boolean;
    readonly rounds: number;
    readonly roundMs: number;
    /** Puts at first, and before the rounds of each load so much of that load. */
    readonly warmUpSeconds: { readonly puts: number; readonly each: number };
    readonly valueBytes: number;
    readonly keys: number;
  };
  readonly speed: readonly SpeedRow[];
  readonly gaps: readonly GapRow[];
  readonly memory: readonly MemoryRow[];
  readonly goals: readonly Goal[];
}

export interface Machine {
  readonly node: string;
  /** Its version; null when it is not installed. */
  readonly etcd: string | null;
  readonly system: string;
  readonly processors: string;
  /** Load averages of a minute before and after the run: other work than this makes rates small and ratios rough. */
  readonly loadBefore: number;
  readonly loadAfter: number;
}

export type System = "Raft Lite" | "etcd";

/** One kind of load; every figure over the rounds. */
export interface SpeedRow {
  readonly workload: string;
  readonly clients: number;
  readonly at: "leader" | "all";
  readonly readPercent: number;
  readonly putsPerWrite: number;
  readonly systems: Partial<Record<System, SpeedFigures>>;
}

/** Times of processors are per request, in microseconds: user and system time of the whole process. */
export interface SpeedFigures {
  /** Requests; in batches, puts. */
  readonly perSecond: Spread;
  readonly p50Ms: Spread;
  readonly p99Ms: Spread;
  readonly leaderUs: Spread;
  /** Both followers together. */
  readonly followersUs: Spread;
  readonly clientUs: Spread;
  readonly failed: number;
}

export interface GapRow {
  readonly system: System;
  readonly way: "kill -9" | "clean stop";
  /** Longest time between two acknowledged writes, over the runs. */
  readonly gapMs: Spread;
  readonly runs: number;
  readonly sent: number;
  /** Puts that were sent again, to another member, before they were acknowledged. */
  readonly retried: number;
  /** Puts that nobody acknowledged, however often they were sent. */
  readonly hung: number;
}

export interface MemoryRow {
  readonly system: System;
  readonly puts: number;
  readonly keys: number;
  readonly putsPerWrite: number;
  /** Resident memory in MiB of the members: leader first. */
  readonly freshMiB: readonly number[];
  readonly afterMiB: readonly number[];
  readonly mostMiB: readonly number[];
  readonly putsPerSecond: number;
}

export interface Goal {
  readonly name: string;
  readonly measured: string;
  readonly wanted: string;
  readonly met: boolean;
}
