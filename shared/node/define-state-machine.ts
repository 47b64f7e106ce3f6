import { RaftLiteError } from "../errors.ts";
import type { LogIndex } from "../raft/types.ts";
import { refusal } from "../refusal.ts";
import type { LogEntry } from "../storage/entry.ts";
import { TEXT_SCHEMA } from "../storage/entry.ts";
import type { TextCommand } from "./command.ts";
import type { StateMachine } from "./state-machine.ts";

/** Where a command stands in the log: all of the world around it that a handler may look at. */
export interface Moment {
  /** Milliseconds since the epoch at the leader that took the command in; never falls from one to the next. */
  readonly time: number;
  /** The Raft index of its entry: no other command has it. */
  readonly index: LogIndex;
}

/**
 * Carries out one command: changes `state` and returns the result. It must be determined by its three arguments: no
 * clock, no chance, nothing from outside, no waiting. Argument and result are JSON.
 *
 * A RaftLiteError refuses the command; throw it before anything is changed. Any other error is a fault of the handler:
 * the command is answered with `command-failed` 500, and what it had changed by then stays changed, on all nodes alike.
 */
export type CommandHandler<State> = (state: State, argument: never, at: Moment) => unknown;

export interface StateMachineDefinition<State, Handlers> {
  /** Makes the state of an empty log. Any value, Maps and Sets included: it never leaves memory. */
  readonly initial: () => State;
  /** By name. A name holds no space. */
  readonly commands: Handlers;
}

type ArgumentOf<Handler> = Handler extends (state: never, ...rest: infer Rest) => unknown
  ? Rest extends [infer Argument, ...unknown[]]
    ? [argument: Argument]
    : Rest extends [(infer Argument)?, ...unknown[]]
      ? Rest extends []
        ? []
        : [argument?: Argument]
      : []
  : never;
type ResultOf<Handler> = Handler extends (...rest: never[]) => infer Result ? Result : never;

/** What makes commands: one function for each handler, with the handler's own argument. */
export type CommandMakers<Handlers> = {
  readonly [Name in keyof Handlers]: (
    ...argument: ArgumentOf<Handlers[Name]>
  ) => TextCommand<ResultOf<Handlers[Name]>>;
};

export interface DefinedStateMachine<State, Handlers> {
  /** Makes commands, to be given to `execute`. They throw `bad-argument` for what is no JSON. */
  readonly commands: CommandMakers<Handlers>;
  /** Makes the state machine of one node. */
  create(): MemoryStateMachine<State>;
}

/** A state machine whose state is in memory: the log is its only store, and is applied again at every start. */
export interface MemoryStateMachine<State> extends StateMachine {
  readonly volatile: true;
  /** As of the last applied entry. To be looked at, never to be changed. */
  readonly state: State;
}

/**
 * A state machine from plain functions, each of which carries out one kind of command on a state in memory. In the log
 * a command is the text `NAME ARGUMENT`, the argument as JSON.
 *
 * Throws `bad-command-name` for a name that holds a space or nothing.
 */
export function defineStateMachine<State, Handlers extends Record<string, CommandHandler<State>>>(
  definition: StateMachineDefinition<State, Handlers>,
): DefinedStateMachine<State, Handlers> {
  // Looked up by what a client has sent: "constructor" and its like must find nothing.
  const handlers = new Map(Object.entries(definition.commands));
  for (const name of handlers.keys()) {
    if (/^\S+$/.test(name)) continue;
    throw badRequest("bad-command-name", `"${name}" is no name for a command: it must hold no space`);
  }
  const makers = [...handlers.keys()].map((name) => [name, (argument: unknown) => encode(name, argument)]);
  return {
    commands: Object.fromEntries(makers) as CommandMakers<Handlers>,
    create: () => new HandledStateMachine(definition.initial(), handlers),
  };
}

/** Nobody writes an argument like that, and a deeper one could overflow the stack of whatever walks through it. */
const DEEPEST_ARGUMENT = 100;
/** Characters. It becomes part of an answer and of a line in a log. */
const LONGEST_REASON = 500;

