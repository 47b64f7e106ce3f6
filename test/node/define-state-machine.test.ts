import { describe, expect, test } from "vitest";
import { RaftLiteError } from "../../shared/errors.ts";
import { defineStateMachine } from "../../shared/node/define-state-machine.ts";
import { isRefusal, refusalError } from "../../shared/refusal.ts";
import type { LogEntry } from "../../shared/storage/entry.ts";
import { TEXT_SCHEMA } from "../../shared/storage/entry.ts";

const definition = defineStateMachine({
  initial: () => ({ count: 0, queue: [] as string[], notes: new Map<string, number>() }),
  commands: {
    add: (state, by: number) => {
      state.count += by;
      return state.count;
    },
    next: (state) => ++state.count,
    step: (state, by = 10) => {
      state.count += by;
      return state.count;
    },
    push: (state, item: string) => {
      if (state.queue.length === 2) throw new RaftLiteError("queue-full", "two are enough", { status: 409 });
      state.queue.push(item);
      return state.queue;
    },
    stamp: (_state, what: string, { time, index }) => ({ what, time, index }),
    fails: (state) => {
      state.count = -1;
      throw new TypeError("a fault of the handler");
    },
    throwsText: () => {
      throw "what is this";
    },
    waits: async () => {
      throw new Error("nobody hears this");
    },
    big: () => 1n,
    deep: (_state, levels: number) => {
      const nest = (left: number): unknown => (left === 0 ? 0 : [nest(left - 1)]);
      return nest(levels);
    },
    recurses: () => {
      const again = (): never => again();
      return again();
    },
    constructor: () => "an own one",
  },
});
const { commands } = definition;

let index = 0;
function entryOf({ schema, bytes }: { schema: number; bytes: Uint8Array }): LogEntry {
  index++;
  const data = { time: 1_700_000_000_000, origin: null, schema, bytes };
  return { index, term: 1, kind: "command", size: bytes.length, ordinal: index - 1, data };
}
const text = (cmd: string) => ({ schema: TEXT_SCHEMA, bytes: new TextEncoder().encode(cmd) });

describe("a command", () => {
  test("goes to its handler with its argument, and gives what that returns", () => {
    const machine = definition.create();
    expect(machine.apply(entryOf(commands.add(5)))).toBe(5);
    expect(machine.apply(entryOf(commands.next()))).toBe(6);
    expect(machine.apply(entryOf(commands.step()))).toBe(16);
    expect(machine.apply(entryOf(commands.step(1)))).toBe(17);
    expect(machine.state.count).toBe(17);
  });

  test("is a text that people can read and write", () => {
    const machine = definition.create();
    expect(commands.add(5).name).toBe("add 5");
    expect(commands.next().name).toBe("next");
    expect(machine.describe(TEXT_SCHEMA, commands.push("a b").bytes)).toBe('push "a b"');
    expect(machine.apply(entryOf(text("  add   7\n")))).toBe(7);
  });

  test("sees the time and the index of its entry, and no clock", () => {
    const entry = entryOf(commands.stamp("x"));
    const { time } = entry.data;
    expect(definition.create().apply(entry)).toEqual({ what: "x", time, index: entry.index });
  });

  test("finds a handler by its own name alone", () => {
    const machine = definition.create();
    expect(machine.apply(entryOf(text("constructor")))).toBe("an own one");
    for (const name of ["toString", "__proto__", "hasOwnProperty", ""]) {
      expect(machine.apply(entryOf(text(name)))).toMatchObject({ refused: "unknown-command", status: 400 });
    }
  });

  test("has a result of its own, which later commands do not change", () => {
    const machine = definition.create();
    const first = machine.apply(entryOf(commands.push("a")));
    machine.apply(entryOf(commands.push("b")));
    expect(first).toEqual(["a"]);
  });
});

test("each node's state machine has a state of its own", () => {
  const [one, other] = [definition.create(), definition.create()];
  one.apply(entryOf(commands.add(1)));
  expect([one.state.count, other.state.count]).toEqual([1, 0]);
});

