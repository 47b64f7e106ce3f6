/**
 * What clients of the key-value store ask for and hear, whichever way it travels: as text commands and batches of a
 * simulated node, or over HTTP. Plain data: a history of these can be kept as JSON and judged again.
 */

export type StoreOperation = WriteOperation | ReadOperation;

/** One command: its steps take effect together, each sees what the ones before it did. */
export interface WriteOperation {
  readonly type: "write";
  /** A command as text has one step: SET puts, DEL deletes, CAS puts on condition of a value. */
  readonly form: "text" | "batch";
  /** All steps or none: when one is refused, none has taken place. */
  readonly atomic: boolean;
  readonly steps: readonly Step[];
}

export type Step =
  | { readonly type: "put"; readonly key: string; readonly value: string; readonly on: Condition }
  | { readonly type: "delete"; readonly key: string; readonly on: Condition }
  /** Deletes all keys that begin with `prefix`. */
  | { readonly type: "delete-under"; readonly prefix: string };

/**
 * What must be so for a step to be done. `value`: the key holds this. `index`: the key's ModifyIndex is this, 0 when it
 * is absent; to delete what is absent is done whatever it says.
 */
export type Condition = null | { readonly value: string } | { readonly index: number };

export interface ReadOperation {
  readonly type: "read";
  readonly form: "text" | "index";
  readonly target: Target;
  readonly mode: ReadMode;
}

/** A key, or all keys that begin with a prefix. */
export type Target = { readonly key: string } | { readonly prefix: string };

export type ReadMode =
  | { readonly type: "linearizable" }
  /** Whatever the asked node has applied. */
  | { readonly type: "local" }
  /** Linearizable; answered when something under the target has changed after `after`, or when the time is up. */
  | { readonly type: "blocking"; readonly after: number; readonly waitMs: number };

export type StoreAnswer = WriteAnswer | ReadAnswer;

export interface WriteAnswer {
  readonly type: "write";
  /** The index of the command's entry; null where the answer does not tell. */
  readonly index: number | null;
  /** One for each step. */
  readonly results: readonly StepResult[];
}

export interface StepResult {
  /** It was done, be it that there was nothing to do. */
  readonly ok: boolean;
  /** Whether it changed anything; null where the answer does not tell. */
  readonly changed: boolean | null;
  /**
   * Of what was done the index of the change, 0 when nothing was changed; of what was not done the ModifyIndex that its
   * key has instead. null where the answer does not tell.
   */
  readonly index: number | null;
}

export interface ReadAnswer {
  readonly type: "read";
  /** How far the state was that was read: the index of its newest change (X-Consul-Index). null: not told. */
  readonly index: number | null;
  /** In the order of keys. */
  readonly items: readonly SeenItem[];
}

export interface SeenItem {
  readonly key: string;
  readonly value: string;
  /** null: not told. */
  readonly modifyIndex: number | null;
}

/** Whether `key` is what a read looks at. */
export function isUnder(target: Target, key: string): boolean {
  return "key" in target ? key === target.key : key.startsWith(target.prefix);
}

/** One line for people. */
export function describeOperation(operation: StoreOperation): string {
  if (operation.type === "read") {
    const { form, target, mode } = operation;
    const what = "key" in target ? target.key : `${target.prefix}*`;
    if (form === "text") return `GET ${what}`;
    if (mode.type === "local") return `READ ${what} as it is here`;
    return mode.type === "blocking"
      ? `WATCH ${what} after ${mode.after} for ${mode.waitMs} ms`
      : `READ ${what}`;
  }
  const { form, atomic, steps } = operation;
  if (form === "text") return commandText(operation);
  return `${atomic ? "ALL" : "EACH"} [${steps.map(describeStep).join(", ")}]`;
}

/** A write in text form as POST /command takes it. Throws when there is no such command. */
export function commandText({ steps }: WriteOperation): string {
  const [step] = steps;
  if (steps.length === 1 && step?.type === "delete" && step.on === null) return `DEL ${step.key}`;
  if (steps.length === 1 && step?.type === "put") {
    if (step.on === null) return `SET ${step.key}=${step.value}`;
    if ("value" in step.on) return `CAS ${step.key} ${step.on.value} ${step.value}`;
  }
  throw new Error(`no text command does this: ${steps.map(describeStep).join(", ")}`);
}

function describeStep(step: Step): string {
  if (step.type === "delete-under") return `DELETE ${step.prefix}*`;
  const { key, on } = step;
  const condition = on === null ? "" : ` if it is ${"index" in on ? `@${on.index}` : on.value}`;
  return step.type === "delete" ? `DELETE ${key}${condition}` : `PUT ${key}=${step.value}${condition}`;
}

/** One line for people. */
export function describeAnswer(answer: StoreAnswer): string {
  if (answer.type === "read") {
    const items = answer.items.map(
      ({ key, value, modifyIndex }) => `${key}=${value}${modifyIndex === null ? "" : ` @${modifyIndex}`}`,
    );
    return `[${items.join(", ")}]${answer.index === null ? "" : ` at ${answer.index}`}`;
  }
  const results = answer.results.map(({ ok, changed, index }) => {
    const outcome = !ok ? "refused" : changed === false ? "nothing to do" : "done";
    return index === null ? outcome : `${outcome} (${index})`;
  });
  return results.join(", ");
}
