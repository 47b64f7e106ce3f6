import { parseArgs } from "node:util";
import type { HistoryHost } from "./run-history.ts";

export type Arguments =
  | {
      readonly type: "run";
      /** The seeds are `first`, `first + 1`, … */
      readonly first: number;
      readonly count: number;
      /** Histories at a time. */
      readonly jobs: number;
      readonly host: HistoryHost;
    }
  | { readonly type: "judge"; readonly file: string };

/** What is wrong with the command line, in one line. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

export const usage = `usage: npm run histories [-- --count N --seed S --jobs J --edge|--mixed] | -- --judge FILE
  --count N     so many histories, of seeds S to S+N-1 (10 unless given)
  --seed S      any one unless given
  --jobs J      so many at a time (2)
  --edge        of Durable Objects in workerd, not of processes
  --mixed       of both kinds in one cluster
  --judge FILE  judges a recorded history, and runs none
Seeds are whole numbers from 0 to 2147483647.`;

const mostSeeds = 2 ** 31;

/** Throws UsageError. */
export function parseArguments(args: readonly string[]): Arguments {
  const { count, seed, jobs, judge, edge, mixed } = flags(args);
  if (judge !== undefined) {
    if (count !== undefined || seed !== undefined || jobs !== undefined || edge || mixed) {
      throw new UsageError("--judge FILE stands alone");
    }
    if (judge === "") throw new UsageError("--judge takes a file");
    return { type: "judge", file: judge };
  }
  if (edge && mixed) throw new UsageError("--edge or --mixed, not both");
  const histories = count === undefined ? 10 : wholeNumber("--count", count, 1, 10_000);
  const last = mostSeeds - histories;
  const first = seed === undefined ? Math.floor(Math.random() * last) : wholeNumber("--seed", seed, 0, last);
  return {
    type: "run",
    first,
    count: histories,
    jobs: jobs === undefined ? 2 : wholeNumber("--jobs", jobs, 1, 16),
    host: edge ? "edge" : mixed ? "mixed" : "process",
  };
}

interface Flags {
  readonly count?: string;
  readonly seed?: string;
  readonly jobs?: string;
  readonly judge?: string;
  readonly edge?: boolean;
  readonly mixed?: boolean;
}

function flags(args: readonly string[]): Flags {
  const option = { type: "string" } as const;
  const host = { type: "boolean" } as const;
  const options = { count: option, seed: option, jobs: option, judge: option, edge: host, mixed: host };
  try {
    return parseArgs({ args: [...args], options }).values;
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
