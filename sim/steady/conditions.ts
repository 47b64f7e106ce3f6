import type { NetworkProfile } from "../network.ts";

/** The load on a steady cluster, and how its machines and its network behave. Milliseconds. */
export interface Conditions {
  /** Clients' commands and linearizable reads a second, at all nodes together. */
  readonly writesPerSecond: number;
  readonly readsPerSecond: number;
  readonly valueBytes: number;
  readonly keys: number;
  readonly syncMs: readonly [low: number, high: number];
  /** A node stands still, as for a garbage collection; the mean time from one such to the next. null: never. */
  readonly pauses: {
    readonly meanGapMs: number;
    readonly lengthMs: readonly [low: number, high: number];
  } | null;
  /** Clocks run faster or slower by at most this share. */
  readonly clockDrift: number;
  readonly network: NetworkProfile;
  /** Nodes fall silent when nothing has come for so long; 0: never. */
  readonly quiesceAfterMs: number;
}

/** One data centre: what is late is late by little, nothing is lost. */
const network: NetworkProfile = {
  minDelayMs: 0.1,
  maxDelayMs: 1,
  lossRate: 0,
  duplicateRate: 0,
  longDelayRate: 0.001,
  longDelayMs: 40,
};

export const idle: Conditions = {
  writesPerSecond: 0,
  readsPerSecond: 0,
  valueBytes: 100,
  keys: 1000,
  syncMs: [0.5, 4],
  pauses: { meanGapMs: 10_000, lengthMs: [10, 300] },
  clockDrift: 0.01,
  network,
  quiesceAfterMs: 0,
};

/** Nobody needs it, and the nodes may fall silent. */
export const silent: Conditions = { ...idle, quiesceAfterMs: 10_000 };

/** The same under so many operations a second, one in five of them a read. */
export function loaded(operationsPerSecond: number): Conditions {
  const readsPerSecond = operationsPerSecond / 5;
  return { ...idle, writesPerSecond: operationsPerSecond - readsPerSecond, readsPerSecond };
}

/** One line for people. */
export function describeConditions(conditions: Conditions): string {
  const { writesPerSecond, readsPerSecond, valueBytes, syncMs, pauses } = conditions;
  const load =
    writesPerSecond + readsPerSecond === 0
      ? `idle${conditions.quiesceAfterMs > 0 ? `, silent after ${conditions.quiesceAfterMs / 1000} s` : ""}`
      : `${writesPerSecond} puts of ${valueBytes} bytes and ${readsPerSecond} linearizable reads a second at all nodes by turns`;
  const still =
    pauses === null
      ? "no pauses"
      : `each node stands still for ${pauses.lengthMs.join(" to ")} ms every ${pauses.meanGapMs / 1000} s`;
  return `${load}; syncs of ${syncMs.join(" to ")} ms; ${still}`;
}