describe("what cannot be carried out is a result, and changes nothing", () => {
  test.each([
    ["no such command", text("nope 1"), "unknown-command", 400],
    ["an argument that is not JSON", text("add {5"), "bad-argument", 400],
    [
      "an argument that is nested for ever",
      text(`add ${"[".repeat(101)}${"]".repeat(101)}`),
      "bad-argument",
      400,
    ],
    ["another schema", { schema: 7, bytes: Uint8Array.of(1) }, "unknown-schema", 400],
    ["a handler's own refusal", commands.push("c"), "queue-full", 409],
  ])("%s", (_what, command, refused, status) => {
    const machine = definition.create();
    machine.apply(entryOf(commands.push("a")));
    machine.apply(entryOf(commands.push("b")));
    const before = structuredClone(machine.state);
    expect(machine.apply(entryOf(command))).toMatchObject({ refused, status });
    expect(machine.state).toEqual(before);
  });
});

test("an argument may be nested as deep as anybody writes one", () => {
  const argument = JSON.parse(`${"[".repeat(100)}${"]".repeat(100)}`);
  expect(definition.create().apply(entryOf(text(`stamp ${JSON.stringify(argument)}`)))).toMatchObject({
    what: argument,
  });
});

describe("a fault of a handler fails its command and not the node", () => {
  test.each([
    ["an error that is none of ours", commands.fails(), "a fault of the handler"],
    ["something that is no error", commands.throwsText(), "no error"],
    ["a handler that waits", commands.waits(), "asynchronous"],
    ["a result that is not JSON", commands.big(), "bigint"],
  ])("%s", (_what, command, message) => {
    const machine = definition.create();
    const result = machine.apply(entryOf(command));
    expect(result).toMatchObject({ refused: "command-failed", status: 500 });
    expect((result as { message: string }).message).toContain(message);
    // Something may have come of it.
    expect(isRefusal(result) && refusalError(result).details).toEqual({ outcome: "unknown" });
  });

  test("except where other nodes may have gone on: the depth of the stack is the machine's", () => {
    expect(() => definition.create().apply(entryOf(commands.recurses()))).toThrow(RangeError);
  });
});

describe("a text from outside", () => {
  const accept = (cmd: string) => new TextDecoder().decode(definition.create().acceptText?.(cmd));

  test("is taken as it will be applied", () => {
    expect(accept('  push "a"  ')).toBe('push "a"');
  });

  test.each([
    ["nope", "unknown-command"],
    ["", "unknown-command"],
    ["add {", "bad-argument"],
  ])("%j is refused before it reaches the log", (cmd, code) => {
    expect(() => accept(cmd)).toThrow(expect.objectContaining({ code, status: 400 }));
  });
});

test("what is no JSON is refused where the command is made", () => {
  const circle: unknown[] = [];
  circle.push(circle);
  const add = commands.add as unknown as (argument: unknown) => void;
  for (const argument of [1n, circle, () => 1, Symbol("x")]) {
    expect(() => add(argument)).toThrow(expect.objectContaining({ code: "bad-argument" }));
  }
});

test.each(["two words", "", "line\nbreak"])("%j is no name for a command", (name) => {
  expect(() => defineStateMachine({ initial: () => 0, commands: { [name]: () => 0 } })).toThrow(
    expect.objectContaining({ code: "bad-command-name" }),
  );
});

test("types: a command takes its handler's argument and gives its handler's result", () => {
  const numbers: readonly (number | undefined)[] = [commands.add(1).result, commands.next().result];
  // @ts-expect-error The handler takes a number.
  const wrong = commands.add("1");
  // @ts-expect-error The handler takes an argument.
  const missing = () => commands.add();
  // @ts-expect-error The handler takes none.
  const tooMany = commands.next(1);
  // @ts-expect-error It returns an array.
  const result: string | undefined = commands.push("x").result;
  expect([...numbers, wrong.result, tooMany.result, result, missing]).toHaveLength(6);
});
