import type { StateMachine } from "../shared/node/state-machine.ts";
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
    };

export type Outcome =
  | { readonly type: "ok"; readonly result: unknown }
  /** Certainly not carried out, and never to be. */
  | { readonly type: "none" }
  /** It may have been carried out, or may yet be. */
  | { readonly type: "unknown" };

/** One operation as its client saw it. Positions are in the order of all invocations and answers. */
export interface HistoryRecord<Op> {
  readonly client: number;
  readonly node: string;
  readonly operation: Op;
  readonly invokedAt: number;
  /** Infinity until it is answered, and for ever when the outcome stays unknown. */
  returnedAt: number;
  outcome: Outcome;
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

  invoke(client: number, node: string, operation: Op): HistoryRecord<Op> {
    const record: HistoryRecord<Op> = {
      client,
      node,
      operation,
      invokedAt: this.#position++,
      returnedAt: Number.POSITIVE_INFINITY,
      outcome: { type: "unknown" },
    };
    this.records.push(record);
    return record;
  }

  answer(record: HistoryRecord<Op>, outcome: Outcome): void {
    record.outcome = outcome;
    if (outcome.type === "ok") this.#answered++;
    if (outcome.type !== "unknown") record.returnedAt = this.#position++;
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
  /** All that the state machine holds, as text: replicas are compared by it. */
  dump(machine: Machine): string;
}
