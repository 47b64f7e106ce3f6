import type { Counts } from "./counts.ts";
import type { Monitor } from "./monitor.ts";
import type { Network } from "./network.ts";
import type { Recordings } from "./recordings.ts";
import type { Scheduler } from "./scheduler.ts";

/** What all parts of a simulation share. */
export interface World {
  readonly scheduler: Scheduler;
  readonly network: Network;
  readonly monitor: Monitor;
  readonly counts: Counts;
  /** null: nothing is recorded. */
  readonly recordings: Recordings | null;
}
