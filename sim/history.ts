import type { NodeApi, RequestOptions } from "../shared/node/api.ts";
import type { StateMachine } from "../shared/node/state-machine.ts";
import type { CommittedLog } from "./committed-log.ts";
import type { Random } from "./random.ts";

/** What a client asks for. `name` is for people. */
export type Operation<Machine extends StateMachine> =
  | {
      readonly type: "command";
      readonly name: string;
      readonly schema: number;
      readonly bytes: Uint8Array;
    }
  | {
      readonly type: "read";
      readonly name: string;
      /** Called when the local state machine has everything that was committed before the read was asked for. */
      readonly read: (machine: Machine) => unknown;
      /**
       * Another kind of read: what it does at the node before `read` is called. Left out: `node.read(options)`, which
       * makes it linearizable.
       */
      readonly settle?: (node: ReadingNode, machine: Machine, options: RequestOptions) => Promise<unknown>;
      /** Virtual milliseconds that `settle` may take longer than `options` say. */
      readonly waitMs?: number;
    };

/** What a read may ask of a node. */
export type ReadingNode = Pick<NodeApi, "read" | "wait">;

export type Outcome =
  /** `index`: of a command's entry in the log; null for reads. */
  | { readonly type: "ok"; readonly result: unknown; readonly index: number | null }
  /** Certainly not carried out, and never to be. */
  | { readonly type: "none" }
  /** It may have been carried out, or may yet be. */
  | { readonly type: "unknown" };

/** One operation as its client saw it. Positions are in the order of all invocations and endings. */
export interface HistoryRecord<Op> {
  readonly client: number;
  readonly node: string;
  readonly operation: Op;
  readonly invokedAt: number;
  /** When it was answered or its client gave up; Infinity until then. */
  endedAt: number;
  outcome: Outcome;
  /** Which start of the node took it, from 1; 0: none did. */
  run: number;
  /** Of a read that was answered: from when on the node knew itself to be current, and when it answered. Virtual time. */
  held: { readonly fromMs: number; readonly toMs: number } | null;
  /** Up to which index somebody knew the log to be committed, when it was asked for and when it ended. */
  readonly committedBefore: number;
  committedAfter: number;
}

/** What all clients saw, in one order. */
export class History<Op> {
  readonly records: HistoryRecord<Op>[] = [];
  #position = 0;
  #answered = 0;

  /** How many were carried out and answered. */
  get answered(): number {
    return this.#answered;
  }

  invoke(client: number, node: string, operation: Op, committedBefore: number): HistoryRecord<Op> {
    const record: HistoryRecord<Op> = {
      client,
      node,
      operation,
      invokedAt: this.#position++,
      endedAt: Number.POSITIVE_INFINITY,
      outcome: { type: "unknown" },
      run: 0,
      held: null,
      committedBefore,
      committedAfter: Number.POSITIVE_INFINITY,
    };
    this.records.push(record);
    return record;
  }

  end(record: HistoryRecord<Op>, outcome: Outcome, committedAfter: number): void {
    record.outcome = outcome;
    record.endedAt = this.#position++;
    record.committedAfter = committedAfter;
    if (outcome.type === "ok") this.#answered++;
  }
}

/** The load of a simulation, and its judge. */
export interface Clients<Machine extends StateMachine, Op extends Operation<Machine>> {
  readonly count: number;
  /** What `client` does next. Commands should differ from each other, or the judge has little to go by. */
  next(client: number, random: Random): Op;
  /** Told of every answer, in order: later operations may build on it. */
  answered?(record: HistoryRecord<Op>): void;
  /** Why this history could not have happened one operation at a time; null when it could. */
  judge(history: readonly HistoryRecord<Op>[]): string | null;
  /** Why an answer does not fit what was committed, which no client knows; null when all do. */
  compare?(history: readonly HistoryRecord<Op>[], log: CommittedLog): string | null;
  /** All that the state machine holds, as text: replicas are compared by it. */
  dump(machine: Machine): string;
}
