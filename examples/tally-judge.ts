import type { MemoryStateMachine } from "raft-lite";
import type { Clients, HistoryRecord, Operation, Random, SequentialModel } from "raft-lite/sim";
import { refuteHistory, simulate } from "raft-lite/sim";
import type { State } from "./tally.ts";
import { tally } from "./tally.ts";

type Machine = MemoryStateMachine<State>;
/** What is asked for, in the judge's own words. */
type Asked = { readonly client: string; readonly number: number } & (
  | { readonly do: "add"; readonly by: number }
  | { readonly do: "push"; readonly item: string }
  | { readonly do: "shift" | "look" }
);
type TallyOperation = Operation<Machine> & { readonly asked: Asked };

/** Clients that send a request again, under its number, until they have an answer to it. */
class TallyClients implements Clients<Machine, TallyOperation> {
  readonly count = 4;
  readonly #numbers = new Map<number, number>();
  readonly #unanswered = new Map<number, TallyOperation>();

  next(client: number, random: Random): TallyOperation {
    const again = this.#unanswered.get(client);
    if (again !== undefined) return again;
    const number = (this.#numbers.get(client) ?? 0) + 1;
    this.#numbers.set(client, number);
    const ticket = { client: `c${client}`, number };
    switch (random.pick(["add", "push", "shift", "look"] as const)) {
      case "add": {
        const asked = { ...ticket, do: "add", by: random.int(1, 9) } as const;
        return { type: "command", ...tally.commands.add(asked), asked };
      }
      case "push": {
        const asked = { ...ticket, do: "push", item: `${ticket.client}.${number}` } as const;
        return { type: "command", ...tally.commands.push(asked), asked };
      }
      case "shift": {
        const asked = { ...ticket, do: "shift" } as const;
        return { type: "command", ...tally.commands.shift(asked), asked };
      }
      case "look": {
        const read = ({ state }: Machine) => [state.count, state.queue.length];
        return { type: "read", name: "look", read, asked: { ...ticket, do: "look" } };
      }
    }
  }

  answered({ client, operation, outcome }: HistoryRecord<TallyOperation>): void {
    if (outcome.type === "ok") this.#unanswered.delete(client);
    else if (operation.type === "command") this.#unanswered.set(client, operation);
  }

  judge(history: readonly HistoryRecord<TallyOperation>[]): string | null {
    return refuteHistory(model, history);
  }

  dump({ state: { count, queue, newest } }: Machine): string {
    return JSON.stringify([count, queue, [...newest]]);
  }
}

interface Model {
  readonly count: number;
  readonly queue: readonly string[];
  readonly newest: Readonly<Record<string, { readonly number: number; readonly result: unknown }>>;
}

/** What a tally should do, without anything that makes it fast, durable or many. */
const model: SequentialModel<Model, TallyOperation> = {
  initial: { count: 0, queue: [], newest: {} },
  step(state, { asked }) {
    const { count, queue } = state;
    if (asked.do === "look") return { state, result: [count, queue.length] };
    const last = state.newest[asked.client];
    if (last !== undefined && asked.number <= last.number) return { state, result: last.result };
    const [change, result] =
      asked.do === "add"
        ? [{ count: count + asked.by }, count + asked.by]
        : asked.do === "push"
          ? [{ queue: [...queue, asked.item] }, queue.length + 1]
          : [{ queue: queue.slice(1) }, queue[0] ?? null];
    const newest = { ...state.newest, [asked.client]: { number: asked.number, result } };
    return { state: { ...state, ...change, newest }, result };
  },
};

/** Runs one seed; says what is wrong, or null. */
export async function trySeed(seed: number, create: () => Machine = tally.create): Promise<string | null> {
  const { violation } = await simulate(create, new TallyClients(), { seed });
  return violation && `seed ${seed}: ${violation.message}`;
}
