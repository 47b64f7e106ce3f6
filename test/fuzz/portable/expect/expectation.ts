import type { Operation } from "../../../../shared/store/operations.ts";
import type { Line } from "../ledger.ts";

/**
 * What a request must be answered with, as the contract reads, worked out without a look at how the routes do it: a
 * request that is wrong in several ways may be refused for any one of them.
 */
export type Expectation =
  | { readonly type: "refused"; readonly faults: readonly Fault[] }
  | { readonly type: "options" }
  | Look
  | Read
  | Write
  | CommandRead
  | { readonly type: "nodes" };

/** The routes that only look; of /status so many lines of the log at most. */
export type Look =
  | { readonly type: "leader" | "peers" | "health" | "metrics" }
  | { readonly type: "status"; readonly limit: number };

export interface Fault {
  readonly status: number;
  readonly code: string;
  /** Position of the operation of a batch that is wrong. */
  readonly operation?: number;
}

export interface Read {
  readonly type: "read";
  readonly key: string;
  readonly form: "row" | "raw" | "rows" | "keys";
  readonly separator: string;
  readonly isStale: boolean;
  /** null: answers at once. */
  readonly blocking: { readonly index: number; readonly waitMs: number } | null;
  readonly timeoutMs: number;
}

export interface Write {
  readonly type: "write";
  readonly operations: readonly Operation[];
  readonly atomic: boolean;
  readonly timeoutMs: number;
  /** How the reply tells what came of it. */
  readonly answer: "boolean" | "batch" | CommandWrite;
  /** How /status shows it. */
  readonly line: Line;
}

export interface CommandWrite {
  readonly verb: "SET" | "DEL" | "CAS";
  readonly key: string;
  /** CAS alone: what must be there. */
  readonly expected?: string;
}

export interface CommandRead {
  readonly type: "command-read";
  readonly key: string;
  readonly timeoutMs: number;
}

/** What the reading of a request has to know of where it goes. */
export interface Circumstances {
  readonly secret: string | null;
  readonly token: string | null;
  readonly keepsPaths: boolean;
  readonly leads: boolean;
  readonly self: string;
  readonly clusterId: string;
  readonly clusterSize: number;
  /** Data directory of a member; null for everybody else. */
  storeOf(id: string): string | null;
}

export function fault(status: number, code: string): Fault {
  return { status, code };
}
