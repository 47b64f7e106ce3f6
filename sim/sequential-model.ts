import type { HistoryRecord } from "./history.ts";
import type { Call, Model } from "./linearizability.ts";
import { refute } from "./linearizability.ts";

/** What a state machine should do, said as simply as possible: one operation after the other, in one place. */
export interface SequentialModel<State, Op> {
  /** JSON, as all states are. */
  readonly initial: State;
  /** The state after `operation` and the answer to it. Leaves `state` as it is. */
  step(state: State, operation: Op): { readonly state: State; readonly result: unknown };
}

/**
 * Why what the clients saw could not have happened one operation at a time, each at a moment between its being asked
 * for and its answer (linearizability); null when it could. Operations whose outcome nobody knows may have happened or
 * not. Results are compared as JSON. For `Clients.judge`.
 */
export function refuteHistory<State, Op extends { readonly type: string; readonly name: string }>(
  model: SequentialModel<State, Op>,
  history: readonly HistoryRecord<Op>[],
): string | null {
  const refutation = refute(new ByText(model), callsOf(history));
  if (refutation === null) return null;
  const { call, states } = refutation;
  return `${call.input.name} was answered with ${call.output} when the state was ${states.join(" or ")}`;
}

/** States and answers as texts, by which the search compares them. */
class ByText<State, Op extends { readonly type: string }> implements Model<Op, string> {
  readonly initial: string;
  readonly #model: SequentialModel<State, Op>;

  constructor(model: SequentialModel<State, Op>) {
    this.#model = model;
    this.initial = JSON.stringify(model.initial);
  }

  apply(text: string, operation: Op, answer: string | undefined): readonly string[] {
    const { state, result } = this.#model.step(JSON.parse(text) as State, operation);
    return answer === undefined || answer === asText(result) ? [JSON.stringify(state)] : [];
  }

  isRead(operation: Op): boolean {
    return operation.type !== "command";
  }
}

function callsOf<Op extends { readonly type: string }>(
  history: readonly HistoryRecord<Op>[],
): Call<Op, string>[] {
  const calls: Call<Op, string>[] = [];
  for (const { operation: input, outcome, invokedAt, endedAt } of history) {
    if (outcome.type === "ok") {
      calls.push({ input, output: asText(outcome.result), invokedAt, returnedAt: endedAt });
    } else if (outcome.type === "unknown" && input.type === "command") {
      // A read without an answer says nothing.
      calls.push({ input, output: undefined, invokedAt, returnedAt: Number.POSITIVE_INFINITY });
    }
  }
  return calls;
}

function asText(result: unknown): string {
  return JSON.stringify(result) ?? "nothing";
}
