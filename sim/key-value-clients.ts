import { TEXT_SCHEMA } from "../shared/storage/entry.ts";
import { acceptCommand } from "../shared/store/commands.ts";
import type { KeyValueStore } from "../shared/store/key-value-store.ts";
import type { Clients, HistoryRecord, Operation } from "./history.ts";
import type { Random } from "./random.ts";
import type { KeyCall, KeyOperation } from "./register.ts";
import { describeState, refuteRegister } from "./register.ts";

export type KeyValueOperation = Operation<KeyValueStore> & {
  readonly key: string;
  readonly on: KeyOperation;
};

const decoder = new TextDecoder();

/** Clients of the key-value store: SET, GET, DEL and CAS on few keys, so that they meet; every value is written once. */
export class KeyValueClients implements Clients<KeyValueStore, KeyValueOperation> {
  readonly count: number;
  readonly #keys: number;
  #values = 0;
  /** What was last seen under a key by whoever got an answer: a CAS has something to hope for. */
  readonly #seen = new Map<string, string>();

  constructor(count: number, keys: number) {
    this.count = count;
    this.#keys = keys;
  }

  next(_client: number, random: Random): KeyValueOperation {
    const key = `k${random.int(1, this.#keys)}`;
    const luck = random.float();
    if (luck < 0.4) return read(key);
    if (luck < 0.5) return command(key, `DEL ${key}`, { verb: "DEL" });
    const value = `v${++this.#values}`;
    const expected = this.#seen.get(key);
    if (luck < 0.7 && expected !== undefined) {
      return command(key, `CAS ${key} ${expected} ${value}`, { verb: "CAS", expected, value });
    }
    return command(key, `SET ${key}=${value}`, { verb: "SET", value });
  }

  answered({ operation: { key, on }, outcome }: HistoryRecord<KeyValueOperation>): void {
    if (outcome.type !== "ok") return;
    if (on.verb === "GET" && outcome.result !== null) this.#seen.set(key, String(outcome.result));
    if (on.verb === "SET" || (on.verb === "CAS" && outcome.result === true)) this.#seen.set(key, on.value);
  }

  judge(history: readonly HistoryRecord<KeyValueOperation>[]): string | null {
    for (const [key, calls] of callsByKey(history)) {
      const refutation = refuteRegister(calls);
      if (refutation === null) continue;
      const { call, states, seenAgain } = refutation;
      const held = states.map(describeState).join(" or ");
      if (seenAgain !== null) {
        return `${JSON.stringify(seenAgain.input)} on ${key} was answered with ${JSON.stringify(seenAgain.output)} after ${JSON.stringify(call.input)} had taken its place`;
      }
      return `${JSON.stringify(call.input)} on ${key} was answered with ${JSON.stringify(call.output)} when it held ${held}`;
    }
    return null;
  }

  dump(store: KeyValueStore): string {
    const rows = [...store.dump()].map(({ value, ...rest }) => ({ ...rest, value: decoder.decode(value) }));
    return JSON.stringify(rows);
  }
}

/** Keys are independent: a history is linearizable when each key's part of it is. */
function callsByKey(history: readonly HistoryRecord<KeyValueOperation>[]): Map<string, KeyCall[]> {
  const byKey = new Map<string, KeyCall[]>();
  for (const { operation, outcome, invokedAt, returnedAt } of history) {
    if (outcome.type === "none") continue;
    const isOpen = outcome.type === "unknown";
    if (isOpen && operation.on.verb === "GET") continue;
    const calls = byKey.get(operation.key) ?? [];
    byKey.set(operation.key, calls);
    calls.push({
      input: operation.on,
      output: isOpen ? undefined : outcome.result,
      invokedAt,
      returnedAt: isOpen ? Number.POSITIVE_INFINITY : returnedAt,
    });
  }
  return byKey;
}

function command(key: string, text: string, on: KeyOperation): KeyValueOperation {
  return { type: "command", name: text, schema: TEXT_SCHEMA, bytes: acceptCommand(text).bytes, key, on };
}

function read(key: string): KeyValueOperation {
  const get = (store: KeyValueStore) => {
    const found = store.get(key);
    return found === null ? null : decoder.decode(found.value);
  };
  return { type: "read", name: `GET ${key}`, read: get, key, on: { verb: "GET" } };
}
