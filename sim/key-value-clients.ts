import { TEXT_SCHEMA } from "../shared/storage/entry.ts";
import { acceptCommand } from "../shared/store/commands.ts";
import type { KeyValueStore } from "../shared/store/key-value-store.ts";
import type { Clients, HistoryRecord, Operation } from "./history.ts";
import type { Call, Model } from "./linearizability.ts";
import { refute } from "./linearizability.ts";
import type { Random } from "./random.ts";

/** An operation on one key, as the judge reads it. */
export type KeyOperation =
  | { readonly verb: "SET"; readonly value: string }
  | { readonly verb: "GET" }
  | { readonly verb: "DEL" }
  | { readonly verb: "CAS"; readonly expected: string; readonly value: string };

export type KeyValueOperation = Operation<KeyValueStore> & {
  readonly key: string;
  readonly on: KeyOperation;
};

const decoder = new TextDecoder();

/**
 * A register: absent, or a value. The state is the value with a sign before it, so that no value reads like absence.
 *
 * @internal
 */
export const registerModel: Model<KeyOperation, unknown> = {
  initial: "",
  apply(state, input, output) {
    switch (input.verb) {
      case "SET":
        return output === undefined || output === "OK" ? present(input.value) : null;
      case "GET":
        return output === undefined || state === (output === null ? "" : present(String(output)))
          ? state
          : null;
      case "DEL": {
        const result = state === "" ? 0 : 1;
        return output === undefined || output === result ? "" : null;
      }
      case "CAS": {
        const holds = state === present(input.expected);
        if (output !== undefined && output !== holds) return null;
        return holds ? present(input.value) : state;
      }
    }
  },
};

function present(value: string): string {
  return `=${value}`;
}

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
      const refutation = refute(registerModel, withoutUnseen(calls));
      if (refutation === null) continue;
      const { call, states } = refutation;
      const held = states.map((state) => (state === "" ? "nothing" : state.slice(1))).join(" or ");
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
function callsByKey(
  history: readonly HistoryRecord<KeyValueOperation>[],
): Map<string, Call<KeyOperation, unknown>[]> {
  const byKey = new Map<string, Call<KeyOperation, unknown>[]>();
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

/**
 * Writes without an answer whose value nobody ever asks for or sees differ in nothing: they get one value, so that the
 * judge need not tell them apart.
 */
function withoutUnseen(calls: readonly Call<KeyOperation, unknown>[]): Call<KeyOperation, unknown>[] {
  const seen = new Set<unknown>();
  for (const { input, output } of calls) {
    if (input.verb === "GET") seen.add(output);
    if (input.verb === "CAS") seen.add(input.expected);
  }
  return calls.map((call) => {
    const { input, output } = call;
    if (output !== undefined || !("value" in input) || seen.has(input.value)) return call;
    return { ...call, input: { ...input, value: "(unseen)" } };
  });
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
