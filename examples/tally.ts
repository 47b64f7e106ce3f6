import { defineStateMachine, RaftLiteError } from "raft-lite";

/** Who asks, and which of that client's requests it is: one that is sent again is carried out once. */
type Ticket = { client: string; number: number };
/** `newest`: each client's newest request and what came of it. */
export type State = {
  count: number;
  queue: string[];
  newest: Map<string, { number: number; result: unknown }>;
};

/** A counter and a queue. All nodes carry out the same commands in the same order. */
export const tally = defineStateMachine({
  initial: (): State => ({ count: 0, queue: [], newest: new Map() }),
  commands: {
    add: (state, request: Ticket & { by: number }) => {
      check(Number.isSafeInteger(request?.by), "by is not a whole number");
      return once(state, request, () => (state.count += request.by));
    },
    push: (state, request: Ticket & { item: string }) => {
      check(typeof request?.item === "string", "item is not a string");
      return once(state, request, () => state.queue.push(request.item));
    },
    shift: (state, request: Ticket) => once(state, request, () => state.queue.shift() ?? null),
  },
});

function once<Result>({ newest }: State, request: Ticket, work: () => Result): Result {
  check(typeof request?.client === "string" && Number.isSafeInteger(request.number), "there is no ticket");
  const last = newest.get(request.client);
  if (last !== undefined && request.number <= last.number) return last.result as Result;
  const result = work();
  newest.set(request.client, { number: request.number, result });
  return result;
}

function check(isRight: boolean, problem: string): void {
  if (!isRight) throw new RaftLiteError("bad-request", problem, { status: 400 });
}
