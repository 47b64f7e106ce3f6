import type { Call, Model, Refutation } from "../../sim/linearizability.ts";
import { refute } from "../../sim/linearizability.ts";

/** One key that holds a value or nothing, as simple an object as can be judged. */
export type RegisterOperation =
  | { readonly verb: "SET"; readonly value: string }
  | { readonly verb: "GET" }
  | { readonly verb: "DEL" }
  | { readonly verb: "CAS"; readonly expected: string; readonly value: string };

export type RegisterCall = Call<RegisterOperation, unknown>;

export function refuteRegister(
  calls: readonly RegisterCall[],
): Refutation<RegisterOperation, unknown> | null {
  return refute(register, calls);
}

/** The state is "" for nothing, else "=" and the value. */
const register: Model<RegisterOperation, unknown> = {
  initial: "",
  isRead({ verb }, output) {
    return verb === "GET" || output === 0 || output === false;
  },
  apply(state, input, output) {
    const [answer, after] = carriedOut(state, input);
    return output === undefined || output === answer ? [after] : [];
  },
};

function carriedOut(state: string, input: RegisterOperation): readonly [answer: unknown, after: string] {
  switch (input.verb) {
    case "SET":
      return ["OK", `=${input.value}`];
    case "GET":
      return [state === "" ? null : state.slice(1), state];
    case "DEL":
      return [state === "" ? 0 : 1, ""];
    case "CAS":
      return state === `=${input.expected}` ? [true, `=${input.value}`] : [false, state];
  }
}
