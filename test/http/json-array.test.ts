import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { JsonItems } from "../../shared/http/json-array.ts";
import { jsonArrayBody } from "../../shared/http/json-array.ts";
import { Pacer } from "../../shared/http/pacer.ts";

function* from(items: readonly (string | null)[]): JsonItems {
  for (const item of items) yield item;
}

async function read(body: string | ReadableStream<Uint8Array> | null): Promise<string | null> {
  if (body === null || typeof body === "string") return body;
  const pieces: Uint8Array[] = [];
  for await (const piece of body) pieces.push(piece);
  // A piece of nothing would look like the end of the body to a careless server.
  expect(pieces.every(({ length }) => length > 0)).toBe(true);
  return Buffer.concat(pieces).toString();
}

describe("a JSON array in pieces", () => {
  test("is whole when it is short, and nothing when it is empty", () => {
    expect(jsonArrayBody(from(["1", '"a"', "{}"]), new Pacer())).toBe('[1,"a",{}]');
    expect(jsonArrayBody(from([]), new Pacer())).toBeNull();
  });

  test.each([
    ["many items", Array.from({ length: 5000 }, (_, i) => String(i))],
    ["exactly a piece of items", Array.from({ length: 256 }, (_, i) => String(i))],
    ["exactly two", Array.from({ length: 512 }, (_, i) => String(i))],
    ["large items", Array.from({ length: 5 }, (_, i) => JSON.stringify("\u00e4".repeat(100_000 + i)))],
    ["an item and many steps without any", ['"first"', ...Array<null>(3000).fill(null), '"last"']],
    ["steps without any at the end", ['"first"', ...Array<null>(3000).fill(null)]],
  ])("%s", async (_what, items) => {
    const body = jsonArrayBody(from(items), new Pacer());
    expect(body).toBeInstanceOf(ReadableStream);
    expect(await read(body)).toBe(`[${items.filter((item) => item !== null).join(",")}]`);
  });

  test("any items", async () => {
    const item = fc.oneof(
      { weight: 5, arbitrary: fc.constant(null) },
      { weight: 5, arbitrary: fc.nat().map(String) },
      { weight: 1, arbitrary: fc.nat(200_000).map((length) => JSON.stringify("v".repeat(length))) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(item, { maxLength: 700, size: "max" }), async (rest) => {
        const items = ["0", ...rest];
        const text = await read(jsonArrayBody(from(items), new Pacer()));
        expect(text === `[${items.filter((one) => one !== null).join(",")}]`).toBe(true);
      }),
      { numRuns: 30 },
    );
  });

  test("makes nothing before it is taken, and lets go of what is given up", async () => {
    let made = 0;
    let isOver = false;
    function* items(): JsonItems {
      try {
        for (;;) yield String(made++);
      } finally {
        isOver = true;
      }
    }
    const body = jsonArrayBody(items(), new Pacer()) as ReadableStream<Uint8Array>;
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(made).toBe(256);
    const reader = body.getReader();
    await reader.read();
    await reader.cancel();
    expect(isOver).toBe(true);
    expect(made).toBe(256);
  });

  test("breaks off where its items do: nobody takes half of it for the whole", async () => {
    function* items(): JsonItems {
      for (let i = 0; i < 300; i++) yield "1";
      throw new Error("the disk is gone");
    }
    const pacer = new Pacer();
    await expect(read(jsonArrayBody(items(), pacer))).rejects.toThrow("the disk is gone");
    await pacer.turn();
  });
});

describe("a pacer", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  /** Whatever can run before the next task has run. */
  const thisTask = async () => {
    for (let i = 0; i < 100; i++) await Promise.resolve();
  };

  test("lets them go one by one, in their order, and a few at a time", async () => {
    const pacer = new Pacer();
    const order: number[] = [];
    let atOnce = 0;
    const work = async (i: number) => {
      await pacer.turn();
      expect(++atOnce).toBe(1);
      order.push(i);
      atOnce--;
      pacer.done(256);
    };
    const all = Promise.all(Array.from({ length: 6 }, (_, i) => work(i)));
    await thisTask();
    expect(order).toEqual([0, 1]);
    vi.advanceTimersToNextTimer();
    await thisTask();
    expect(order).toEqual([0, 1, 2, 3]);
    vi.advanceTimersToNextTimer();
    await thisTask();
    await all;
    expect(order).toHaveLength(6);
  });

  test("what is quick is not held up", async () => {
    const pacer = new Pacer();
    for (let i = 0; i < 100; i++) {
      await pacer.turn();
      pacer.done(1);
    }
    vi.advanceTimersToNextTimer();
    await thisTask();
    expect(vi.getTimerCount()).toBe(0);
  });
});
