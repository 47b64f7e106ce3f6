import { parseArgs } from "node:util";

export interface Arguments {
  /** The seeds are `first`, `first + 1`, … */
  readonly first: number;
  readonly count: number;
  /** One seed asked for by name: everything that happens is printed. */
  readonly trace: boolean;
  /** Where the nodes' recordings are put; of one seed alone. */
  readonly traceDirectory: string | undefined;
  /** Worker processes. */
  readonly jobs: number;
}

/** What is wrong with the command line, in one line. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

export const usage = `usage: npm run sim [-- --seeds N --seed S --jobs J --trace DIR]
  --seeds N --seed S   runs the seeds S to S+N-1
  --seeds N            runs the seeds 0 to N-1 (100 unless given)
  --seed S             runs this one and prints everything that happens in it
  --seed S --trace DIR puts into DIR what its nodes record, for raft-lite verify
  --jobs J             worker processes (as many as there are processors)
Seeds are whole numbers from 0 to 2147483647.`;

const mostSeeds = 2 ** 31;
const mostJobs = 256;
const defaultCount = 100;

/** Throws UsageError. `processors`: how many there are. */
export function parseArguments(args: readonly string[], processors: number): Arguments {
  const { seeds, seed, jobs, trace: traceDirectory } = flags(args);
  const first = seed === undefined ? 0 : wholeNumber("--seed", seed, 0, mostSeeds - 1);
  const trace = seed !== undefined && seeds === undefined;
  const count = seeds !== undefined ? wholeNumber("--seeds", seeds, 1, mostSeeds) : trace ? 1 : defaultCount;
  if (first + count > mostSeeds) {
    throw new UsageError(
      `--seeds ${count} from --seed ${first} on goes beyond the last seed, ${mostSeeds - 1}`,
    );
  }
  if (traceDirectory !== undefined && (!trace || traceDirectory === "")) {
    throw new UsageError("--trace takes a directory, and goes with --seed alone");
  }
  return {
    first,
    count,
    trace,
    traceDirectory,
    jobs: jobs === undefined ? Math.max(1, processors) : wholeNumber("--jobs", jobs, 1, mostJobs),
  };
}

function flags(args: readonly string[]): { seeds?: string; seed?: string; jobs?: string; trace?: string } {
  const option = { type: "string" } as const;
  try {
    const { values } = parseArgs({
      args: [...args],
      options: { seeds: option, seed: option, jobs: option, trace: option },
    });
    return values;
  } catch (error) {
    // Only the first line: the rest is advice for programs that take other arguments.
    throw new UsageError((error as Error).message.split("\n")[0]?.split(". ")[0] ?? "wrong arguments");
  }
}

function wholeNumber(flag: string, text: string, low: number, high: number): number {
  const value = Number(text);
  if (/^[0-9]{1,10}$/.test(text) && value >= low && value <= high) return value;
  throw new UsageError(`${flag} takes a whole number from ${low} to ${high}, not ${JSON.stringify(text)}`);
}
