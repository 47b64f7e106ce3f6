/**
 * `raft-lite/sim`: whole nodes with your own state machine in them, in virtual time, through crashes, partitions and
 * everything else that can go wrong, judged. The same seed is the same run. For Node: it simulates disks with SQLite.
 */
export type { CommittedLog } from "../sim/committed-log.ts";
export type { Counts } from "../sim/counts.ts";
export type { Clients, HistoryRecord, Operation, Outcome, ReadingNode } from "../sim/history.ts";
export type { InvariantName } from "../sim/invariants/violation.ts";
export { invariantNames, Violation } from "../sim/invariants/violation.ts";
export type { Call, Model, Refutation } from "../sim/linearizability.ts";
export { refute } from "../sim/linearizability.ts";
export { Random } from "../sim/random.ts";
export { Recordings } from "../sim/recordings.ts";
export type { SequentialModel } from "../sim/sequential-model.ts";
export { refuteHistory } from "../sim/sequential-model.ts";
export type { SimulationOptions, SimulationReport } from "../sim/simulate.ts";
export { simulate } from "../sim/simulate.ts";
