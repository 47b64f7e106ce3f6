import type { KeyValueStore } from "../../shared/store/key-value-store.ts";
import type { CommittedLog } from "../committed-log.ts";
import type { Clients, HistoryRecord } from "../history.ts";
import type { Random } from "../random.ts";
import type { StoreCall } from "./call.ts";
import { compareWithLog } from "./compare.ts";
import { judgeStore } from "./judge.ts";
import type { StoreShape } from "./load.ts";
import { StoreLoad } from "./load.ts";
import type { KeyValueOperation } from "./node-operation.ts";
import { readResult, toNodeOperation } from "./node-operation.ts";

/** Clients of the key-value store, and the judge of what they saw. */
export class KeyValueClients implements Clients<KeyValueStore, KeyValueOperation> {
  readonly count: number;
  readonly #load: StoreLoad;

  constructor(count: number, shape: StoreShape) {
    this.count = count;
    this.#load = new StoreLoad(shape);
  }

  next(client: number, random: Random): KeyValueOperation {
    return toNodeOperation(this.#load.next(client, random));
  }

  answered({ client, operation: { on }, outcome }: HistoryRecord<KeyValueOperation>): void {
    const answer = outcome.type === "ok" ? readResult(on, outcome) : null;
    if (answer !== null) this.#load.heard(client, on, answer);
  }

  judge(history: readonly HistoryRecord<KeyValueOperation>[]): string | null {
    return judgeStore(callsOf(history));
  }

  compare(history: readonly HistoryRecord<KeyValueOperation>[], log: CommittedLog): string | null {
    return compareWithLog(history, log);
  }

  dump(store: KeyValueStore): string {
    const rows = [...store.dump()].map(({ value, ...rest }) => ({ ...rest, value: decoder.decode(value) }));
    return JSON.stringify(rows);
  }
}

const decoder = new TextDecoder();

/** What certainly was not carried out is no call. */
export function callsOf(history: readonly HistoryRecord<KeyValueOperation>[]): StoreCall[] {
  return history.flatMap(({ client, node, run, operation: { on }, outcome, invokedAt, endedAt }) => {
    if (outcome.type === "none") return [];
    const answer = outcome.type === "ok" ? readResult(on, outcome) : null;
    return [{ client, node, run, operation: on, answer, invokedAt, endedAt }];
  });
}