class HandledStateMachine<State> implements MemoryStateMachine<State> {
  readonly volatile = true;
  readonly state: State;
  readonly #handlers: ReadonlyMap<string, CommandHandler<State>>;

  constructor(state: State, handlers: ReadonlyMap<string, CommandHandler<State>>) {
    this.state = state;
    this.#handlers = handlers;
  }

  open(): void {}

  apply({ index, data: { schema, bytes, time } }: LogEntry): unknown {
    try {
      if (schema !== TEXT_SCHEMA) throw badRequest("unknown-schema", `no command has schema ${schema}`);
      const { name, handler, argument } = this.#parse(new TextDecoder().decode(bytes));
      return asJson(name, handler(this.state, argument as never, { time, index }));
    } catch (error) {
      if (error instanceof RaftLiteError) return refusal(error);
      // How deep a stack may become differs from one machine to the next: others may have gone on.
      if (error instanceof RangeError && /call stack/i.test(error.message)) throw error;
      const reason = error instanceof Error ? error.message : "what it threw is no error";
      return refusal(new RaftLiteError("command-failed", reason.slice(0, LONGEST_REASON), { status: 500 }));
    }
  }

  #parse(text: string): { name: string; handler: CommandHandler<State>; argument: unknown } {
    const [, name = "", json = ""] = /^\s*(\S*)\s*(.*)$/s.exec(text) ?? [];
    const handler = this.#handlers.get(name);
    if (handler === undefined) {
      const known = [...this.#handlers.keys()].join(", ");
      throw badRequest(
        "unknown-command",
        `no command is called "${name.slice(0, 100)}"; there are: ${known}`,
      );
    }
    return { name, handler, argument: decodeArgument(name, json) };
  }

  acceptText(text: string): Uint8Array {
    this.#parse(text);
    return new TextEncoder().encode(text.trim());
  }

  flush(): void {}

  describe(_schema: number, bytes: Uint8Array): string {
    return new TextDecoder().decode(bytes);
  }
}

function encode(name: string, argument: unknown): TextCommand<never> {
  let json: string | undefined;
  try {
    json = JSON.stringify(argument);
  } catch (cause) {
    throw badRequest("bad-argument", `the argument of ${name} cannot be written as JSON`, cause);
  }
  if (json === undefined && argument !== undefined) {
    throw badRequest("bad-argument", `the argument of ${name} is a ${typeof argument} and not JSON`);
  }
  const text = json === undefined ? name : `${name} ${json}`;
  return { name: text, schema: TEXT_SCHEMA, bytes: new TextEncoder().encode(text) };
}

function decodeArgument(name: string, json: string): unknown {
  if (json.trim() === "") return undefined;
  let argument: unknown;
  try {
    argument = JSON.parse(json);
  } catch {
    throw badRequest("bad-argument", `the argument of ${name} is not JSON; send e.g. ${name} {"by":5}`);
  }
  if (isDeeper(argument, DEEPEST_ARGUMENT)) {
    throw badRequest("bad-argument", `the argument of ${name} is nested too deeply`);
  }
  return argument;
}

function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  return levels === 0 || Object.values(value).some((part) => isDeeper(part, levels - 1));
}

/** A result of its own: what a handler returns may be a part of the state, which goes on changing. */
function asJson(name: string, result: unknown): unknown {
  if (typeof result === "bigint" || typeof result === "function" || typeof result === "symbol") {
    throw new TypeError(`the result of ${name} is a ${typeof result} and not JSON`);
  }
  if (typeof result !== "object" || result === null) return result;
  if (result instanceof Promise) {
    result.catch(() => undefined);
    throw new TypeError(`${name} is asynchronous, and must not wait for anything`);
  }
  return JSON.parse(JSON.stringify(result));
}

function badRequest(code: string, message: string, cause?: unknown): RaftLiteError {
  return new RaftLiteError(code, message, { status: 400, cause });
}
