import { KeyValueStore } from "../shared/store/key-value-store.ts";
import type { InvariantName } from "./invariants/violation.ts";
import { Random } from "./random.ts";
import type { Recordings } from "./recordings.ts";
import { simulate } from "./simulate.ts";
import { callsOf, KeyValueClients } from "./store/clients.ts";
import type { HistoryFigures } from "./store/figures.ts";
import { figuresOf, kindsOf } from "./store/figures.ts";
import { drawShape } from "./store/load.ts";

/** What came of one seed, as plain data: it travels between processes. */
export interface SeedResult {
  readonly seed: number;
  readonly events: number;
  readonly virtualMs: number;
  readonly counts: readonly (readonly [what: string, times: number])[];
  readonly figures: HistoryFigures;
  /** null: all is well. */
  readonly failure: {
    /** null: not an invariant, but the simulator itself. */
    readonly invariant: InvariantName | null;
    readonly message: string;
    /** Virtual milliseconds. */
    readonly at: number;
  } | null;
}

export interface SeedOptions {
  readonly trace?: ((line: string) => void) | undefined;
  readonly watched?: readonly InvariantName[] | undefined;
  readonly recordings?: Recordings | undefined;
}

/** A few keys, and a part of a minute: its table of keys is to be written while nodes crash. */
const storeLimits = { dirtyKeys: 5, dirtyChanges: 30, keysPerFlush: 1 };

/** Runs the key-value store through what `seed` has in store for it. Never rejects. */
export async function runSeed(seed: number, options: SeedOptions = {}): Promise<SeedResult> {
  const random = new Random(seed, "clients");
  const clients = new KeyValueClients(random.int(4, 12), drawShape(random));
  try {
    const { violation, counts, history, leaderChanges, events, virtualMs } = await simulate(
      () => new KeyValueStore(storeLimits),
      clients,
      { seed, ...options },
    );
    const calls = callsOf(history);
    for (const kind of kindsOf(calls)) counts.add(kind);
    const figures = figuresOf(calls, leaderChanges);
    const failure = violation && {
      invariant: violation.invariant,
      message: violation.message,
      at: violation.at,
    };
    return { seed, events, virtualMs, figures, counts: counts.entries(), failure };
  } catch (error) {
    const message = `the simulator failed: ${(error as Error)?.stack ?? error}`;
    return noResult(seed, message);
  }
}

/** Of a seed of which nothing is known but that it went wrong, and not by an invariant. */
export function noResult(seed: number, message: string): SeedResult {
  const failure = { invariant: null, message, at: 0 };
  return { seed, events: 0, virtualMs: 0, figures: figuresOf([], 0), counts: [], failure };
}

/** The command that shows what happened. */
export function replayLine(seed: number): string {
  return `npm run sim -- --seed ${seed}`;
}
