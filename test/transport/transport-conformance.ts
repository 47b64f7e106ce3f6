import { afterEach, describe, expect, test } from "vitest";
import type { Transport, TransportReply } from "../../shared/node/ports.ts";
import { TransportError } from "../../shared/node/ports.ts";

/** One adapter together with the means to play its peers. */
export interface TransportHarness {
  readonly transport: Transport;
  /** The address of a new peer that answers each exchange so. */
  peer(answer: (body: string) => Promise<TransportReply>): Promise<string>;
  /** The address of a peer that takes every exchange in and hangs up instead of answering. */
  hangingUp(): Promise<string>;
  /** An address where nobody listens, on a machine that says so. */
  nobody(): Promise<string>;
  close(): Promise<void>;
}

/** More than any test needs: a call that should not time out must not on a slow machine either. */
const LONG_MS = 20_000;

/** What every Transport does (shared/node/ports.ts). */
export function testTransport(name: string, make: () => Promise<TransportHarness>): void {
  describe(`${name} is a transport`, () => {
    let harness: TransportHarness | undefined;
    afterEach(async () => {
      await harness?.close();
      harness = undefined;
    });

    async function setUp(): Promise<TransportHarness> {
      harness = await make();
      return harness;
    }

    async function failure(call: Promise<unknown>): Promise<string> {
      const error: unknown = await call.then(
        () => expect.unreachable("the call was answered"),
        (reason: unknown) => reason,
      );
      expect(error).toBeInstanceOf(TransportError);
      expect((error as Error).message).not.toContain("\n");
      return (error as TransportError).failure;
    }

    test.each([
      ["empty", ""],
      ["JSON", '{"messages":[]}'],
      ["not ASCII", "\u00e4\u{1f600}\u2028\ufeff\u0000"],
      ["a mebibyte", "x".repeat(1_048_576)],
    ])("carries a body both ways unchanged: %s", async (_what, body) => {
      const { transport, peer } = await setUp();
      const heard: string[] = [];
      const address = await peer(async (text) => {
        heard.push(text);
        return { status: 200, body: text };
      });
      expect(await transport.post(address, body, LONG_MS)).toEqual({ status: 200, body });
      expect(heard).toEqual([body]);
    });

    test.each([200, 400, 403, 413, 429, 500, 503])("status %i is a reply, not a failure", async (status) => {
      const { transport, peer } = await setUp();
      const address = await peer(async () => ({ status, body: '{"code":"x"}' }));
      expect(await transport.post(address, "{}", LONG_MS)).toEqual({ status, body: '{"code":"x"}' });
    });

    test("nobody there: refused", async () => {
      const { transport, nobody } = await setUp();
      expect(await failure(transport.post(await nobody(), "{}", LONG_MS))).toBe("refused");
    });

    test("no answer in time: timeout", async () => {
      const { transport, peer } = await setUp();
      const address = await peer(() => new Promise(() => undefined));
      expect(await failure(transport.post(address, "{}", 50))).toBe("timeout");
    });

    test("hung up on: broken, and not sent again", async () => {
      const { transport, hangingUp } = await setUp();
      expect(await failure(transport.post(await hangingUp(), "{}", LONG_MS))).toBe("broken");
    });

    test.each(["", "nonsense", "ftp://127.0.0.1/", "//127.0.0.1:1"])(
      "address %j: broken",
      async (address) => {
        const { transport } = await setUp();
        expect(await failure(transport.post(address, "{}", LONG_MS))).toBe("broken");
      },
    );

    test("replies find the calls they belong to", async () => {
      const { transport, peer } = await setUp();
      const waiting: (() => void)[] = [];
      const address = await peer(async (body) => {
        // Answered only when all have come, in the opposite order.
        await new Promise<void>((resolve) => {
          waiting.unshift(resolve);
          if (waiting.length === 8) for (const next of waiting) next();
        });
        return { status: 200, body: `re ${body}` };
      });
      const bodies = ["a", "b", "c", "d", "e", "f", "g", "h"];
      const replies = await Promise.all(bodies.map((body) => transport.post(address, body, LONG_MS)));
      expect(replies.map((reply) => reply.body)).toEqual(bodies.map((body) => `re ${body}`));
    });

    test("a failure leaves nothing behind: the next call works", async () => {
      const { transport, peer } = await setUp();
      let calls = 0;
      const address = await peer(() => {
        calls += 1;
        return calls === 1 ? new Promise(() => undefined) : Promise.resolve({ status: 200, body: "later" });
      });
      expect(await failure(transport.post(address, "{}", 50))).toBe("timeout");
      expect((await transport.post(address, "{}", LONG_MS)).body).toBe("later");
    });
  });
}
