import { describe, expect, test } from "vitest";
import type { NodeApi } from "../../shared/node/api.ts";
import { EmbeddedNode } from "../../shared/node/embedded-node.ts";
import type { StateMachine } from "../../shared/node/state-machine.ts";
import { fakeNode } from "../http/support.ts";

const machine: StateMachine & { value: number } = {
  value: 1,
  open: () => {},
  apply: () => null,
  flush: () => {},
  describe: () => "",
};
const upperCase: StateMachine = {
  ...machine,
  acceptText: (text) => new TextEncoder().encode(text.toUpperCase()),
};

function embedded<Machine extends StateMachine>(stateMachine: Machine, overrides: Partial<NodeApi> = {}) {
  const node = fakeNode(overrides);
  return { node, embedded: new EmbeddedNode(node, stateMachine) };
}

const DEFAULTS = { timeoutMs: 5000, forward: true };

describe("execute", () => {
  test("carries the command's schema and bytes, with time and forwarding as usual", async () => {
    const { node, embedded: it } = embedded(machine);
    const bytes = new TextEncoder().encode("ADD 5");
    expect(await it.execute({ schema: 7, bytes })).toMatchObject({ index: 7, result: "OK" });
    await it.execute({ schema: 7, bytes }, { timeoutMs: 20, forward: false });
    expect(node.asked).toEqual([
      { what: "execute", schema: 7, cmd: "ADD 5", options: DEFAULTS },
      { what: "execute", schema: 7, cmd: "ADD 5", options: { timeoutMs: 20, forward: false } },
    ]);
  });

  test("takes a text as it is, or as the state machine takes texts", async () => {
    for (const [stateMachine, cmd] of [
      [machine, "push é"],
      [upperCase, "PUSH É"],
    ] as const) {
      const { node, embedded: it } = embedded(stateMachine);
      await it.execute("push é");
      expect(node.asked).toEqual([{ what: "execute", schema: 1, cmd, options: DEFAULTS }]);
    }
  });

  test("rejects with what the state machine refused, and says that nothing came of it", async () => {
    const result = { refused: "queue-full", message: "two are enough", status: 409 };
    const { embedded: it } = embedded(machine, {
      execute: async () => ({ index: 1, ordinal: 0, term: 1, leader: "A", result }),
    });
    await expect(it.execute("x")).rejects.toMatchObject({
      code: "queue-full",
      message: "two are enough",
      status: 409,
      details: { outcome: "none" },
    });
  });

  test("a result that merely looks like a refusal is a result", async () => {
    const result = { refused: true, message: "by the committee" };
    const { embedded: it } = embedded(machine, {
      execute: async () => ({ index: 1, ordinal: 0, term: 1, leader: "A", result }),
    });
    expect((await it.execute("x")).result).toEqual(result);
  });
});

describe("read", () => {
  test("looks when the node says that it may, and not before", async () => {
    let release = () => {};
    const { embedded: it } = embedded(machine, {
      read: () =>
        new Promise((resolve) => {
          release = () => resolve({ ordinal: 0, term: 1, leader: "A" });
        }),
    });
    const seen: number[] = [];
    const reading = it.read(({ value }) => seen.push(value));
    await new Promise((resolve) => setImmediate(resolve));
    expect(seen).toEqual([]);
    machine.value = 2;
    release();
    await reading;
    expect(seen).toEqual([2]);
  });

  test("rejects with what the node says", async () => {
    const { embedded: it } = embedded(machine, { read: () => Promise.reject(new Error("no leader")) });
    await expect(it.read(() => 1)).rejects.toThrow("no leader");
  });
});

test.each([0, -1, 60_001, Number.NaN, Number.POSITIVE_INFINITY, "5s" as unknown as number])(
  "timeoutMs %s is refused before anything is asked",
  async (timeoutMs) => {
    const { node, embedded: it } = embedded(machine);
    await expect(it.execute("x", { timeoutMs })).rejects.toMatchObject({ code: "bad-timeout", status: 400 });
    await expect(it.read(() => 1, { timeoutMs })).rejects.toMatchObject({ code: "bad-timeout" });
    expect(node.asked).toEqual([]);
  },
);

test("status shows the newest hundred commands unless told otherwise", () => {
  const limits: number[] = [];
  const { embedded: it, node } = embedded(machine);
  const status = node.status.bind(node);
  node.status = (limit) => {
    limits.push(limit);
    return status(limit);
  };
  it.status();
  it.status(3);
  expect(limits).toEqual([100, 3]);
  expect(it.id).toBe("A");
  expect(it.health()).toEqual(node.health());
});
