import { KeyValueStore } from "../shared/store/key-value-store.ts";
import type { InvariantName } from "./invariants/violation.ts";
import { KeyValueClients } from "./key-value-clients.ts";
import { Random } from "./random.ts";
import { simulate } from "./simulate.ts";

/** What came of one seed, as plain data: it travels between processes. */
export interface SeedResult {
  readonly seed: number;
  readonly events: number;
  readonly operations: number;
  readonly virtualMs: number;
  readonly counts: readonly (readonly [what: string, times: number])[];
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
}

/** Runs the key-value store through what `seed` has in store for it. Never rejects. */
export async function runSeed(seed: number, options: SeedOptions = {}): Promise<SeedResult> {
  const random = new Random(seed, "clients");
  const clients = new KeyValueClients(random.int(3, 10), random.int(2, 6));
  try {
    const { violation, counts, ...rest } = await simulate(() => new KeyValueStore(), clients, {
      seed,
      ...options,
    });
    const failure = violation && {
      invariant: violation.invariant,
      message: violation.message,
      at: violation.at,
    };
    return { ...rest, counts: counts.entries(), failure };
  } catch (error) {
    const message = `the simulator failed: ${(error as Error)?.stack ?? error}`;
    const failure = { invariant: null, message, at: 0 };
    return { seed, events: 0, operations: 0, virtualMs: 0, counts: [], failure };
  }
}

/** The command that shows what happened. */
export function replayLine(seed: number): string {
  return `npm run sim -- --seed ${seed}`;
}
